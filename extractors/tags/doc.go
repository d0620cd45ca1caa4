// Package tags finds the tracked entities in a text.
//
// In go entities of the catalog, compiled once, and the title and text of an
// article; out come mentions with the exact bytes they stand at, the rule that
// found them and how sure it is. It is pure: no files, no clock, no network. A
// Matcher never changes and is safe for concurrent use; a new catalog is a new
// Matcher.
//
// # How a name is found
//
// Names and text are folded alike (package textnorm), so width, case,
// diacritics, dashes, invisible characters and traditional Han don't matter. A
// name of letters starts and ends where words do; Han, kana and Thai stand
// anywhere; Korean may be followed by particles. Between the words of a name may
// stand up to three characters of space, hyphen, dash, middle dot, apostrophe,
// quote or ampersand, or a single point (Mail.Ru, J. Ma). Other marks (a comma,
// a bracket, the point of St. Louis, the slash of AC/DC) stand only where the name
// has one, too; commas and points of a name may also be left out. A year may be
// written on to a name (WCG2011).
//
// A capital in the name wants a capital in the text, and a name in capitals
// wants capitals: WIC is not "wic". In a headline that is all capitals, or has
// one on each word, capitals say little and the confidence falls; in one
// without any, longer names are found without them.
//
// # Rules
//
//	exact    the name as the catalog has it
//	acronym  the same, for a name in capitals
//	form     an inflected form: Хуавея, МИДа, iPhones, Huaweis (German). Cyrillic
//	         names are inflected as Russian or Ukrainian, names marked pl as Polish.
//	         Names of other Slavic languages, and any in articles of such a
//	         language, may go on with any three letters after a stem of four
//	variant  words joined or apart: YotaPhone, Yota Phone; an organization without
//	         its legal form, where the article has the whole name: ООО «Ромашка»
//	order    a person's last name first: Путин Владимир
//	initial  a person's first name as initial: В. Путин, J. Ma
//	surname  a person's last name alone, where the article has the full name too
//	context  a name whose near or must words are there
//
// # Near, not, must
//
// Near and not words are looked for in the same sentence and within 15 words
// before and after the name (a Han character is a word), must words in the whole
// article. They are found in their inflected forms. A not word that has the
// name in it blocks it there only: 升华为, not 华为 beside it; Big Apple.
//
// # Names in names
//
// Where two names overlap the longer wins. A shorter one of another entity
// inside it is kept and marked nested; one that only overlaps is dropped. A text
// that is a name of two entities is reported for the one that has it in these
// capitals (WHO and Who), else for both, less surely.
//
// # Confidence, salience, explaining
//
// The confidence of a mention is the share of the mentions of its rule that were
// right on gold documents, less what a headline without or of capitals and a name
// of several entities take from it. Mentions under even odds
// ([pipeline.MinConfidence]) are reported, but don't count: not for an article's
// entities, not for queries and watches; nor do nested ones. How much an article
// is about an entity, by title, lead and number of mentions, is
// [pipeline.Article.Salience]. [Matcher.Explain] says of each place where a name of an
// entity stands why it counts or what blocks it.
package tags
