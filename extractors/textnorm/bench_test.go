package textnorm

import (
	"bufio"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/klauspost/compress/zstd"
)

// corpus is the folder of the corpora; the test is skipped where there is none.
func corpus(tb testing.TB) string {
	tb.Helper()
	dir := os.Getenv("NEWSWATCH_CORPORA")
	if dir == "" {
		if os.Getenv("CI") == "true" {
			tb.Fatal("NEWSWATCH_CORPORA is not set")
		}
		tb.Skip("NEWSWATCH_CORPORA is not set: no corpus to read")
	}
	return dir
}

// news is the first articles of the corpus, title and body, by language.
func news(tb testing.TB, perLang int) map[string][]string {
	tb.Helper()
	f, err := os.Open(filepath.Join(corpus(tb), "news", "news-47k.jsonl.zst"))
	if err != nil {
		tb.Fatal(err)
	}
	defer f.Close()
	z, err := zstd.NewReader(f)
	if err != nil {
		tb.Fatal(err)
	}
	defer z.Close()
	sc := bufio.NewScanner(z)
	sc.Buffer(nil, 16<<20)
	texts := map[string][]string{}
	for sc.Scan() && (len(texts["en"]) < perLang || len(texts["zh"]) < perLang || len(texts["ru"]) < perLang) {
		var doc struct{ Title, Body, Lang string }
		if err := json.Unmarshal(sc.Bytes(), &doc); err != nil {
			tb.Fatal(err)
		}
		if len(texts[doc.Lang]) < perLang {
			texts[doc.Lang] = append(texts[doc.Lang], doc.Title+"\n"+doc.Body)
		}
	}
	if err := sc.Err(); err != nil {
		tb.Fatal(err)
	}
	return texts
}

// Real news holds the promises of Fold and Analyze, and no word is lost.
func TestNews(t *testing.T) {
	for lang, texts := range news(t, 150) {
		if len(texts) < 100 {
			t.Errorf("%s: %d texts", lang, len(texts))
		}
		for _, text := range texts {
			checkFolded(t, text)
			checkTokens(t, text)
		}
	}
}

func BenchmarkFold(b *testing.B) {
	for lang, texts := range news(b, 400) {
		b.Run(lang, func(b *testing.B) {
			b.ReportAllocs()
			b.SetBytes(int64(len(strings.Join(texts, ""))))
			var f Folded
			for b.Loop() {
				for _, s := range texts {
					f.Fold(s)
				}
			}
		})
	}
}

func BenchmarkAnalyze(b *testing.B) {
	for lang, texts := range news(b, 400) {
		b.Run(lang, func(b *testing.B) {
			b.ReportAllocs()
			b.SetBytes(int64(len(strings.Join(texts, ""))))
			var dst []Token
			for b.Loop() {
				for _, s := range texts {
					dst = Analyze(dst[:0], s)
				}
			}
			b.ReportMetric(float64(len(texts)), "texts/op")
		})
	}
}
