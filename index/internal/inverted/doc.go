// Package inverted makes Bleve's segments faster than Bleve does: in go the
// documents of a batch, their terms already counted, out comes a segment of zap,
// format 17, which zapx opens, reads and merges like its own. It owns no keys and
// no files.
//
// What it writes is, byte for byte, what zapx writes of the same documents, but
// for the list of a field's sections, which zapx writes in random order and with
// those it has not; a test compares them. zapx goes through maps for that: one of
// terms for each field of each document, and one for each field of the batch,
// asked twice for each term. Here a document's terms are a list, each with the
// hash by which it was found to be there once; a batch's are numbered by one hash
// table, put in order once, and written out. That takes a fifth of the time and a
// tenth of the memory.
//
// The format, as zapx v17 has it (all numbers of unknown size are varints, all
// others big endian):
//
//	for each document: length of meta, length of id and data; meta; id; data
//	    meta: length of the id; for each value stored: field, type, offset,
//	    length, number of array positions (0)
//	    data: the values, by number of field, Snappy
//	8 bytes for each document, where it begins; 0, the number of nested ones
//	for each field:
//	    for each term, in order: frequencies; locations; where these two begin
//	        (0: there are none), length of the bitmap, documents as a Roaring
//	        bitmap
//	    length of the dictionary; the dictionary, a vellum FST from the term to
//	        where its two beginnings stand
//	    doc values, where it has them: blocks of 1024 documents: number of
//	        documents with values; for each, its number and where they end;
//	        the values, each with 0xFF behind it, Snappy; then where each block
//	        ends; 8 bytes, the length of that; 8 bytes, the number of blocks
//	    where the doc values begin and end (2^64-1: none), where the dictionary
//	        begins; this is what the list of fields leads to
//	for each field: length of its name, name, options, number of sections (1),
//	    2 bytes (0: inverted text), 8 bytes, where it is
//	number of fields; 8 bytes for each, where it stands in that list
//
// Frequencies and locations are in blocks, which hold about 1024 postings each:
// number of blocks, where each ends, then for each posting its frequency times
// two, plus one where it has a location, and, unless it is 0, the length of the
// document's field; and of those that have one, its size, the field, three zeros,
// the number of array positions, and these.
package inverted
