// Peers measures other Go extractors on the pages that newswatch is measured on,
// and writes the table into BENCHMARKS.md between its marks:
//
//	NEWSWATCH_CORPORA=… go run -C cmd/internal/bench/peers . -update
//
// With -texts it measures nothing and keeps the texts of each, for the command
// extractors/readable/internal/fit, which tells what they are worth as voters.
//
// It is a module of its own, so that the product links none of them. The texts
// of newswatch are not in the table, since its model is fitted on these pages;
// what it finds on hosts that it was not fitted on stands in the table beside,
// written by extractors/readable/internal/fit -folds. Its speed is.
package main

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"log"
	"net/url"
	"os"
	"path/filepath"
	"strings"

	"codeberg.org/readeck/go-readability/v2"
	"github.com/PuerkitoBio/goquery"
	"github.com/markusmobius/go-trafilatura"
	"golang.org/x/net/html"

	"github.com/newswatch/newswatch/extractors/readable"
	"github.com/newswatch/newswatch/extractors/readable/readabletest"
)

const root = "../../../.."

// An extractor is given UTF-8: that some of them guess charsets badly is not
// what is measured.
type extractor struct {
	name    string
	extract func(body []byte, p readabletest.Page) (readabletest.Got, error)
}

var extractors = []extractor{
	{"goquery, article p", paragraphs},
	{"go-readability v2.1.3", readabilityText},
	{"go-trafilatura v1.12.2, fast", func(b []byte, p readabletest.Page) (readabletest.Got, error) { return trafilaturaText(b, p, false) }},
	{"go-trafilatura v1.12.2, fallback", func(b []byte, p readabletest.Page) (readabletest.Got, error) { return trafilaturaText(b, p, true) }},
	{"newswatch", newswatch},
}

var sets = []string{"scrapinghub", "fundus", "gne", "gne-trimmed", "newspaper4k", "wcxb-dev", "written-ru", "written-zh"}

func main() {
	update := flag.Bool("update", false, "write the table into BENCHMARKS.md")
	texts := flag.String("texts", "", "measure nothing, write the texts of each extractor into this folder")
	flag.Parse()
	pages, err := readabletest.Pages(os.Getenv("NEWSWATCH_CORPORA"))
	if err != nil {
		log.Fatal(err)
	}
	hand, err := readabletest.Written(filepath.Join(root, "extractors/readable/testdata/pages"))
	if err != nil {
		log.Fatal(err)
	}
	var known []readabletest.Page
	for _, p := range append(pages, hand...) {
		if p.Body != "" || len(p.W) > 0 {
			known = append(known, p)
		}
	}
	if *texts != "" {
		if err := write(*texts, known); err != nil {
			log.Fatal(err)
		}
		return
	}
	var b strings.Builder
	fmt.Fprintf(&b, "| extractor | %s | segments | pages/s | p99 ms | allocs/page | failed |\n|---|%s---|---|---|---|---|\n",
		strings.Join(sets, " | "), strings.Repeat("---|", len(sets)))
	var measured []map[string]*readabletest.Score // of each extractor
	for _, e := range extractors {
		log.Print(e.name)
		scores, err := readabletest.Measure(known, e.extract)
		if err != nil {
			log.Fatal(err)
		}
		measured = append(measured, scores)
		fmt.Fprintf(&b, "| %s |", e.name)
		for _, set := range sets {
			if s := scores[set]; s != nil && e.name != "newswatch" {
				_, _, f, same := s.Text()
				fmt.Fprintf(&b, " %.3f / %.2f |", f, same)
			} else {
				b.WriteString(" |")
			}
		}
		all := scores["all"]
		if e.name == "newswatch" {
			b.WriteString(" |")
		} else {
			_, _, f := all.Segments()
			fmt.Fprintf(&b, " %.3f |", f)
		}
		speed, p99 := scores["scrapinghub"].Speed()
		fmt.Fprintf(&b, " %.0f | %.1f | %d | %d |\n", speed, float64(p99.Microseconds())/1000,
			scores["scrapinghub"].Allocs/uint64(scores["scrapinghub"].Pages), all.Failed)
	}
	tables := map[string]string{"extraction peers": b.String(), "extraction languages": languages(measured)}
	if tables["extraction metadata"], err = metadata(append(pages, hand...)); err != nil {
		log.Fatal(err)
	}
	for name, table := range tables {
		fmt.Printf("%s\n%s\n", name, table)
		if *update {
			if err := readabletest.WriteBetween(filepath.Join(root, "BENCHMARKS.md"), name, table); err != nil {
				log.Fatal(err)
			}
		}
	}
}

