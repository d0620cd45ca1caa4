package index

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/newswatch/newswatch/pipeline"
)

func TestAge(t *testing.T) {
	for text, want := range map[string]Age{
		"1d": Age(oneDay), "8w": Age(56 * oneDay), "2y": Age(730 * oneDay), "730d": Age(730 * oneDay), "forever": forever,
	} {
		var got, again Age
		if err := got.UnmarshalText([]byte(text)); err != nil || got != want {
			t.Errorf("%s: %v, %v", text, got, err)
		}
		if err := again.UnmarshalText([]byte(got.String())); err != nil || again != got {
			t.Errorf("%s: printed as %s", text, got)
		}
	}
	for _, text := range []string{"", "0d", "-1d", "1", "1h", "30 d", "1m", "101y", "99999d", "for ever"} {
		if err := new(Age).UnmarshalText([]byte(text)); err == nil {
			t.Errorf("%q was taken", text)
		}
	}
}

func TestSize(t *testing.T) {
	for text, want := range map[string]Size{
		"0": 0, "1000": 1000, "50GB": 50e9, "1.5 TiB": 3 << 39, "2kb": 2000, "7 MiB": 7 << 20,
	} {
		var got Size
		if err := got.UnmarshalText([]byte(text)); err != nil || got != want {
			t.Errorf("%s: %v, %v", text, got, err)
		}
	}
	for _, text := range []string{"", "-1", "GB", "50 XB", "1e9", "9999999999TB"} {
		if err := new(Size).UnmarshalText([]byte(text)); err == nil {
			t.Errorf("%q was taken", text)
		}
	}
}

func days(n int) Age { return Age(time.Duration(n) * oneDay) }

func TestRetentionRefused(t *testing.T) {
	for _, tt := range []struct {
		rules []Rule
		want  string
	}{
		{[]Rule{{Match: "source:x"}}, "rules[0]: keep: how long?"},
		{[]Rule{{Keep: days(3)}, {Match: "source:x", Keep: days(1)}}, "rules[1]: it is never come to"},
		{[]Rule{{Match: "source:x", Keep: days(3)}, {Match: "(", Keep: days(1)}}, "rules[1]: match: "},
		{[]Rule{{Match: "source:x last:7d", Keep: days(3)}}, `rules[0]: match: "last:7d" is a time`},
		{[]Rule{{Match: "a OR NOT before:2015-01-01", Keep: days(3)}}, `"before:2015-01-01" is a time`},
		{[]Rule{{Keep: 5}}, "a day is the least"},
	} {
		_, err := newKeeping(Retention{Rules: tt.rules}, when)
		if err == nil || !strings.Contains(err.Error(), tt.want) || !strings.HasPrefix(err.Error(), "index: retention.") {
			t.Errorf("%+v: %v, want %q", tt.rules, err, tt.want)
		}
	}
}

// openKeeping opens an index with retention at a time.
func openKeeping(t testing.TB, dir string, now time.Time, r Retention) *Index {
	t.Helper()
	ix, err := open(slog.New(slog.DiscardHandler), prometheus.NewRegistry(),
		Config{Dir: dir, Timeout: time.Minute, Retention: r, nap: 10 * time.Millisecond}, func() time.Time { return now })
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { ix.Close() })
	return ix
}

func retain(t testing.TB, ix *Index, dry bool) pipeline.RetentionReport {
	t.Helper()
	rep, err := ix.Retain(context.Background(), dry)
	if err != nil {
		t.Fatalf("Retain: %v", err)
	}
	return rep
}

// aged is articles of all ages up to two years, of three sources, some with
// mentions, some tagged, some with words to match.
func aged(rng *rand.Rand, n int, now time.Time) []pipeline.Stored[pipeline.Article] {
	var out []pipeline.Stored[pipeline.Article]
	for i := range n {
		age := time.Duration(rng.Int64N(int64(2 * 365 * oneDay)))
		if i < 40 {
			age = time.Duration(i) * time.Minute // the present is known
		}
		a := article(i, now.Add(-age).Truncate(time.Second), fmt.Sprintf("title %d", i), []string{"Apple pie", "an apple a day", "rain"}[rng.IntN(3)])
		a.Source = []string{"good", "spam", "tabloid"}[rng.IntN(3)]
		if a.Source == "tabloid" {
			a.Tags = []string{"tabloid"}
		}
		if rng.IntN(4) == 0 {
			a.Mentions = []pipeline.Mention{{Entity: "apple", Field: "text", Start: 0, End: 2, Confidence: 1}}
		}
		out = append(out, pipeline.Stored[pipeline.Article]{Value: a, Seq: uint64(i + 1)})
	}
	rng.Shuffle(len(out), func(i, j int) { out[i].Value, out[j].Value = out[j].Value, out[i].Value })
	return out
}

