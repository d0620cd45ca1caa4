package catalog

import (
	"bufio"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"unicode"

	"github.com/newswatch/newswatch/pipeline/corpora"
)

func TestStarterIsValid(t *testing.T) {
	c := Starter()
	if err := c.Validate(Checks{}); err != nil {
		t.Fatal(err)
	}
	feeds := make(map[string]int)
	for _, s := range c.Sources {
		if s.Home == "" || s.Lang == "" || len(s.Tags) == 0 || len(s.Feeds) == 0 {
			t.Errorf("source %s: home, lang, tags and feeds must be given", s.ID)
		}
		lang, _, _ := strings.Cut(s.Lang, "-")
		feeds[lang] += len(s.Feeds)
	}
	for _, lang := range []string{"en", "ru", "zh"} {
		if n := feeds[lang]; n < 18 || n > 25 {
			t.Errorf("feeds in %s: %d, want about 20", lang, n)
		}
	}
	if len(feeds) != 3 {
		t.Errorf("languages of feeds: %v, want three", feeds)
	}
	if n := len(c.Entities); n < 40 {
		t.Errorf("entities: %d, want at least 40", n)
	}
	if n := len(c.Watches); n != 5 {
		t.Errorf("watches: %d, want 5", n)
	}
	ids := make(map[string]bool)
	for o := range c.Objects() {
		if ids[o.Ref().Key()] {
			t.Errorf("%s twice", o.Ref())
		}
		ids[o.Ref().Key()] = true
	}
}

// What users of the design are promised, by id.
func TestStarterHasAllOfTheArticle(t *testing.T) {
	c := Starter()
	for id := range strings.FieldsSeq(`huawei zte cisco alibaba aliexpress jd xiaomi didi tencent mail-ru mytarget
		dst-global yotaphone carnegie-moscow world-internet-conference icann itu sco great-firewall xi-jinping putin
		medvedev jack-ma usmanov milner snowden gabuev wuzhen facebook apple iphone golden-shield digital-russia
		internet-sovereignty wechat baidu roskomnadzor lu-wei brics eaeu`) {
		if c.Entity(id) == nil {
			t.Errorf("no entity %s", id)
		}
	}
	if c.Entity("yandex") != nil {
		t.Error("yandex is there; it is what users try to add")
	}
}

// script is the language family of a text by its letters.
func script(s string) string {
	switch {
	case strings.ContainsFunc(s, func(r rune) bool { return unicode.Is(unicode.Han, r) }):
		return "zh"
	case strings.ContainsFunc(s, func(r rune) bool { return unicode.Is(unicode.Cyrillic, r) }):
		return "ru"
	}
	return "en"
}

func TestStarterEntitiesInThreeLanguages(t *testing.T) {
	for _, e := range Starter().Entities {
		names, match, noMatch := make(map[string]bool), make(map[string]bool), make(map[string]bool)
		for _, n := range e.Names {
			got := script(n.Text)
			names[got] = true
			if lang, _, _ := strings.Cut(n.Lang, "-"); lang != "" && lang != got && got != "en" {
				t.Errorf("%s: name %q is said to be %s", e.ID, n.Text, n.Lang)
			}
			for _, word := range n.Near {
				for _, other := range n.Not {
					if word == other {
						t.Errorf("%s: name %q: %q must and must not stand near", e.ID, n.Text, word)
					}
				}
			}
		}
		for _, s := range e.Tests.Match {
			match[script(s)] = true
		}
		for _, s := range e.Tests.NoMatch {
			noMatch[script(s)] = true
		}
		for _, lang := range []string{"en", "ru", "zh"} {
			if !names[lang] || !match[lang] || !noMatch[lang] {
				t.Errorf("%s: in %s: names %v, match %v, no_match %v", e.ID, lang, names[lang], match[lang], noMatch[lang])
			}
		}
	}
}

// A text that must match holds a name at least in the first four letters, so
// that no test of an entity speaks of something else.
func TestStarterTestsSpeakOfTheirEntity(t *testing.T) {
	for _, e := range Starter().Entities {
		for _, text := range e.Tests.Match {
			found := false
			for _, n := range e.Names {
				stem := []rune(strings.ToLower(n.Text))
				if script(n.Text) == "ru" {
					stem = stem[:min(len(stem), 4)]
				}
				found = found || strings.Contains(strings.ToLower(text), string(stem))
			}
			if !found {
				t.Errorf("%s: %q holds none of its names", e.ID, text)
			}
		}
	}
}

func TestStarterFeedsAreReal(t *testing.T) {
	root := corpora.Folder(t)
	known := make(map[string]bool)
	for _, list := range []string{"feed-urls.tsv", "feed-urls-by-language.tsv", "feeds-and-sitemaps-by-country.tsv"} {
		f, err := os.Open(filepath.Join(root, "feeds", list))
		if err != nil {
			t.Fatal(err)
		}
		lines := bufio.NewScanner(f)
		lines.Buffer(nil, 1<<20)
		for lines.Scan() {
			for col := range strings.SplitSeq(lines.Text(), "\t") {
				known[col] = true
			}
		}
		if err := lines.Err(); err != nil {
			t.Fatal(err)
		}
		f.Close()
	}
	for _, s := range Starter().Sources {
		for _, f := range s.Feeds {
			if !known[f.URL] {
				t.Errorf("source %s: %s is in no list of feeds", s.ID, f.URL)
			}
		}
	}
}