// write keeps the texts of the others, by set and name of the page, a file each.
func write(dir string, pages []readabletest.Page) error {
	for _, e := range extractors {
		if e.name == "newswatch" {
			continue
		}
		texts := make(map[string]string)
		for _, p := range pages {
			body, err := os.ReadFile(p.Path)
			if err != nil {
				return err
			}
			got, err := e.extract(body, p)
			if err != nil {
				log.Printf("%s: %s: %v", e.name, p.Path, err)
			}
			texts[p.Set+" "+p.ID] = got.Text
		}
		data, err := json.Marshal(texts)
		if err != nil {
			return err
		}
		if err := os.WriteFile(filepath.Join(dir, e.name+".json"), data, 0o644); err != nil {
			return err
		}
	}
	return nil
}

func newswatch(body []byte, p readabletest.Page) (readabletest.Got, error) {
	page, err := readable.Extract(body, readable.Options{URL: p.URL})
	return readabletest.Got{Text: page.Text, Title: page.Title, Author: page.Author, Published: page.Published}, err
}

func paragraphs(body []byte, _ readabletest.Page) (readabletest.Got, error) {
	text, _ := readable.Decode(body, "")
	doc, err := goquery.NewDocumentFromReader(bytes.NewReader(text))
	if err != nil {
		return readabletest.Got{}, err
	}
	for _, sel := range []string{"article p", "main p", "p"} {
		var out []string
		doc.Find(sel).Each(func(_ int, s *goquery.Selection) { out = append(out, s.Text()) })
		if len(out) > 0 {
			return readabletest.Got{Text: strings.Join(out, "\n\n")}, nil
		}
	}
	return readabletest.Got{}, nil
}

func readabilityText(body []byte, p readabletest.Page) (readabletest.Got, error) {
	text, _ := readable.Decode(body, "")
	doc, err := html.Parse(bytes.NewReader(text))
	if err != nil {
		return readabletest.Got{}, err
	}
	parser := readability.NewParser()
	article, err := parser.ParseAndMutate(doc, address(p))
	if err != nil || article.Node == nil {
		return readabletest.Got{}, err
	}
	return got(article.Node)
}

func trafilaturaText(body []byte, p readabletest.Page, fallback bool) (readabletest.Got, error) {
	text, _ := readable.Decode(body, "")
	doc, err := html.Parse(bytes.NewReader(text))
	if err != nil {
		return readabletest.Got{}, err
	}
	result, err := trafilatura.ExtractDocument(doc, trafilatura.Options{
		OriginalURL: address(p), EnableFallback: fallback, ExcludeComments: true, HtmlDateMode: trafilatura.Disabled,
	})
	if err != nil {
		return readabletest.Got{}, err
	}
	return got(result.ContentNode)
}

// got renders a tree as newswatch does.
func got(n *html.Node) (readabletest.Got, error) {
	var b bytes.Buffer
	if err := html.Render(&b, n); err != nil {
		return readabletest.Got{}, err
	}
	text, err := readable.Text(b.String())
	return readabletest.Got{Text: text}, err
}

func address(p readabletest.Page) *url.URL {
	u, err := url.Parse(p.URL)
	if err != nil || u.Host == "" {
		u = &url.URL{Scheme: "http", Host: "page.invalid", Path: "/"}
	}
	return u
}
