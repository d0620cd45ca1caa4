package main

import (
	"bytes"
	"fmt"
	"log"
	"slices"
	"strings"

	"codeberg.org/readeck/go-readability/v2"
	"github.com/markusmobius/go-trafilatura"
	"golang.org/x/net/html"

	"github.com/newswatch/newswatch/extractors/readable"
	"github.com/newswatch/newswatch/extractors/readable/readabletest"
)

// fewPages is how many pages with known text a language needs to be told of.
const fewPages = 5

// languages is the table of the texts by the language of the pages.
func languages(measured []map[string]*readabletest.Score) string {
	var b strings.Builder
	b.WriteString("| language | pages |")
	for _, e := range extractors {
		name := e.name
		if name == "newswatch" {
			name += ", fitted on them"
		}
		fmt.Fprintf(&b, " %s |", name)
	}
	fmt.Fprintf(&b, "\n|---|---:|%s\n", strings.Repeat("---|", len(extractors)))
	for _, key := range readabletest.Names(measured[0]) {
		lang, ok := strings.CutPrefix(key, "lang ")
		if !ok || measured[0][key].Bodies < fewPages {
			continue
		}
		fmt.Fprintf(&b, "| %s | %d |", lang, measured[0][key].Bodies)
		for _, scores := range measured {
			_, _, f, same := scores[key].Text()
			fmt.Fprintf(&b, " %.3f / %.2f |", f, same)
		}
		b.WriteString("\n")
	}
	return b.String()
}

// metadata is the table of titles, authors and dates by set and by language.
func metadata(pages []readabletest.Page) (string, error) {
	pages = slices.DeleteFunc(pages, func(p readabletest.Page) bool {
		return p.Title == "" && len(p.Authors()) == 0 && len(p.Date) < len("2006-01-02")
	})
	read := []extractor{{"go-readability v2.1.3", readabilityMetadata}, {"go-trafilatura v1.12.2", trafilaturaMetadata}, {"newswatch", newswatch}}
	var measured []map[string]*readabletest.Score
	var b strings.Builder
	b.WriteString("| set or language | pages |")
	for _, e := range read {
		log.Printf("metadata: %s", e.name)
		scores, err := readabletest.Measure(pages, e.extract)
		if err != nil {
			return "", err
		}
		measured = append(measured, scores)
		fmt.Fprintf(&b, " %s |", e.name)
	}
	fmt.Fprintf(&b, "\n|---|---:|%s\n", strings.Repeat("---|", len(read)))
	for _, key := range readabletest.Names(measured[0]) {
		if measured[0][key].Pages < fewPages {
			continue
		}
		fmt.Fprintf(&b, "| %s | %d |", key, measured[0][key].Pages)
		for _, scores := range measured {
			s := scores[key]
			fmt.Fprintf(&b, " %s / %s / %s |", strings.TrimSpace(readabletest.Share(s.TitlesRight, s.Titles)),
				strings.TrimSpace(readabletest.Share(s.AuthorsRight, s.Authors)), strings.TrimSpace(readabletest.Share(s.DatesRight, s.Dates)))
		}
		b.WriteString("\n")
	}
	return b.String(), nil
}

func readabilityMetadata(body []byte, p readabletest.Page) (got readabletest.Got, err error) {
	text, _ := readable.Decode(body, "")
	doc, err := html.Parse(bytes.NewReader(text))
	if err != nil {
		return got, err
	}
	parser := readability.NewParser()
	article, err := parser.ParseAndMutate(doc, address(p))
	if err != nil {
		return got, err
	}
	got.Title, got.Author = article.Title(), article.Byline()
	got.Published, _ = article.PublishedTime() // an error says that there is none
	return got, nil
}

func trafilaturaMetadata(body []byte, p readabletest.Page) (got readabletest.Got, err error) {
	text, _ := readable.Decode(body, "")
	doc, err := html.Parse(bytes.NewReader(text))
	if err != nil {
		return got, err
	}
	result, err := trafilatura.ExtractDocument(doc, trafilatura.Options{OriginalURL: address(p), ExcludeComments: true, HtmlDateMode: trafilatura.Extensive})
	if err != nil {
		return got, err
	}
	m := result.Metadata
	return readabletest.Got{Title: m.Title, Author: m.Author, Published: m.Date}, nil
}
