package extractors

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/newswatch/newswatch/extractors/readable"
	"github.com/newswatch/newswatch/pipeline"
	"github.com/newswatch/newswatch/pipeline/catalog"
)

// A yieldRig feeds articles of one source to the stage and collects its events.
type yieldRig struct {
	*Yields
	reg    *prometheus.Registry
	n      int // articles so far, one a minute
	fail   error
	events []pipeline.FeedEvent
}

func newYields(t *testing.T, kv Store) *yieldRig {
	t.Helper()
	r := &yieldRig{reg: prometheus.NewRegistry()}
	r.Yields = NewYields(slog.New(slog.DiscardHandler), r.reg, kv, func(_ context.Context, ev pipeline.FeedEvent) error {
		if r.fail == nil {
			r.events = append(r.events, ev)
		}
		return r.fail
	})
	r.Yields.now = func() time.Time { return r.at(r.n) }
	return r
}

func (r *yieldRig) at(n int) time.Time { return seen.Add(time.Duration(n) * time.Minute) }

// page is the next article: its text of so many words, with the problem of
// extraction; "fetch …" is one of the fetch.
func (r *yieldRig) page(t *testing.T, words int, problem string) pipeline.Article {
	t.Helper()
	r.n++
	a := pipeline.Article{
		Key: fmt.Sprintf("%08x", r.n) + "00000000", Source: "post", Revision: 1, Fetched: r.at(r.n), Extracted: r.at(r.n),
		Text: strings.Repeat("words ", words), Method: readable.MethodReadability,
	}
	if reason, ok := strings.CutPrefix(problem, "fetch "); ok {
		a.Fetched, a.Method = time.Time{}, MethodSummary
		a.Problems = []pipeline.Problem{{Stage: "fetch", Reason: reason}}
	} else if problem != "" {
		a.Problems = []pipeline.Problem{{Stage: stage, Reason: problem}}
	}
	r.see(t, a)
	return a
}

func (r *yieldRig) see(t *testing.T, a pipeline.Article) {
	t.Helper()
	if _, err := r.Handle(t.Context(), a); err != nil {
		t.Fatal(err)
	}
}

func (r *yieldRig) pages(t *testing.T, n, words int, problem string) {
	t.Helper()
	for range n {
		r.page(t, words, problem)
	}
}

// gauge is how many sources are said to have collapsed.
func (r *yieldRig) gauge(t *testing.T) float64 {
	t.Helper()
	families, err := r.reg.Gather()
	if err != nil || len(families) != 1 {
		t.Fatalf("%d families, %v", len(families), err)
	}
	return families[0].GetMetric()[0].GetGauge().GetValue()
}

func (r *yieldRig) kinds() string {
	var ks []string
	for _, ev := range r.events {
		ks = append(ks, ev.Kind)
	}
	return strings.Join(ks, " ")
}

// A source collapses once, stays so however long it lasts and whatever
// restarts, and recovers once.
func TestYieldSpell(t *testing.T) {
	dir := t.TempDir()
	kv, stop := openBucket(t, dir)
	r := newYields(t, kv)
	r.pages(t, 70, 400, "")
	lastGood := r.at(r.n)
	r.pages(t, 9, 3, "short")
	if len(r.events) > 0 {
		t.Fatalf("told after 9 poor pages: %+v", r.events)
	}
	r.page(t, 0, "fetch http_403")
	want := []pipeline.FeedEvent{{
		Kind: pipeline.PagesCollapsed, Source: "post", Since: lastGood.Add(time.Minute), LastGood: lastGood, At: r.at(r.n),
		Reason: "10 of the last 20 pages gave little or no text (most often: short), of the 60 before 0 did",
	}}
	if diff := cmp.Diff(want, r.events); diff != "" {
		t.Fatalf("events (-want +got):\n%s", diff)
	}
	r.pages(t, 200, 3, "short")
	if n := r.gauge(t); len(r.events) != 1 || n != 1 {
		t.Errorf("told again, or not counted: %s, %v", r.kinds(), n)
	}
	if err := r.Save(t.Context()); err != nil {
		t.Fatal(err)
	}
	n := r.n
	stop()

	kv, stop = openBucket(t, dir)
	defer stop()
	r = newYields(t, kv)
	r.n = n
	y, err := YieldOf(t.Context(), kv, "post")
	wantYield := Yield{
		Source: "post", Pages: 80, Recent: YieldStats{20, 20, 15}, Past: YieldStats{60, 0, 2000}, Collapsed: true,
		Reason: want[0].Reason, Since: want[0].Since, LastGood: lastGood,
	}
	if diff := cmp.Diff(wantYield, y); err != nil || diff != "" {
		t.Errorf("%v, yield (-want +got):\n%s", err, diff)
	}
	wantList := map[string]Collapse{"post": {Reason: want[0].Reason, Since: want[0].Since, LastGood: lastGood}}
	if list, err := Collapsed(t.Context(), kv); err != nil || cmp.Diff(wantList, list) != "" {
		t.Errorf("%v, the list of those that have collapsed (-want +got):\n%s", err, cmp.Diff(wantList, list))
	}
	r.pages(t, 30, 3, "short")
	if len(r.events) > 0 {
		t.Errorf("told again after the restart: %s", r.kinds())
	}
	r.pages(t, 60, 400, "")
	if r.kinds() != pipeline.FeedRecovered || !r.events[0].Since.Equal(want[0].Since) {
		t.Errorf("events %+v", r.events)
	}
	if y, err := YieldOf(t.Context(), kv, "post"); err != nil || y.Collapsed {
		t.Errorf("after the recovery: %+v, %v", y, err)
	}
	if list, err := Collapsed(t.Context(), kv); err != nil || len(list) > 0 {
		t.Errorf("listed after the recovery: %+v, %v", list, err)
	}
	r.pages(t, 20, 3, "short")
	if r.kinds() != "recovered collapsed" || r.events[1].Since.Equal(want[0].Since) {
		t.Errorf("the next spell: %+v", r.events)
	}
}

