// Package index keeps the articles searchable: in go articles from their
// stream, out come search results, whole articles, counts. It is the only
// package that knows Bleve.
//
// It is a view. What it lacks it asks for again ([Index.From]), and it may be
// deleted at any time at the price of a replay.
//
// # On disk
//
// One Bleve index per month of the id's time, in a folder of that name
// (2026-11), and checkpoint.json beside them. A partition that can't be opened
// is moved to 2026-11.damaged-<time>, an empty one takes its place, and is filled
// in the background with what can be read of the damaged one (wreck.go,
// zapfile.go), which is far more than Bleve can. One that is found damaged while
// it is open goes on answering until another, made beside it, takes its place
// (renew.go). The same way Reindex makes partitions anew whose mapping is not
// the one of today (mappingVersion). RELIABILITY.md has what becomes of which
// damage.
//
// A partition whose time has been over for a while (index.seal_after) is sealed:
// merged to one segment, copied beside itself, checked, put in its own place,
// and opened read-only. seal.json in its folder then has the size and checksum
// of every file. A late write removes the seal; later it is sealed again. What
// else can stand beside a partition's folder for a moment is told in folders.go:
// whenever the process dies, one whole folder is there at the next start.
//
// Segments are zap's, format 17. New ones, of a batch, are made by
// internal/inverted, which takes a fifth of the time that Bleve does; they are
// read and merged by Bleve. How often an article is merged is in open.go.
//
// Once a day a scrub reads all segments, slowly, and compares their checksums,
// which Bleve itself never does.
//
// [Index.Snapshot] writes a copy of everything while writing goes on: the files
// of all partitions at one moment, and a checkpoint that asks for the rest of
// the stream. [RestoreSnapshot] makes an index of it, or nothing; [ResumeSnapshot]
// can be cut off and goes on from what has arrived. While one is
// written its files are linked into snapshot-*, which goes at the next start.
//
// What is on its way from one partition to another lies in moving-*.json until
// it is durable there (moves.go).
//
// Once a day retention removes what is not to be kept: partitions whole where
// nothing in them is, articles from others. What it removed is not written again
// when it comes late or in a replay. For the present it takes what the articles
// bear out, not the clock alone.
//
// While Bleve can't put on the disk what it holds, because it is full, writes
// are put off; Bleve goes on trying, and with room they go on.
//
// A document is an article under its id. The article itself is stored in it,
// compressed, so that it can be shown, highlighted, and indexed anew:
//
//	title, body            words with positions, no doc values
//	title.char, body.char  single Han characters; no positions
//	title.form, body.form  the words' folded forms and how they are written, for
//	                       prefixes and =exact; no positions
//	entity source site lang country tag kind story key author
//	                       the values of query.Values, as they are
//	has, is                "mention"; "copy"
//	copy_of                the article it is a copy of, as it is
//	day                    the day of the id
//	published              its day, hour, minute and second, for ranges
//	seen                   the second it was first seen in, for cursors
//	article, version       stored: the article; its revision and sequence
//
// # Searching
//
// A search takes the segments of all partitions as they are at one moment and
// evaluates the query's tree on each: a node is the set of documents it matches
// at least and the set it matches at most (eval.go), and where postings tell
// all, the two are one. Totals are the sizes of sets. What postings don't tell,
// positions do, for phrases and NEAR, and what those don't, the article itself
// and query's evaluator; both within bounds, the newest first, and a total that
// had to stop there says so.
//
// Nothing is sorted but what is shown: a page takes the first hits of the
// newest partition and goes on to the next while it is not full (page.go). What
// that needs of a segment (the times of its documents, the values of a facet,
// the groups of copies and stories) is worked out once and kept in memory, up to
// keptBytes, until the segment goes (kept.go); for new segments a goroutine
// does so ahead (warm.go).
//
// A partition that fails, or breaks, or is too slow is left out and named in a
// warning.
//
// # One document per key
//
// An id is fixed when an article is first published, but ids can differ where
// state was lost. A batch therefore looks its keys up in all partitions (a
// filter per partition says at once "not here") and leaves exactly one
// document per key: the one with the highest revision, of those the one from
// the latest message. A message that comes again changes nothing.
//
// # What is missing
//
// Bleve makes a batch searchable at once and durable a little later. Every
// batch carries the partition's state into the partition itself: the number of
// its write, and the highest and lowest stream sequence ever written. When a
// write is durable, checkpoint.json gets the same, and only then is the batch
// acknowledged. So at the next start
//
//   - a partition at or past its checkpoint lacks nothing;
//   - a partition behind it was rolled back (a torn segment makes Bleve open
//     an older snapshot, silently): it lacks what came after its own sequence,
//     or earlier, where writes were out of order; the checkpoint remembers
//     those;
//   - a partition that is gone or damaged lacks everything from its lowest
//     sequence on, unless all of it can still be read;
//   - without a checkpoint, all is asked for again.
//
// The lowest of these is what From returns. The checkpoint keeps it until a
// batch has become durable after From was asked: by then the consumer has been
// set back, and a crash loses nothing. What is found missing later Behind tells.
// [Index.Exhausted] ends the waiting for what the stream has no more.
//
// # Several shards
//
// A corpus may be divided over several indexes, which then know nothing of each
// other. [Across] asks all of them and answers as one would; who has which, and
// where, is not known here.
//
// # Where things are
//
//	the index       index.go open.go partition.go period.go folders.go metrics.go
//	a document      document.go places.go forms.go times.go internal/inverted
//	writing         write.go moves.go filter.go commit.go checkpoint.go space.go
//	what matches    search.go run.go segments.go eval.go positions.go placed.go verify.go
//	what is shown   page.go cursor.go rank.go collapse.go facets.go show.go snippet.go nothing.go ids.go
//	kept in memory  kept.go warm.go
//	several shards  across.go part.go merge.go
//	damage          scrub.go watchdog.go recovery.go mend.go salvage.go wreck.go zapfile.go
//	made anew       renew.go reindex.go seal.go
//	retention       keep.go retention.go
//	copies          snapshot.go restore.go resume.go
package index
