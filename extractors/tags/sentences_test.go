package tags

import (
	"bufio"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/newswatch/newswatch/pipeline/catalog"
)

// Sentences written by hand mention the entities of the starter catalog that they
// mention to a reader, and no other.
func TestSentences(t *testing.T) {
	f, err := os.Open("testdata/sentences.tsv")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	m, _ := Compile(catalog.Starter().Entities)
	count := map[string]int{}
	sc := bufio.NewScanner(f)
	for n := 1; sc.Scan(); n++ {
		if sc.Text() == "" || strings.HasPrefix(sc.Text(), "#") {
			continue
		}
		columns := strings.Split(sc.Text(), "\t")
		if len(columns) != 3 {
			t.Fatalf("testdata/sentences.tsv:%d: %d columns, want 3", n, len(columns))
		}
		lang, sentence := columns[0], columns[2]
		want := strings.Fields(columns[1])
		if columns[1] == "-" {
			want = nil
		}
		count[lang]++
		mentions := m.Tag("", sentence, lang)
		checkMentions(t, m, "", sentence, mentions)
		var got []string
		for _, x := range mentions {
			if x.Counts() && !slices.Contains(got, x.Entity) {
				got = append(got, x.Entity)
			}
		}
		slices.Sort(got)
		slices.Sort(want)
		if !slices.Equal(got, want) {
			t.Errorf("testdata/sentences.tsv:%d: %s\n got %s\nwant %s", n, sentence, brief(mentions), strings.Join(want, " "))
		}
	}
	if err := sc.Err(); err != nil {
		t.Fatal(err)
	}
	for _, lang := range []string{"en", "ru", "zh"} {
		if count[lang] < 50 {
			t.Errorf("%d sentences in %s, want 50 or more", count[lang], lang)
		}
	}
}