// keptIDs is the ids of articles that a person would keep by the rules.
func keptIDs(stream []pipeline.Stored[pipeline.Article], keep func(a pipeline.Article, age time.Duration) bool, now time.Time) []string {
	ids := []string{}
	for _, s := range stream {
		at, _, err := pipeline.ParseID(s.Value.ID)
		if err != nil {
			panic(err)
		}
		if keep(s.Value, now.Sub(at)) {
			ids = append(ids, s.Value.ID)
		}
	}
	slices.Sort(ids)
	slices.Reverse(ids)
	return ids
}

// After retention, and after all that ever was is handed in again, just the
// articles are there that the rules keep; a dry run tells how many go.
func TestRetention(t *testing.T) {
	mentions := func(a pipeline.Article) bool { return len(a.Mentions) > 0 }
	for _, tt := range []struct {
		name  string
		rules []Rule
		keep  func(a pipeline.Article, age time.Duration) bool
	}{
		{"age", []Rule{{Keep: days(200)}}, func(_ pipeline.Article, age time.Duration) bool { return age <= 200*oneDay }},
		{"source", []Rule{{Match: "source:spam", Keep: days(30)}}, func(a pipeline.Article, age time.Duration) bool {
			return a.Source != "spam" || age <= 30*oneDay
		}},
		{"all", []Rule{
			{Match: "has:mention", Keep: forever}, {Match: "tag:tabloid", Keep: days(90)}, {Match: "source:spam", Keep: days(30)}, {Keep: days(400)},
		}, func(a pipeline.Article, age time.Duration) bool {
			switch {
			case mentions(a):
				return true
			case a.Source == "tabloid":
				return age <= 90*oneDay
			case a.Source == "spam":
				return age <= 30*oneDay
			}
			return age <= 400*oneDay
		}},
		{"longer later", []Rule{{Match: "source:spam -has:mention", Keep: days(10)}, {Match: "=Apple", Keep: days(500)}, {Keep: days(100)}}, func(a pipeline.Article, age time.Duration) bool {
			switch {
			case a.Source == "spam" && !mentions(a):
				return age <= 10*oneDay
			case strings.Contains(a.Text, "Apple"):
				return age <= 500*oneDay
			}
			return age <= 100*oneDay
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			dir := t.TempDir()
			stream := aged(rand.New(rand.NewPCG(3, 3)), 300, when)
			r := Retention{Rules: tt.rules}
			plain := openKeeping(t, dir, when, Retention{}) // as it was before the rules
			plain.From()
			put(t, plain, stream)
			if rep := retain(t, plain, false); rep.Articles != 0 || plain.Retention().On {
				t.Errorf("without rules: %+v", rep)
			}
			if err := plain.Close(); err != nil {
				t.Fatal(err)
			}
			ix := openKeeping(t, dir, when, r)
			present := *ix.presently.Load() // a little before the clock: by the articles
			want := keptIDs(stream, tt.keep, present)
			check := func(what string) {
				t.Helper()
				if diff := cmp.Diff(want, ids(find(t, ix, pipeline.SearchRequest{Limit: 200}))); diff != "" && len(want) <= 200 {
					t.Errorf("%s (-want +got):\n%s", what, diff)
				}
				if n := ix.Stats().Documents; n != len(want) {
					t.Errorf("%s: %d documents, want %d", what, n, len(want))
				}
			}
			dry := retain(t, ix, true)
			if n := ix.Stats().Documents; n != len(stream) {
				t.Fatalf("a dry run left %d of %d documents", n, len(stream))
			}
			rep := retain(t, ix, false)
			check("after retention")
			if rep.Articles != len(stream)-len(want) || dry.Articles != rep.Articles {
				t.Errorf("%d articles removed, %d in the dry run, want %d", rep.Articles, dry.Articles, len(stream)-len(want))
			}
			if again := retain(t, ix, false); again.Articles != 0 {
				t.Errorf("a second run removed %d", again.Articles)
			}
			for part := range slices.Chunk(stream, 25) { // a full replay
				put(t, ix, part)
			}
			check("after the replay")
			if err := ix.Close(); err != nil {
				t.Fatal(err)
			}
			ix = openKeeping(t, dir, when, r)
			if from := ix.From(); from != 0 {
				t.Errorf("From() = %d: what retention removed is taken for lost", from)
			}
			if last := ix.Retention().Last; last == nil || last.Articles != 0 {
				t.Errorf("the last run is told as %+v", last)
			}
			put(t, ix, stream)
			check("after opening and another replay")
			// The rest of the time passes, with sealed partitions.
			sealAll(t, ix)
			ix.now = func() time.Time { return when }
			retain(t, ix, false)
			check("sealed")
		})
	}
}