func TestYieldRule(t *testing.T) {
	type run struct {
		n, words int
		problem  string
	}
	// mixed is so many pages of each ten with little text.
	mixed := func(n, poor int) (rs []run) {
		for i := range n {
			if i%10 < poor {
				rs = append(rs, run{1, 30, "short"})
			} else {
				rs = append(rs, run{1, 400, ""})
			}
		}
		return rs
	}
	for _, tt := range []struct {
		name string
		runs []run
		want string
	}{
		{"nothing happens", []run{{300, 400, ""}}, ""},
		{"hardly any past", []run{{leastPast - 1, 400, ""}, {recentPages, 3, "short"}}, ""},
		{"just enough of a past", []run{{leastPast, 400, ""}, {recentPages, 3, "short"}}, "collapsed"},
		{"poor all along", []run{{200, 3, "short"}}, ""},
		{"half poor all along", mixed(300, 5), ""},
		{"half poor, then all", append(mixed(100, 5), run{20, 30, "short"}), "collapsed"},
		{"a bad hour", []run{{100, 400, ""}, {8, 0, "empty"}, {30, 400, ""}}, ""},
		{"all pages refused", []run{{100, 400, ""}, {20, 0, "fetch http_403"}}, "collapsed"},
		{"pages broken", []run{{100, 400, ""}, {20, 0, "panic"}}, "collapsed"},
		{"cut to a third, none of them short", []run{{100, 400, ""}, {20, 130, ""}}, "collapsed"},
		{"cut to a half", []run{{100, 400, ""}, {40, 210, ""}}, ""},
		{"cut, and whole again", []run{{100, 400, ""}, {30, 100, ""}, {30, 400, ""}}, "collapsed recovered"},
		{"flashes among articles", []run{{100, 400, ""}, {17, 60, ""}, {3, 400, ""}, {17, 60, ""}}, ""},
		{"other notes are no sign", []run{{100, 400, ""}, {40, 400, "paywall"}}, ""},
		{"little was usual", []run{{100, 40, ""}, {40, 10, ""}}, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r := newYields(t, &held{})
			for _, run := range tt.runs {
				r.pages(t, run.n, run.words, run.problem)
			}
			if got := r.kinds(); got != tt.want {
				t.Errorf("events %q, want %q: %+v", got, tt.want, r.events)
			}
		})
	}
}

// Only articles whose page was wanted count, each once, of sources there are.
func TestYieldCountsPages(t *testing.T) {
	kv := &held{}
	r := newYields(t, kv)
	a := r.page(t, 400, "")
	for _, change := range []func(*pipeline.Article){
		func(*pipeline.Article) {}, // seen again
		func(a *pipeline.Article) { a.Key, a.Revision = "11111111", 2 },
		func(a *pipeline.Article) { a.Key, a.Fetched = "22222222", time.Time{} }, // its feed had it all
		func(a *pipeline.Article) { a.Key, a.Source = "33333333", "" },
		func(a *pipeline.Article) { a.Key, a.Source = "44444444", "gone" },
	} {
		b := a
		change(&b)
		r.SetSources([]catalog.Source{{ID: "post"}})
		r.see(t, b)
	}
	feed := a
	feed.Key, feed.Method = "55555555", MethodFeed // the page gave less
	r.see(t, feed)
	if err := r.Save(t.Context()); err != nil {
		t.Fatal(err)
	}
	y, err := YieldOf(t.Context(), kv, "post")
	if err != nil || y.Recent != (YieldStats{Pages: 2, Poor: 0, Median: 2000}) || len(kv.values) != 1 {
		t.Errorf("%+v, %v, %d records", y, err, len(kv.values))
	}
}

