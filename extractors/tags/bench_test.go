package tags

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strconv"
	"testing"

	"github.com/klauspost/compress/zstd"

	"github.com/newswatch/newswatch/pipeline/catalog"
)

// articles is the bodies of the first megabytes of news of each language.
func articles(tb testing.TB, bytes int) (texts []string, total int) {
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
	dec := json.NewDecoder(z)
	sizes := map[string]int{}
	for sizes["en"] < bytes || sizes["ru"] < bytes || sizes["zh"] < bytes {
		var doc struct{ Body, Lang string }
		if err := dec.Decode(&doc); err != nil {
			break
		}
		if sizes[doc.Lang] < bytes {
			sizes[doc.Lang] += len(doc.Body)
			texts, total = append(texts, doc.Body), total+len(doc.Body)
		}
	}
	return texts, total
}

// watched is a list of real names, each an entity; without inflected forms.
func watched(tb testing.TB, file string, exact bool) []catalog.Entity {
	tb.Helper()
	var list []catalog.Entity
	lines(tb, unzip(tb, file), func(b []byte) {
		list = append(list, catalog.Entity{ID: strconv.Itoa(len(list)), Names: []catalog.Name{{Text: string(b), Exact: exact}}})
	})
	return list
}

func BenchmarkTag(b *testing.B) {
	texts, total := articles(b, 2<<20)
	for _, c := range []struct{ name, file string }{{"100", "names-p100.txt.gz"}, {"10k", "names-p10k.txt.gz"}} {
		b.Run(c.name, func(b *testing.B) {
			m, _ := Compile(watched(b, c.file, false))
			b.SetBytes(int64(total))
			b.ReportAllocs()
			mentions := 0
			for b.Loop() {
				mentions = 0
				for _, s := range texts {
					mentions += len(m.Tag("", s, ""))
				}
			}
			b.ReportMetric(float64(mentions), "mentions/op")
			b.ReportMetric(float64(len(texts)), "texts/op")
			b.ReportMetric(float64(m.Forms()), "forms")
		})
	}
}

func BenchmarkCompile(b *testing.B) {
	for _, c := range []struct {
		name, file string
		exact      bool
	}{{"10k", "names-p10k.txt.gz", false}, {"500k-exact", "names-p500k.txt.gz", true}, {"500k", "names-p500k.txt.gz", false}} {
		b.Run(c.name, func(b *testing.B) {
			list := watched(b, c.file, c.exact)
			forms := 0
			for b.Loop() {
				m, _ := Compile(list)
				forms = m.Forms()
			}
			b.ReportMetric(float64(len(list)), "names")
			b.ReportMetric(float64(forms), "forms")
		})
	}
}