// A dry run tells just what a run does, by rules of any queries: what each
// removes, which partitions go, and why.
func TestRetentionDryRun(t *testing.T) {
	for seed := range uint64(*seeds) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			t.Parallel()
			rng := rand.New(rand.NewPCG(seed, 17))
			stream := aged(rng, 200, when)
			g := &generator{Rand: rng}
			words := []string{"Apple", "apple", "pie", "rain", "Rains", "US", "us", "中国", "新闻网", "ёлка"}
			for i := range stream {
				var text strings.Builder
				for range 3 + rng.IntN(8) {
					text.WriteString(words[rng.IntN(len(words))] + " ")
				}
				stream[i].Value.Text = text.String()
				g.articles = append(g.articles, stream[i].Value)
			}
			ix := openKeeping(t, t.TempDir(), when, Retention{})
			ix.From()
			put(t, ix, stream)
			sealAll(t, ix) // and so each has its last size
			var dry pipeline.RetentionReport
			for range 20 {
				r := anyRules(g)
				var err error
				if ix.keeping, err = newKeeping(r, when); err != nil {
					t.Fatal(err)
				}
				dry = retain(t, ix, true)
				if diff := cmp.Diff(byRules(t, ix, stream, dry), dry.Rules); diff != "" {
					t.Errorf("rules %+v: (-want +got):\n%s", r, diff)
				}
			}
			rep := retain(t, ix, false)
			if diff := cmp.Diff(dry, rep, cmpopts.IgnoreFields(rep, "DryRun", "TookMS")); diff != "" {
				t.Errorf("rules %+v: (-dry run, +run):\n%s", dry.Rules, diff)
			}
			if n := ix.Stats().Documents; n != len(stream)-dry.Articles {
				t.Errorf("rules %+v: %d articles are left, want %d", dry.Rules, n, len(stream)-dry.Articles)
			}
			if again := retain(t, ix, true); again.Articles != 0 {
				t.Errorf("rules %+v: a dry run after it tells of %d", dry.Rules, again.Articles)
			}
		})
	}
}

// anyRules is rules of queries of any kind, but for times.
func anyRules(g *generator) (r Retention) {
	for range 1 + g.IntN(4) {
		rule := Rule{Match: g.query(2), Keep: days(1 + g.IntN(500))}
		if g.IntN(5) == 0 {
			rule.Keep = forever
		}
		if _, err := newKeeping(Retention{Rules: []Rule{rule}}, when); err == nil {
			r.Rules = append(r.Rules, rule)
		}
	}
	if g.IntN(2) == 0 || len(r.Rules) == 0 {
		r.Rules = append(r.Rules, Rule{Keep: days(20 + g.IntN(500))})
	}
	if g.IntN(3) == 0 {
		r.MaxSize = Size(100_000 + g.IntN(1_000_000))
	}
	return r
}

// byRules is what each rule removes of the stream's articles, looked at one by
// one, but for those that go with a whole partition for their age.
func byRules(t *testing.T, ix *Index, stream []pipeline.Stored[pipeline.Article], rep pipeline.RetentionReport) []pipeline.RetentionRule {
	t.Helper()
	rules := []pipeline.RetentionRule{}
	for _, r := range ix.keeping.rules {
		rules = append(rules, pipeline.RetentionRule{Match: r.text, Keep: r.keep.String()})
	}
	for _, s := range stream {
		a := s.Value
		name, err := period(PartitionMonth).name(a.ID)
		if err != nil {
			t.Fatal(err)
		}
		i := ix.keeping.expired(&a, rep.Now)
		if i < 0 || slices.ContainsFunc(rep.Partitions, func(p pipeline.RetentionPartition) bool { return p.Name == name && p.Why == whyAge }) {
			continue
		}
		rules[i].Articles++
		if at, _, _ := pipeline.ParseID(a.ID); rules[i].Oldest.IsZero() || at.Before(rules[i].Oldest) {
			rules[i].Oldest = at
		}
	}
	return rules
}

