// Package readabletest holds what measures an extraction: pages with known
// text, and the measures that published figures use.
package readabletest

import (
	"bufio"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"unicode"
)

// A Page is a page with what is known of it, a line of articles/pages.jsonl.
type Page struct {
	Set, ID, Path, URL, Body, Title, Date, Lang string

	Author any      // a string or a list of them
	W, WO  []string // segments that must, and must not, be in the text

	Standfirst string // may be in the text or not
}

// Pages reads articles/pages.jsonl of the corpora. Paths are made absolute.
func Pages(corpora string) ([]Page, error) {
	dir := filepath.Join(corpora, "articles")
	f, err := os.Open(filepath.Join(dir, "pages.jsonl"))
	if err != nil {
		return nil, err
	}
	defer f.Close()
	var pages []Page
	sc := bufio.NewScanner(f)
	sc.Buffer(nil, 16<<20)
	for n := 1; sc.Scan(); n++ {
		var p Page
		if err := json.Unmarshal(sc.Bytes(), &p); err != nil {
			return nil, fmt.Errorf("%s: line %d: %w", f.Name(), n, err)
		}
		p.Path = filepath.Join(dir, p.Path)
		pages = append(pages, p)
		if p.Set == "gne" {
			p.Set, p.Body = "gne-trimmed", trim(p.Body)
			pages = append(pages, p)
		}
	}
	return pages, sc.Err()
}

// trimmed are what begins the lines that the containers in the set gne hold
// beside the article: credits, the player, links to other articles.
var trimmed = regexp.MustCompile(`^[（(【\[ ]*(责任编辑|编辑[：:]|本文来源|来源[：:]|（?原标题|原标题|信息来源|免责声明|延伸阅读|延伸 · 推荐|您的浏览器暂时无法|本文来自)`)

// trim drops such lines, and what follows the heading of links.
func trim(text string) string {
	var kept []string
	for l := range strings.SplitSeq(text, "\n") {
		if strings.HasPrefix(l, "延伸") && len(l) < 60 {
			break
		}
		if !trimmed.MatchString(l) {
			kept = append(kept, l)
		}
	}
	return strings.TrimSpace(strings.Join(kept, "\n"))
}

// Written reads the pages written by hand, which stand in folders by language
// with what is known of each beside it.
func Written(dir string) ([]Page, error) {
	files, err := filepath.Glob(filepath.Join(dir, "*", "*.json"))
	if err != nil {
		return nil, err
	}
	var pages []Page
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			return nil, err
		}
		var known struct {
			Page
			Text string
		}
		if err := json.Unmarshal(data, &known); err != nil {
			return nil, fmt.Errorf("%s: %w", file, err)
		}
		p := known.Page
		p.Body = known.Text
		p.Path = strings.TrimSuffix(file, ".json") + ".html"
		lang := filepath.Base(filepath.Dir(file))
		p.Set, p.ID = "written-"+lang, lang+"/"+strings.TrimSuffix(filepath.Base(file), ".json")
		pages = append(pages, p)
	}
	return pages, nil
}

// Score is [Compare] with the page's text, with its standfirst or without,
// whichever fits better.
func (p Page) Score(text string) (precision, recall float64, same bool) {
	precision, recall, same = Compare(p.Body, text)
	if p.Standfirst != "" {
		p2, r2, s2 := Compare(p.Standfirst+"\n\n"+p.Body, text)
		if p2+r2 > precision+recall {
			return p2, r2, s2
		}
	}
	return precision, recall, same
}

// Authors are the names of the page's authors.
func (p Page) Authors() []string { return authors(p.Author) }

func authors(v any) []string {
	var names []string
	switch x := v.(type) {
	case string:
		for n := range strings.FieldsFuncSeq(x, func(r rune) bool { return r == ';' || r == ',' }) {
			names = append(names, strings.TrimSpace(n))
		}
	case []any:
		for _, e := range x {
			names = append(names, authors(e)...)
		}
	}
	return slices.DeleteFunc(names, func(n string) bool { return n == "" })
}

// Segments counts the segments of a page that must be in the text and are,
// those that must be, and those that must not be and are.
func (p Page) Segments(text string) (found, must, wrong int) {
	text = strings.Join(strings.Fields(text), " ")
	for _, w := range p.W {
		must++
		if strings.Contains(text, strings.Join(strings.Fields(w), " ")) {
			found++
		}
	}
	for _, w := range p.WO {
		if strings.Contains(text, strings.Join(strings.Fields(w), " ")) {
			wrong++
		}
	}
	return found, must, wrong
}

// Compare is scrapinghub's measure of a text: precision and recall over the
// multisets of 4 tokens, and whether the two are the same token for token.
// Tokens are runs of word characters; wide characters are tokens of their own.
func Compare(want, got string) (precision, recall float64, same bool) {
	a, b := tokens(want), tokens(got)
	same = slices.Equal(a, b)
	count := make(map[string]int)
	na := eachShingle(a, func(s string) { count[s]++ })
	tp := 0
	nb := eachShingle(b, func(s string) {
		if count[s] > 0 {
			count[s]--
			tp++
		}
	})
	if na > 0 {
		recall = float64(tp) / float64(na)
	}
	if nb > 0 {
		precision = float64(tp) / float64(nb)
	}
	return precision, recall, same
}

func eachShingle(tokens []string, f func(string)) int {
	if len(tokens) == 0 {
		return 0
	}
	n := max(1, len(tokens)-3)
	for i := range n {
		f(strings.Join(tokens[i:min(len(tokens), i+4)], " "))
	}
	return n
}

func tokens(s string) []string {
	var out []string
	start := -1
	for i, r := range s + " " {
		word := r == '_' || unicode.IsLetter(r) || unicode.IsNumber(r)
		cjk := r >= 0x2e80 && unicode.In(r, unicode.Han, unicode.Hiragana, unicode.Katakana)
		if start >= 0 && (!word || cjk) {
			out = append(out, s[start:i])
			start = -1
		}
		if cjk {
			out = append(out, string(r))
		} else if word && start < 0 {
			start = i
		}
	}
	return out
}
