// Package query is the query language of search, watches and back-tests: text
// in, a tree out, and that tree evaluated against one article, or ten thousand
// trees against one article at once.
//
// It owns the meaning of a query. An index may find its candidates as it
// likes, but its verdict on an article must be that of [Query.Match]; the
// sections below are the definition both are held to.
//
// # Language
//
//	huawei chip          both words             a OR b, NOT a, -a, ( … )
//	"world internet"     words in a row         "a b c"~8   all within 8 words
//	a NEAR/5 b           within 5 words         word*       words that begin so
//	=Apple               this form and case     *           every article
//	title: body:         text of that field     author: source: site: lang:
//	                                            country: tag: entity: about: kind:
//	                                            story: key:
//	after:2015-12-01     that moment or later   before:2015-12-31T12:00:00Z
//	last:7d              h d w m y              has:mention  is:copy
//
// NEAR binds tightest, then NOT and -, then AND (also where only a space
// stands), then OR. A field before a group holds for all in it:
// title:(a OR b). AND, OR, NOT and NEAR are operators only in capitals and
// bare; in quotes they are words. Typographic quotes and full-width
// parentheses and colons count as the plain ones, && and || as AND and OR. Bare
// punctuation is skipped, so that a pasted headline is a query, and that of
// Chinese sets words apart as a space does. [Query.Hints] says what may have been
// meant otherwise.
//
// # Words
//
// Query and article go through textnorm.Analyze, which gives each token a term
// (folded, stemmed) and a position. Of a run of Han characters (and of other
// scripts that set no spaces, and Hangul, which go the same way) each character
// has a position, and there both its unigram and the bigram it begins. A word
// with a sign that makes it another name (C++, C#, OPEC+, .NET) is there without
// and with it: the word finds both, the word with its sign that only. Two words
// with an ampersand between them (AT&T) are a bigram, too. Words that a hyphen, an
// apostrophe, points or a comma set apart are there joined, too, where they are as
// often written so (wifi of Wi-Fi, us of U.S., see textnorm), at the position of
// the first of them.
//
//   - [Term] matches a token with that term. One Han character is its unigram,
//     two are their bigram.
//   - [Phrase] matches where its terms stand at successive positions of one
//     field. A run of three and more Han characters is the phrase of its
//     bigrams; where another word follows it within the phrase, the unigram of
//     its last character stands between, so that positions stay successive.
//     So it is with words joined by ampersands.
//     A bare word of several tokens (wi/fi) is a phrase, too. Where it is one that
//     is also written joined it is that or the joined word: Wi-Fi is "Wi-Fi" OR
//     WiFi, and U.S. is "U.S." OR =US, lest it be the word us. Beside NEAR only
//     what needs no capitals counts.
//   - [Near] matches where each part has an occurrence, all in one field, no
//     two beginning at the same position, and the one that begins last begins
//     at most N positions after the end of the one that begins first. Order
//     does not count. A Han character counts as a word.
//   - [Prefix] matches a token that is no bigram nor joined and whose folded form, not
//     its stem, begins with the prefix: textnorm.Fold(text[Start:End]).
//   - [Exact] matches where its terms stand as a phrase and the field's own
//     bytes, from the first token's start to the last one's end, are those of
//     Text, any white space counting as one space; no sign that makes the first
//     or last word another name is left out.
//
// A field "" is title or body; title and body are never joined, so a phrase
// or a Near lies in one of them.
//
// # Keywords and times
//
// A [Keyword] matches when its Value, normalised by [Parse], is one of the
// article's [Values] for the field. An index that stores those values as they
// are, and looks them up as they are, has the same meaning:
//
//   - entity, kind, has:mention: of mentions that are not nested
//   - source, story, key, lang, country, tag: whole value, folded; lang:zh also
//     is zh-hans
//   - site: the host of the URL or a domain above it: site:kommersant.ru is
//     www.kommersant.ru, and site:ru is every .ru
//   - author: up to [AuthorWords] words in a row of the author line, folded
//
// A [Time] is about Published: After ≤ published < Before. Dates are days of
// UTC. last:7d is counted back from the moment of asking.
package query