// Above its size the index loses its oldest months, and they don't come back,
// until another size is set.
func TestRetentionBySize(t *testing.T) {
	dir := t.TempDir()
	stream := messages(90)
	ix := openKeeping(t, dir, when, Retention{})
	ix.From()
	put(t, ix, stream)
	sealAll(t, ix)
	newest := ix.Stats().Partitions[0]
	if err := ix.Close(); err != nil {
		t.Fatal(err)
	}
	size := Retention{MaxSize: Size(newest.Bytes + newest.Bytes/2)}
	ix = openKeeping(t, dir, when, size)
	rep := retain(t, ix, false)
	var names []string
	for _, p := range rep.Partitions {
		names = append(names, p.Name+" "+p.Why)
	}
	if diff := cmp.Diff([]string{"2015-10 size", "2015-11 size"}, names); diff != "" {
		t.Errorf("removed (-want +got):\n%s", diff)
	}
	check := func(what string, want int) {
		t.Helper()
		if n := ix.Stats().Documents; n != want {
			t.Errorf("%s: %d documents, want %d", what, n, want)
		}
	}
	replay := func() {
		for _, s := range stream {
			if s.Value.Revision == 1 { // the months moved with the revisions
				put(t, ix, []pipeline.Stored[pipeline.Article]{s})
			}
		}
	}
	had := newest.Documents
	check("after", had)
	replay()
	check("replayed", had)
	if err := ix.Close(); err != nil {
		t.Fatal(err)
	}
	ix = openKeeping(t, dir, when, size)
	if from := ix.From(); from != 0 {
		t.Errorf("From() = %d", from)
	}
	replay()
	check("opened and replayed", had)
	restored := restore(t, snapshot(t, ix)) // without a size: other settings
	if restored.commit.dropped() != "" {
		t.Error("another size, and the old one's end is kept")
	}
	if err := ix.Close(); err != nil {
		t.Fatal(err)
	}
	ix = openKeeping(t, dir, when, Retention{MaxSize: 1 << 40})
	replay()
	check("with room again", 60)
	if rep := retain(t, ix, false); len(rep.Partitions) > 0 {
		t.Errorf("removed %+v", rep.Partitions)
	}
}

// A clock that is years ahead removes nothing that the articles don't bear out;
// neither do articles that have their date from it.
func TestRetentionClock(t *testing.T) {
	dir := t.TempDir()
	var stream []pipeline.Stored[pipeline.Article]
	for i := range 60 {
		stream = append(stream, stored(uint64(i+1), article(i, when.Add(-time.Duration(i)*oneDay), fmt.Sprintf("t %d", i), "text"))...)
	}
	ahead := when.AddDate(9, 0, 0)
	for i := range 20 { // first seen by a clock that is wrong
		a := article(100+i, ahead, fmt.Sprintf("undated %d", i), "text")
		a.PublishedFrom = pipeline.DateFromFirstSeen
		stream = append(stream, stored(uint64(100+i), a)...)
	}
	ix := openKeeping(t, dir, ahead, Retention{Rules: []Rule{{Keep: days(40)}}})
	ix.From()
	put(t, ix, stream)
	rep := retain(t, ix, false)
	// The eighth newest of 80 counts.
	if want := when.Add(-7*oneDay + clockSlack); !rep.Now.Equal(want) {
		t.Errorf("taken for now: %v, want %v", rep.Now, want)
	}
	if n := ix.Stats().Documents; n != 20+41 {
		t.Errorf("%d documents, want 61", n)
	}
	// An index with nothing in it knows of no time, and takes everything.
	empty := openKeeping(t, t.TempDir(), ahead, Retention{Rules: []Rule{{Keep: days(40)}}})
	empty.From()
	put(t, empty, stream[:60])
	if n := empty.Stats().Documents; n != 60 {
		t.Errorf("%d documents, want 60", n)
	}
}

// What a crash leaves of a removal goes at the next start.
func TestRetentionCutOff(t *testing.T) {
	dir := t.TempDir()
	stream := messages(30)
	ix := openKeeping(t, dir, when, Retention{})
	ix.From()
	put(t, ix, stream)
	if err := ix.Close(); err != nil {
		t.Fatal(err)
	}
	left := filepath.Join(dir, "2014-01"+droppedSuffix)
	if err := os.MkdirAll(filepath.Join(left, "store"), 0o700); err != nil {
		t.Fatal(err)
	}
	ix = openKeeping(t, dir, when, Retention{Rules: []Rule{{Keep: days(20)}}})
	if exists(left) {
		t.Error("it is still there")
	}
	// What was empty when it was looked at may not be any more.
	if err := ix.drop(context.Background(), ix.partition("2015-10"), true, ""); !errors.Is(err, errChanged) {
		t.Errorf("drop of a partition that is not empty: %v", err)
	}
	checkAll(t, ix, stream)
	ix.retaining.Lock()
	if _, err := ix.Retain(context.Background(), false); !errors.Is(err, errRetaining) {
		t.Errorf("two at a time: %v", err)
	}
	ix.retaining.Unlock()
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := ix.Retain(ctx, false); err == nil {
		t.Error("ended before it began, and no error")
	}
	if last := ix.Retention().Last; last == nil || last.Error == "" {
		t.Errorf("the last run is told as %+v", last)
	}
	retain(t, ix, false)
	if p := ix.Stats().Partitions; len(p) != 1 {
		t.Errorf("partitions %+v", p)
	}
	if _, err := os.Stat(filepath.Join(dir, "2015-10")); err == nil {
		t.Error("the folder is still there")
	}
}
