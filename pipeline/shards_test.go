package pipeline_test

import (
	"fmt"
	"testing"

	"github.com/newswatch/newswatch/pipeline"
)

func TestShards(t *testing.T) {
	tests := []struct {
		shards  pipeline.Shards
		key     string
		subject string
		filter  string // of its shard
	}{
		// What installations have on disk must be found there for ever.
		{0, "00112233445566aa", "article.0.00112233445566aa", ""},
		{1, "00112233445566aa", "article.0.00112233445566aa", ""},
		{2, "00112233445566aa", "article.1.00112233445566aa", "article.1.>"},
		{2, "00112233445566ab", "article.0.00112233445566ab", "article.0.>"},
		{3, "00112233445566aa", "article.1.00112233445566aa", "article.1.>"},
		{64, "ffffffffffffffff", "article.5.ffffffffffffffff", "article.5.>"},
	}
	for _, tt := range tests {
		if got := tt.shards.Subject(tt.key); got != tt.subject {
			t.Errorf("Shards(%d).Subject(%s) = %s, want %s", tt.shards, tt.key, got, tt.subject)
		}
		if got := tt.shards.Filter(tt.shards.Of(tt.key)); got != tt.filter {
			t.Errorf("Shards(%d).Filter of %s = %q, want %q", tt.shards, tt.key, got, tt.filter)
		}
		if got := tt.shards.Articles().Subject(pipeline.Article{Key: tt.key}); got != tt.subject {
			t.Errorf("Shards(%d).Articles().Subject = %s, want %s", tt.shards, got, tt.subject)
		}
	}
}

// Shards are of a size: none has more than a tenth above its share.
func TestShardsAreEven(t *testing.T) {
	const articles = 50_000
	for _, n := range []pipeline.Shards{2, 3, 7} {
		held := make([]int, n)
		for i := range articles {
			it := pipeline.Item{URL: fmt.Sprintf("https://news.example/%d", i)}
			it.Identify()
			held[n.Of(it.Key)]++
		}
		for shard, got := range held {
			if most := articles * 11 / 10 / int(n); got > most {
				t.Errorf("of %d shards, shard %d has %d of %d articles, want at most %d", n, shard, got, articles, most)
			}
		}
	}
}
