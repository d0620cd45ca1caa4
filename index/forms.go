package index

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/newswatch/newswatch/extractors/textnorm"
)

// A field's forms, which prefixes are looked up in, also tell how the words were
// written, so that =exact forms are found without reading articles. A form that
// is the word itself stands alone. One of a word in other letters has a mark and
// how it was written behind: a code where that is with a capital or in capitals,
// as nearly all such words are, else the word itself. Of a word with a sign that
// makes it another name (see textnorm) only the word with its sign counts as
// written so; the one without has a code that no word has.
//
// Measured over 15,000 articles in three languages: 0.2 % more disk, and no more
// processor time than runs differ by.
const (
	formMark  = "\x00"
	capital   = "t" // Apple; one letter folds to itself, so no word is written as a code
	capitals  = "u" // APPLE
	hasASign  = "+" // the C of C++
	formRunes = 2   // of a form, at least: a prefix has as many
)

// markedForm is the form of a word written as raw.
func markedForm(form, raw string) string {
	if form == raw {
		return form
	}
	return form + formMark + formCode(form, raw)
}

func formCode(form, raw string) string {
	first, n := utf8.DecodeRuneInString(form)
	upper, m := utf8.DecodeRuneInString(raw)
	if unicode.ToUpper(first) == upper && form[n:] == raw[m:] {
		return capital
	}
	rest := raw
	for _, r := range form {
		upper, m := utf8.DecodeRuneInString(rest)
		if unicode.ToUpper(r) != upper {
			return raw
		}
		rest = rest[m:]
	}
	if rest != "" {
		return raw
	}
	return capitals
}

// plainForm is a form without its mark.
func plainForm(marked string) string {
	form, _, _ := strings.Cut(marked, formMark)
	return form
}

// formsOf appends the forms of a text's tokens, marked.
func formsOf(forms []string, text string, tokens []textnorm.Token) []string {
	for i, t := range tokens {
		if t.Bigram || t.Joined || isChar(t.Term) {
			continue
		}
		raw := text[t.Start:t.End]
		form := textnorm.Fold(raw)
		if utf8.RuneCountInString(form) < formRunes {
			continue
		}
		if i+1 < len(tokens) && tokens[i+1].Sign {
			forms = append(forms, form+formMark+hasASign)
		} else {
			forms = append(forms, markedForm(form, raw))
		}
	}
	return forms
}

// exactForms is the forms, marked, that every text has in which text stands as
// it is, of the words that have forms. They are all there is to it where text is
// one word: then a text that has the form has it.
func exactForms(text string) (forms []string, alone bool) {
	tokens := textnorm.Analyze(nil, text)
	words := 0
	for i, t := range tokens {
		if t.Joined || i+1 < len(tokens) && tokens[i+1].Sign { // which is what counts
			continue
		}
		words++
		forms = formsOf(forms, text, tokens[i:i+1])
	}
	return forms, words == 1 && len(forms) == 1
}
