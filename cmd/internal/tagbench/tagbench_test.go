package tagbench

import (
	"context"
	"io"
	"path/filepath"
	"strings"
	"testing"

	"github.com/newswatch/newswatch/extractors/tags/tagtest"
	"github.com/newswatch/newswatch/pipeline/corpora"
)

func TestPlace(t *testing.T) {
	for _, tt := range []struct{ name, text, want string }{
		{"none yet", "# Benchmarks\n", "# Benchmarks\n\n## Tagging\n\n" + begin + "new\n" + end},
		{"there", "a\n" + begin + "old\n" + end + "b\n", "a\n" + begin + "new\n" + end + "b\n"},
	} {
		if got, err := place(tt.text, "new\n"); err != nil || got != tt.want {
			t.Errorf("%s: place = %q, %v, want %q", tt.name, got, err, tt.want)
		}
	}
	if got, err := place("a\n"+begin+"old\n", "new\n"); err == nil {
		t.Errorf("without an end: place = %q, want an error", got)
	}
}

// What newswatch is for: it does better than plain matching on each set.
func TestBetterThanPlain(t *testing.T) {
	dir := corpora.Folder(t)
	for _, set := range tagtest.Sets {
		q, err := quality(dir, set)
		if err != nil {
			t.Fatal(err)
		}
		exact, analyzed, own := q[0], q[1], q[2]
		if set.Lang == "zh" { // nothing is inflected: what plain matching finds is found
			if own.Anywhere.Recall() < max(exact.Anywhere.Recall(), analyzed.Anywhere.Recall()) {
				t.Errorf("%s: recall %.3f, exact %.3f, analysed %.3f", set.Name, own.Anywhere.Recall(), exact.Anywhere.Recall(), analyzed.Anywhere.Recall())
			}
			continue
		}
		if own.Document.F1() <= max(exact.Document.F1(), analyzed.Document.F1()) {
			t.Errorf("%s: by document %v, exact %v, analysed %v", set.Name, own.Document, exact.Document, analyzed.Document)
		}
		if own.Mention.F1() <= max(exact.Mention.F1(), analyzed.Mention.F1()) {
			t.Errorf("%s: by mention %v, exact %v, analysed %v", set.Name, own.Mention, exact.Mention, analyzed.Mention)
		}
	}
}

func TestNoCorpus(t *testing.T) {
	_, err := Run(context.Background(), Options{Corpora: t.TempDir(), NewsBytes: 1000, Rounds: 1, Progress: io.Discard})
	if err == nil || !strings.Contains(err.Error(), filepath.Join("entities", "gold_ru_slavicner.jsonl.gz")) {
		t.Errorf("error %v, want one naming the file", err)
	}
}
