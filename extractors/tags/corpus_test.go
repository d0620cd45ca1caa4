package tags

import (
	"flag"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"

	"github.com/newswatch/newswatch/extractors/tags/tagtest"
	"github.com/newswatch/newswatch/pipeline"
	"github.com/newswatch/newswatch/pipeline/corpora"
)

var update = flag.Bool("update", false, "write the golden files anew")

// scored is the golden file's line of a task.
func scored(t *testing.T, set tagtest.Set, rules map[string]*tagtest.Score) string {
	task, err := tagtest.Load(corpora.Folder(t), set)
	if err != nil {
		t.Fatal(err)
	}
	checked := func(m *Matcher) tagtest.Tagger {
		return func(text, lang string) []pipeline.Mention {
			mentions := m.Tag("", text, lang)
			checkMentions(t, m, "", text, mentions)
			return mentions
		}
	}
	m, _ := Compile(task.Entities)
	r := task.Score(checked(m))
	for name, s := range r.Rules {
		if rules[name] == nil {
			rules[name] = new(tagtest.Score)
		}
		rules[name].Right += s.Right
		rules[name].Wrong += s.Wrong
	}
	if testing.Verbose() {
		t.Logf("%s wrong: %s", set.Name, tagtest.Most(r.Wrong, 25))
		t.Logf("%s missed: %s", set.Name, tagtest.Most(r.Missed, 25))
	}
	out := fmt.Sprintf("%s: documents %d, entities %d: by document %v, by mention %v, recall with nested %.3f\n",
		set.Name, r.Documents, r.Entities, r.Document, r.Mention, r.Anywhere.Recall())
	p, _ := Compile(task.Previewed(checked(m)))
	r = task.Score(checked(p))
	return out + fmt.Sprintf("%s, names previewed: by document %v, by mention %v\n", set.Name, r.Document, r.Mention)
}

// TestQuality holds the quality on gold documents to a golden file, by the
// protocol of package tagtest.
func TestQuality(t *testing.T) {
	corpora.Folder(t)
	var out strings.Builder
	rules := map[string]*tagtest.Score{}
	for _, set := range tagtest.Sets {
		of := rules
		if set.Lang == "zh" { // its documents don't name all there is
			of = map[string]*tagtest.Score{}
		}
		out.WriteString(scored(t, set, of))
	}
	for _, r := range slices.Sorted(maps.Keys(rules)) {
		fmt.Fprintf(&out, "rule %s: %d mentions, of an entity of the document %.3f\n", r, rules[r].Right+rules[r].Wrong, rules[r].Precision())
	}
	golden(t, "quality.golden", out.String())
}

var wholeNews = flag.Bool("whole-news", false, "TestNews and TestJoined read all of the news, not a megabyte")

// newsBytes is how much news of each language the tests read; 0 is all.
func newsBytes() int {
	if *wholeNews {
		return 0
	}
	return 400 << 10
}

// Ten thousand names in news of three languages: every mention is where it says
// and folds to a form that was looked for.
func TestNews(t *testing.T) {
	texts, _ := articles(t, newsBytes())
	m, _ := Compile(watched(t, "p10k", false))
	found := 0
	defer func() { t.Logf("%d mentions in %d texts", found, len(texts)) }()
	for i, s := range texts {
		mentions := m.Tag(s[:min(len(s), 200)], s, "")
		checkMentions(t, m, s[:min(len(s), 200)], s, mentions)
		if i%20 == 0 {
			checkExplain(t, m, s[:min(len(s), 200)], s, "", mentions, entitiesOf(mentions, 3))
		}
		found += len(mentions)
	}
	if found < 1000 {
		t.Errorf("%d mentions in %d texts", found, len(texts))
	}
}

// Texts tagged as paragraphs of one have the mentions they have apart: those of
// names without near, not or must words that are no person's, which look at no
// more than their own place. A person's last name is found, besides, where the
// other text has the full name; nothing else of a person changes.
func TestJoined(t *testing.T) {
	texts, _ := articles(t, newsBytes())
	list := watched(t, "p10k", false)
	places, _ := Compile(list)
	people := slices.Clone(list)
	for i := range people {
		people[i].Kind = catalogPerson
	}
	persons, _ := Compile(people)
	joined := 0
	for i := 0; i+1 < len(texts); i += 2 {
		a, b := texts[i], texts[i+1]
		for _, m := range []*Matcher{places, persons} {
			apart := m.Tag("", a, "")
			for _, x := range m.Tag("", b, "") {
				x.Start += len(a) + 2
				x.End += len(a) + 2
				apart = append(apart, x)
			}
			one := m.Tag("", a+"\n\n"+b, "")
			joined += len(one)
			if m == persons {
				apart, one = settled(apart), settled(one)
			}
			if d := gocmp.Diff(apart, one); d != "" {
				t.Fatalf("texts %d and %d: apart and joined differ:\n%s", i, i+1, d)
			}
		}
	}
	if joined < 1000 {
		t.Errorf("%d mentions", joined)
	}
}

// settled is the mentions that no last name licensed from afar can change: whole
// names of several words inside no other.
func settled(mentions []pipeline.Mention) []pipeline.Mention {
	var out []pipeline.Mention
	for _, x := range mentions {
		if x.Rule == ruleExact && !x.Nested && len(strings.Fields(x.Text)) > 1 {
			out = append(out, x)
		}
	}
	return out
}

func golden(t *testing.T, file, got string) {
	t.Helper()
	path := filepath.Join("testdata", file)
	if *update {
		if err := os.MkdirAll("testdata", 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if d := gocmp.Diff(string(want), got); d != "" {
		t.Errorf("%s differs; look at it, then run with -update:\n%s", path, d)
	}
}
