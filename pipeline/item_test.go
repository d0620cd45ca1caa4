package pipeline

import (
	"strings"
	"testing"
	"time"
)

func TestIdentify(t *testing.T) {
	a := Item{URL: "https://Example.com/a?utm_source=rss", Title: "T", Feed: "https://example.com/feed"}
	a.Identify()
	if a.URL != "https://example.com/a" || a.Link != "https://Example.com/a?utm_source=rss" {
		t.Errorf("URL, Link = %q, %q", a.URL, a.Link)
	}
	b := a
	b.Identify()
	if b.Key != a.Key || b.Content != a.Content || b.Link != a.Link {
		t.Errorf("Identify twice changed the item: %+v, then %+v", a, b)
	}
	edited := a
	edited.Title = "T2"
	edited.Identify()
	if edited.Key != a.Key || edited.Content == a.Content {
		t.Errorf("an edit: key %s, content %s; want key %s and another content than %s", edited.Key, edited.Content, a.Key, a.Content)
	}

	signed := Item{URL: "https://example.com/a", HTML: `<p>1 < 2 <img src="x.png?sig=1">text</p>`}
	again := Item{URL: "https://example.com/a", HTML: `<p>1 < 2 <img src="x.png?sig=2">text</p>`}
	other := Item{URL: "https://example.com/a", HTML: `<p>1 < 3 <img src="x.png?sig=2">text</p>`}
	if signed.Digest() != again.Digest() || signed.Digest() == other.Digest() {
		t.Errorf("digests: %s with one markup, %s with another, %s with another text", signed.Digest(), again.Digest(), other.Digest())
	}

	byGUID := Item{URL: "/relative", GUID: "7", Feed: "https://example.com/feed"}
	elsewhere := Item{URL: "", GUID: "7", Feed: "https://example.org/feed"}
	byGUID.Identify()
	elsewhere.Identify()
	if byGUID.URL != "" || byGUID.Key == elsewhere.Key {
		t.Errorf("items of two feeds with one guid: keys %s and %s, want two", byGUID.Key, elsewhere.Key)
	}
	x := Item{Title: "ab", Summary: "c"}
	y := Item{Title: "a", Summary: "bc"}
	x.Identify()
	y.Identify()
	if x.Content == y.Content {
		t.Error("parts of the content digest run into each other")
	}
}

func TestPartition(t *testing.T) {
	a := Item{URL: "https://example.com/1"}
	b := Item{URL: "https://example.com:8443/2"}
	if a.Partition() != b.Partition() {
		t.Errorf("one host in partitions %d and %d", a.Partition(), b.Partition())
	}
	seen := map[int]bool{}
	for i := range 200 {
		it := Item{URL: "https://host" + strings.Repeat("x", i) + ".example/"}
		p := it.Partition()
		if p < 0 || p >= ItemPartitions {
			t.Fatalf("Partition() = %d", p)
		}
		seen[p] = true
	}
	if len(seen) != ItemPartitions {
		t.Errorf("200 hosts fell into %d partitions, want %d", len(seen), ItemPartitions)
	}
}

func TestNewID(t *testing.T) {
	seen := time.Date(2015, 12, 16, 9, 30, 0, 0, time.UTC)
	key := Key("https://example.com/")
	tests := []struct {
		name      string
		published time.Time
		want      string
	}{
		{"published before", time.Date(2015, 12, 15, 3, 0, 0, 0, time.FixedZone("", 3*3600)), "20151215000000"},
		{"published in the future", seen.Add(time.Hour), "20151216093000"},
		{"no publication time", time.Time{}, "20151216093000"},
		{"before 1970", time.Date(1900, 1, 1, 0, 0, 0, 0, time.UTC), "20151216093000"},
	}
	for _, tt := range tests {
		id := NewID(tt.published, seen, key)
		if want := tt.want + "-" + key; id != want {
			t.Errorf("%s: NewID = %s, want %s", tt.name, id, want)
		}
		at, k, err := ParseID(id)
		if err != nil || k != key || at.Format(idTime) != tt.want {
			t.Errorf("%s: ParseID(%s) = %v, %s, %v", tt.name, id, at, k, err)
		}
	}
	for _, bad := range []string{"", "20151215000000", "2015121500000x-" + key, "20151399000000-" + key, key} {
		if _, _, err := ParseID(bad); err == nil {
			t.Errorf("ParseID(%q) succeeded", bad)
		}
	}
}
