// Package textnorm turns text into what newswatch compares: folded text with
// offsets kept, words with their script and case, and the tokens that indexing,
// queries, NEAR and highlighting all see.
//
// In goes UTF-8 (broken bytes are borne); out come folded bytes, words and
// tokens whose offsets are bytes of the original. It is pure: tables and
// functions of values, safe for concurrent use, and it owns no keys.
//
// # Folding
//
// Two texts that a reader takes for the same fold to the same bytes: full and
// half width, compatibility forms (ﬁ, Ⅷ), upper and lower case, diacritics (й is
// a letter of its own and stays; ё becomes е; strokes and ligatures such as ł, ø
// and æ become their base letters), ß and ss, curly and straight quotes, all
// dashes, all middle dots, all spaces, digits of every script, traditional and
// simplified Han, soft hyphens, zero-width and variation characters (dropped). A
// word of Latin and Cyrillic letters mixed whose odd letters all look like
// letters of the other script (Нuawei) becomes one of a single script. Symbols
// such as ™ and ² stay what they are, so that they end a word and don't join it.
//
// # Words
//
// A word is a run of one of three classes. Letters and digits of scripts that
// write spaces are bounded: a name must start and end where the word does. Han,
// kana, Thai, Lao, Khmer and Burmese are free: a name may start and end anywhere.
// Hangul starts where its word starts but may end anywhere, since particles are
// written on to the noun. Where the class changes a word ends: 华为P9 is two.
package textnorm

//go:generate sh -c "go run gen.go > tables.go.new && mv tables.go.new tables.go"
