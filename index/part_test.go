package index

import (
	"bytes"
	"encoding/json"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/newswatch/newswatch/pipeline"
)

// What shards tell of groups comes over the bus as it was.
func TestGroupsOverTheBus(t *testing.T) {
	id := func(n int) string { return article(n, when.AddDate(0, 0, -n), "", "").ID }
	want := PartResult{
		Groups: groupKeys{0, 1, 1<<64 - 1},
		Firsts: groupFirsts{{groupKey(id(1)), id(1), 0, true}, {groupKey(id(2)), id(3), 1.25e-7, false}},
		Copies: []int{0, 3},
	}
	data, err := json.Marshal(want)
	if err != nil {
		t.Fatal(err)
	}
	var got PartResult
	if err := json.Unmarshal(data, &got); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got, cmp.AllowUnexported(groupFirst{})); diff != "" {
		t.Errorf("(-sent +got):\n%s", diff)
	}
	full := PartResult{Firsts: make(groupFirsts, maxGroups)}
	for i := range full.Firsts {
		full.Firsts[i] = groupFirst{1 << 63, id(1), 1.0 / 3, true}
	}
	if data, err = json.Marshal(full); err != nil || len(data) > 1<<20-1<<15 {
		t.Errorf("the most groups of an answer take %d bytes, %v; want less than a message of 1 MiB", len(data), err)
	}
	for _, bad := range []string{`{"firsts":"AAAA"}`, `{"groups":"AAAA"}`, `{"firsts":"%"}`, `{"groups":7}`} {
		if err := json.Unmarshal([]byte(bad), new(PartResult)); err == nil {
			t.Errorf("%s was read", bad)
		}
	}
}

// The home of a group is the shard of the article that it is named by.
func TestHome(t *testing.T) {
	for i := range 100 {
		a := article(i, when, "", "")
		for _, n := range []pipeline.Shards{1, 2, 7} {
			if got, want := home(n, groupKey(a.ID)), n.Of(a.Key); got != want {
				t.Errorf("of %d shards: home of %s is %d, want %d", n, a.ID, got, want)
			}
		}
	}
}

func FuzzGroups(f *testing.F) {
	f.Add([]byte("AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"), []byte("AAAAAAAAAAE="))
	f.Fuzz(func(t *testing.T, firsts, keys []byte) {
		var gs groupFirsts
		if gs.UnmarshalText(firsts) == nil {
			// A time beyond year 9999 is no id's, and is refused.
			if text, err := gs.MarshalText(); err == nil {
				var again groupFirsts
				if err := again.UnmarshalText(text); err != nil || len(again) != len(gs) {
					t.Errorf("%q is not read again: %v", text, err)
				}
			}
		}
		var ks groupKeys
		if ks.UnmarshalText(keys) == nil {
			text, err := ks.MarshalText()
			var again groupKeys
			if err != nil || again.UnmarshalText(text) != nil || !cmp.Equal(ks, again) {
				t.Errorf("%q comes back as %q, %v", bytes.TrimSpace(keys), text, err)
			}
		}
	})
}
