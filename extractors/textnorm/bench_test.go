package textnorm

import (
	"strings"
	"testing"

	"github.com/newswatch/newswatch/pipeline/corpora"
)

// news is the first articles of the corpus, title and body, by language.
func news(tb testing.TB, perLang int) map[string][]string {
	tb.Helper()
	texts := map[string][]string{}
	for a, err := range corpora.News(corpora.Folder(tb)) {
		if err != nil {
			tb.Fatal(err)
		}
		if len(texts[a.Lang]) < perLang {
			texts[a.Lang] = append(texts[a.Lang], a.Title+"\n"+a.Body)
		}
		if len(texts["en"]) == perLang && len(texts["zh"]) == perLang && len(texts["ru"]) == perLang {
			break
		}
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