// An event nobody takes is told again, of the same spell, also by the process
// after a crash; one that is long over is not.
func TestYieldToldAgain(t *testing.T) {
	kv := &held{}
	r := newYields(t, kv)
	r.pages(t, 100, 400, "")
	r.fail = errors.New("no connection")
	r.pages(t, 15, 3, "short")
	if y, err := YieldOf(t.Context(), kv, "post"); err != nil || !y.Collapsed {
		t.Fatalf("not stored before it is told: %+v, %v", y, err)
	}
	since := r.sources["post"].Spell.Since

	after := newYields(t, kv) // without a last save
	after.n = r.n
	after.page(t, 3, "short")
	if after.kinds() != pipeline.PagesCollapsed || !after.events[0].Since.Equal(since) {
		t.Errorf("after a crash: %+v, want since %v", after.events, since)
	}

	late := newYields(t, &held{})
	late.Yields.now = func() time.Time { return late.at(late.n).Add(2 * staleEvent) } // catching up
	late.pages(t, 100, 400, "")
	late.pages(t, 15, 3, "short")
	late.pages(t, 40, 400, "")
	late.Yields.now = func() time.Time { return late.at(late.n) }
	late.page(t, 400, "")
	if late.kinds() != "" || late.sources["post"].Spell != nil {
		t.Errorf("told of what was over: %+v", late.events)
	}
	late.pages(t, 20, 3, "short")
	if late.kinds() != pipeline.PagesCollapsed {
		t.Errorf("the next one: %q", late.kinds())
	}
}

func TestYieldBrokenRecord(t *testing.T) {
	for _, value := range []string{"{", `{"v":9,"source":"post"}`, `{"v":1,"source":"other"}`, ""} {
		kv := &held{values: map[string]pipeline.Entry{yieldKey("post"): {Key: yieldKey("post"), Value: []byte(value), Revision: 7}}}
		if _, err := YieldOf(t.Context(), kv, "post"); err == nil {
			t.Errorf("%q: no error", value)
		}
		r := newYields(t, kv)
		r.pages(t, 30, 400, "")
		if err := r.Save(t.Context()); err != nil {
			t.Fatal(err)
		}
		if y, err := YieldOf(t.Context(), kv, "post"); err != nil || y.Pages != 30 {
			t.Errorf("%q: not written anew: %+v, %v", value, y, err)
		}
	}
}

// Another process that has taken over is not overwritten.
func TestYieldBesideAnother(t *testing.T) {
	kv := &held{}
	mine, other := newYields(t, kv), newYields(t, kv)
	other.n = 1000
	mine.pages(t, 3, 400, "")
	other.pages(t, 5, 400, "")
	if err := errors.Join(other.Save(t.Context()), mine.Save(t.Context())); err != nil {
		t.Fatal(err)
	}
	mine.pages(t, 1, 400, "")
	if err := mine.Save(t.Context()); err != nil {
		t.Fatal(err)
	}
	if y, err := YieldOf(t.Context(), kv, "post"); err != nil || y.Pages != 6 {
		t.Errorf("%+v, %v: want what the other stored and one more", y, err)
	}
}

// held is a store in memory with the rules of revisions, for tests of which
// thousands of pages are a part; those of storing stand on the real one.
type held struct {
	values map[string]pipeline.Entry
	last   uint64
}

func (h *held) Get(_ context.Context, key string) (pipeline.Entry, error) {
	e, ok := h.values[key]
	if !ok {
		return e, fmt.Errorf("%s: %w", key, pipeline.ErrNotFound)
	}
	return e, nil
}

func (h *held) Update(_ context.Context, key string, value []byte, revision uint64) (uint64, error) {
	if h.values[key].Revision != revision {
		return 0, fmt.Errorf("%s: %w", key, pipeline.ErrConflict)
	}
	if h.values == nil {
		h.values, h.last = make(map[string]pipeline.Entry), 100
	}
	h.last++
	h.values[key] = pipeline.Entry{Key: key, Value: value, Revision: h.last}
	return h.last, nil
}

func (h *held) Delete(context.Context, string) error                    { return errors.ErrUnsupported }
func (h *held) Watch(context.Context, func(pipeline.Entry) error) error { return errors.ErrUnsupported }

// The list of those that have collapsed is made anew where it is broken or was
// stored by another process, and holds no source that is followed no more.
func TestYieldList(t *testing.T) {
	kv, stop := openBucket(t, t.TempDir())
	defer stop()
	r := newYields(t, kv)
	r.pages(t, 70, 400, "")
	r.pages(t, 20, 3, "short")
	if list, err := Collapsed(t.Context(), kv); err != nil || len(list) != 1 {
		t.Fatalf("%+v, %v", list, err)
	}
	e, err := kv.Get(t.Context(), collapsedKey)
	if err == nil {
		_, err = kv.Update(t.Context(), collapsedKey, []byte("{"), e.Revision)
	}
	if err != nil {
		t.Fatal(err)
	}
	n := r.n
	r = newYields(t, kv) // as after a restart
	r.n = n
	r.page(t, 3, "short")
	if list, err := Collapsed(t.Context(), kv); err != nil || len(list) != 1 {
		t.Errorf("after a broken list: %+v, %v", list, err)
	}
	r.SetSources([]catalog.Source{{ID: "other"}})
	if err := r.Save(t.Context()); err != nil {
		t.Fatal(err)
	}
	if list, err := Collapsed(t.Context(), kv); err != nil || len(list) > 0 {
		t.Errorf("after the source was deleted: %+v, %v", list, err)
	}
}
