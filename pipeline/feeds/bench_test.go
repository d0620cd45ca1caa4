package feeds

import "testing"

// BenchmarkParse reads typical real feeds, with gofeed alone and with Parse.
func BenchmarkParse(b *testing.B) {
	var files []corpusFile
	var size int64
	for _, f := range corpusFiles(b, "real") {
		if (f.format == "rss" || f.format == "atom") && len(f.body) < 400_000 {
			if _, err := gofeedParse(f.body); err == nil {
				files = append(files, f)
				size += int64(len(f.body))
			}
		}
	}
	b.Run("gofeed", func(b *testing.B) {
		b.SetBytes(size)
		b.ReportAllocs()
		for b.Loop() {
			for _, f := range files {
				_, _ = gofeedParse(f.body)
			}
		}
	})
	b.Run("newswatch", func(b *testing.B) {
		b.SetBytes(size)
		b.ReportAllocs()
		for b.Loop() {
			for _, f := range files {
				_, _ = Parse(f.body, "https://example.com/f", "", ParseOptions{Now: corpusNow})
			}
		}
	})
}
