package retag_test

import (
	"cmp"
	"context"
	"errors"
	"flag"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/newswatch/newswatch/extractors/retag"
	"github.com/newswatch/newswatch/extractors/tags"
	"github.com/newswatch/newswatch/index"
	"github.com/newswatch/newswatch/pipeline"
	"github.com/newswatch/newswatch/pipeline/catalog"
	"github.com/newswatch/newswatch/pipeline/jet"
)

var seeds = flag.Int("seeds", 1, "how many histories TestAllMentionsAreThoseOfTheCatalog plays")

// A world is a bus, an index that follows it, and alerts that do.
type world struct {
	t    *testing.T
	node *jet.Node
	ix   *index.Index
	kv   pipeline.KV
	lg   *slog.Logger // of the retagger

	taking    atomic.Bool  // the index takes all articles
	indexLag  atomic.Int64 // milliseconds that a batch of the index takes
	alertsLag atomic.Int64 // and an article, of alerts

	mu   sync.Mutex
	news map[string][]string // by key: the mentions that alerts were decided by, each time
}

const (
	stageIndex  = "index-test"
	stageAlerts = "alerts"
)

func newWorld(t *testing.T) *world {
	lg := slog.New(slog.DiscardHandler)
	node, err := jet.Open(t.Context(), lg, prometheus.NewRegistry(), jet.Config{
		Dir: t.TempDir(), FetchWait: 50 * time.Millisecond, SyncInterval: time.Minute, Retry: []time.Duration{10 * time.Millisecond, 50 * time.Millisecond, time.Second},
	})
	if err != nil {
		t.Fatal(err)
	}
	ix, err := index.Open(lg, prometheus.NewRegistry(), index.Config{Dir: t.TempDir(), SealAfter: -1})
	if err != nil {
		t.Fatal(err)
	}
	kv, err := node.KV(t.Context(), pipeline.BucketCheckpoints)
	if err != nil {
		t.Fatal(err)
	}
	w := &world{t: t, node: node, ix: ix, kv: kv, lg: slog.New(slog.NewTextHandler(t.Output(), nil)), news: make(map[string][]string)}
	ctx, cancel := context.WithCancel(context.Background())
	var running sync.WaitGroup
	running.Go(func() {
		write := func(ctx context.Context, batch []pipeline.Stored[pipeline.Article], done func(error)) {
			if slices.ContainsFunc(batch, func(s pipeline.Stored[pipeline.Article]) bool { return refused(s.Value.Key) && !w.taking.Load() }) {
				done(pipeline.Permanent("refused", errors.New("as the test wants")))
				return
			}
			time.Sleep(time.Duration(w.indexLag.Load()) * time.Millisecond)
			ix.Write(ctx, batch, done)
		}
		err := pipeline.Sink[pipeline.Article]{Name: stageIndex, In: pipeline.Articles, Exclusive: true, MaxWait: 20 * time.Millisecond, Write: write}.Run(ctx, node)
		if err != nil {
			t.Errorf("index: %v", err)
		}
	})
	running.Go(func() {
		err := pipeline.Stage[pipeline.Article, struct{}]{Name: stageAlerts, In: pipeline.Articles, Exclusive: true, Workers: 2, Pending: 2, Handle: w.decide}.Run(ctx, node)
		if err != nil {
			t.Errorf("alerts: %v", err)
		}
	})
	t.Cleanup(func() {
		cancel()
		running.Wait()
		if err := errors.Join(ix.Close(), node.Close(context.Background())); err != nil {
			t.Error(err)
		}
	})
	return w
}

// decide remembers what alerts were decided by.
func (w *world) decide(_ context.Context, a pipeline.Article) ([]struct{}, error) {
	if rand.IntN(10) == 0 { // they may be behind
		time.Sleep(time.Duration(rand.IntN(20)) * time.Millisecond)
	}
	time.Sleep(time.Duration(w.alertsLag.Load()) * time.Millisecond)
	if a.Retagged != nil && a.Retagged.Decided {
		return nil, nil
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.news[a.Key] = append(w.news[a.Key], shown(a.AsNews().Mentions))
	return nil, nil
}

// IDs and Article make the world an archive.
func (w *world) IDs(ctx context.Context, req pipeline.IDsRequest) (pipeline.IDsResult, error) {
	seq, err := w.node.Settled(ctx, pipeline.StreamArticles, stageIndex)
	if err != nil && !errors.Is(err, pipeline.ErrNotFound) {
		return pipeline.IDsResult{}, err
	}
	res, err := w.ix.IDs(ctx, req)
	res.Seq = seq
	return res, err
}

func (w *world) Article(ctx context.Context, id string) (pipeline.Article, error) {
	return w.ix.Article(ctx, id)
}

func (w *world) Decided(ctx context.Context) (uint64, error) {
	return w.node.Settled(ctx, pipeline.StreamArticles, stageAlerts)
}

// SetAside has the index set some articles aside, see [refused].
func (w *world) SetAside(ctx context.Context) (keys []string, err error) {
	letters, _, err := w.node.DeadLetters(ctx, "", 1000, stageIndex, "")
	for _, d := range letters {
		keys = append(keys, d.Key)
	}
	return keys, err
}

// refused are articles that the index does not take the first time: they become
// dead letters, and are replayed at the end.
func refused(key string) bool { return key[0] == '7' }

func (w *world) settled(stage string) uint64 {
	seq, err := w.node.Settled(w.t.Context(), pipeline.StreamArticles, stage)
	if err != nil && !errors.Is(err, pipeline.ErrNotFound) {
		w.t.Fatal(err)
	}
	return seq
}

func (w *world) last() uint64 {
	_, streams, err := w.node.Status(w.t.Context())
	if err != nil {
		w.t.Fatal(err)
	}
	for _, s := range streams {
		if s.Stream == pipeline.StreamArticles {
			return s.LastSeq
		}
	}
	return 0
}

func (w *world) eventually(what string, ok func() bool) {
	w.t.Helper()
	for range 3000 {
		if ok() {
			return
		}
		time.Sleep(20 * time.Millisecond)
	}
	passes, _ := retag.NewDesk(w.kv).Passes(w.t.Context())
	w.t.Fatalf("%s: not within a minute; stream %d, retag %d, index %d, passes %+v", what, w.last(), w.settled(retag.Stage), w.settled(stageIndex), passes)
}

// idle waits until no pass is under way, and the tail is at the end.
func (w *world) idle() {
	w.t.Helper()
	time.Sleep(450 * time.Millisecond) // longer than changes are gathered
	w.eventually("idle", func() bool {
		passes, err := retag.NewDesk(w.kv).Passes(w.t.Context())
		if err != nil {
			w.t.Fatal(err)
		}
		return !slices.ContainsFunc(passes, func(p pipeline.RetagPass) bool { return p.State != pipeline.RetagDone }) && w.settled(retag.Stage)+3 >= w.last()
	})
}

// calm waits until nothing is under way any more.
func (w *world) calm() {
	w.t.Helper()
	desk := retag.NewDesk(w.kv)
	w.eventually("calm", func() bool {
		before := w.last()
		passes, err := desk.Passes(w.t.Context())
		if err != nil {
			w.t.Fatal(err)
		}
		for _, p := range passes {
			if p.State != pipeline.RetagDone {
				return false
			}
		}
		time.Sleep(450 * time.Millisecond) // longer than changes are gathered
		for _, stage := range []string{retag.Stage, stageIndex, stageAlerts} {
			if w.settled(stage) < before {
				return false
			}
		}
		again, err := desk.Passes(w.t.Context())
		return err == nil && w.last() == before && len(again) == len(passes) && (len(again) == 0 || again[0].N == passes[0].N)
	})
}

// A retagger that may die.
type life struct {
	r    *retag.Retagger
	stop func()
}

// errDead is what a process that was killed gets done.
var errDead = errors.New("killed")

// A mortal is a bus and a bucket that do nothing more after some operations: as
// if the process had been killed between two of them.
type mortal struct {
	retag.Bus
	pipeline.KV
	left *atomic.Int64
}

func (m mortal) dead() bool { return m.left.Add(-1) < 0 }

func (m mortal) Publish(ctx context.Context, stream string, msg pipeline.Message) (uint64, error) {
	if m.dead() {
		return 0, errDead
	}
	return m.Bus.Publish(ctx, stream, msg)
}

func (m mortal) Put(ctx context.Context, key string, value []byte) (uint64, error) {
	if m.dead() {
		return 0, errDead
	}
	return m.KV.Put(ctx, key, value)
}

func (m mortal) Delete(ctx context.Context, key string) error {
	if m.dead() {
		return errDead
	}
	return m.KV.Delete(ctx, key)
}

// live starts a retagger that dies after so many writes.
func (w *world) live(m *tags.Matcher, writes int64) *life {
	left := new(atomic.Int64)
	left.Store(writes)
	dying := mortal{w.node, w.kv, left}
	l := &life{r: retag.New(w.lg, prometheus.NewRegistry(), dying, 1, dying, w, w)}
	l.r.SetListed(30) // several pages
	l.r.SetMatcher(m)
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- l.r.Run(ctx) }()
	l.stop = func() {
		cancel()
		if err := <-done; err != nil && !errors.Is(err, errDead) {
			w.t.Errorf("Run: %v", err)
		}
	}
	return l
}

func shown(ms []pipeline.Mention) string {
	var b strings.Builder
	for _, m := range ms {
		fmt.Fprintf(&b, "%s:%s:%d-%d:%s:%v:%v ", m.Entity, m.Field, m.Start, m.End, m.Rule, m.Confidence, m.Nested)
	}
	return b.String()
}

func fresh(m *tags.Matcher, a *pipeline.Article) []pipeline.Mention {
	ms := slices.Clone(m.Tag(a.Title, a.Text, a.Lang))
	pipeline.SortMentions(ms)
	return ms
}

var words = []string{"Huawei", "ZTE", "Yandex", "Apple", "World Internet Conference", "Internet Conference", "Jack Ma", "Ma", "Alibaba", "phone", "chip", "bank", "Putin", "Vladimir Putin", "kettle"}

// article is the nth, with some of the words.
func article(rng *rand.Rand, n int) pipeline.Article {
	at := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC).Add(time.Duration(rng.IntN(200*24)) * time.Hour)
	var text []string
	for range 3 + rng.IntN(8) {
		text = append(text, words[rng.IntN(len(words))], "said that", words[rng.IntN(len(words))]+".")
	}
	url := fmt.Sprintf("https://a.example/%d", n)
	a := pipeline.Article{
		Key: pipeline.Key(url), URL: url, Revision: 1, Title: "About " + words[rng.IntN(len(words))], Text: strings.Join(text, " "),
		Lang: "en", Source: "a", Published: at, FirstSeen: at,
	}
	a.ID = pipeline.NewID(at, at, a.Key)
	return a
}

// entities is some of the words as entities.
func entities(rng *rand.Rand, was []catalog.Entity) []catalog.Entity {
	now := slices.Clone(was)
	for range 1 + rng.IntN(3) {
		i := -1
		if len(now) > 0 {
			i = rng.IntN(len(now))
		}
		word := func() string { return words[rng.IntN(len(words))] }
		switch op := rng.IntN(4); {
		case op == 0 && i >= 0:
			now = slices.Delete(now, i, i+1)
		case op == 1 && i >= 0:
			e := now[i]
			e.Names = []catalog.Name{{Text: word()}, {Text: word(), Near: []string{"phone"}}}
			now[i] = e
		case op == 2 && i >= 0:
			now[i].Name += "'" // nothing that bears on mentions
		default:
			id := fmt.Sprintf("e%d", rng.IntN(8))
			if slices.ContainsFunc(now, func(e catalog.Entity) bool { return e.ID == id }) {
				continue
			}
			kind := []string{"organization", "person"}[rng.IntN(2)]
			now = append(now, catalog.Entity{ID: id, Name: id, Kind: kind, Names: []catalog.Name{{Text: word()}}})
		}
	}
	slices.SortFunc(now, func(a, b catalog.Entity) int { return cmp.Compare(a.ID, b.ID) })
	return now
}

// After any history of entities added, changed and deleted while articles come
// and are changed, and the retagger is killed in between, the mentions of all
// articles in the index are those of the entities as they are at the end, and
// alerts were decided by those that each article had as news, and by no others.
func TestAllMentionsAreThoseOfTheCatalog(t *testing.T) {
	for seed := range *seeds {
		t.Run(fmt.Sprint(seed), func(t *testing.T) { history(t, uint64(seed)) })
	}
}

func history(t *testing.T, seed uint64) {
	w := newWorld(t)
	rng := rand.New(rand.NewPCG(seed, 5))
	catalogs := make(chan *tags.Matcher, 1)
	compile := func(es []catalog.Entity) *tags.Matcher {
		m, _ := tags.Compile(es)
		return m
	}
	es := entities(rng, nil)
	m := compile(es)
	original := make(map[string]string) // by key: the mentions it had as news

	// Some articles that the stream has no more.
	filler := article(rng, 0)
	filler.Mentions, filler.Catalog = fresh(m, &filler), m.Version()
	original[filler.Key] = shown(filler.Mentions)
	const old = 30
	for range old {
		if _, err := pipeline.Shards(1).Articles().Publish(t.Context(), w.node, filler); err != nil {
			t.Fatal(err)
		}
	}
	var batch []pipeline.Stored[pipeline.Article]
	for i := range old - 1 {
		a := article(rng, i+1)
		a.Mentions, a.Catalog = fresh(m, &a), m.Version()
		batch = append(batch, pipeline.Stored[pipeline.Article]{Value: a, Seq: uint64(i + 1)})
	}
	written := make(chan error, 1)
	w.ix.Write(t.Context(), batch, func(err error) { written <- err })
	if err := <-written; err != nil {
		t.Fatal(err)
	}

	// A press that tags with entities that may be old, and changes articles
	// that it has read a while ago, as the stages before do.
	press := rand.New(rand.NewPCG(seed, 6))
	pm := m
	var keys []string
	issue := func() {
		n := old + len(keys)
		a := article(press, n)
		a.Mentions, a.Catalog = fresh(pm, &a), pm.Version()
		if len(keys) > 0 && press.IntN(3) == 0 {
			prev, _, err := pipeline.Articles.Last(t.Context(), w.node, pipeline.Shards(1).Subject(keys[press.IntN(len(keys))]))
			if err != nil {
				t.Errorf("last: %v", err)
				return
			}
			time.Sleep(time.Duration(press.IntN(5)) * time.Millisecond)
			a = prev
			a.Feeds = append(a.Feeds, fmt.Sprint(n))
		} else {
			keys = append(keys, a.Key)
			original[a.Key] = shown(a.Mentions)
		}
		if _, err := pipeline.Shards(1).Articles().Publish(t.Context(), w.node, a); err != nil {
			t.Errorf("publish: %v", err)
		}
	}
	stop, stopped := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(stopped)
		for {
			select {
			case <-stop:
				return
			case pm = <-catalogs:
			case <-time.After(time.Duration(press.IntN(20)) * time.Millisecond):
				issue()
			}
		}
	}()

	l := w.live(m, 1<<40)
	w.eventually("begun", func() bool { return w.settled(retag.Stage) > 0 })
	changes := 0
	change := func() {
		m = compile(es)
		l.r.SetMatcher(m)
		changes++
	}
	for i := range 40 {
		time.Sleep(time.Duration(rng.IntN(100)) * time.Millisecond)
		if rng.IntN(3) > 0 {
			es = entities(rng, es)
			change()
			if rng.IntN(2) == 0 { // or the press does not hear of it yet
				select {
				case catalogs <- m:
				default:
				}
			}
		}
		switch {
		case i%15 == 14: // what has come so far is done with
			l.stop()
			l = w.live(m, 1<<40)
			w.idle()
		case rng.IntN(4) == 0:
			l.stop()
			l = w.live(m, rng.Int64N(100))
		}
	}
	l.stop()
	l = w.live(m, 1<<40)
	w.idle()
	close(stop)
	<-stopped

	// The tail is through with articles that the index and alerts have not seen,
	// and entities change; then articles come that know nothing of that.
	w.indexLag.Store(4000)
	w.alertsLag.Store(50)
	for range 12 {
		issue()
	}
	end := w.last()
	w.eventually("the tail is through", func() bool { return w.settled(retag.Stage) >= end })
	es = slices.Clone(es[min(1, len(es)):])
	es = append(es, catalog.Entity{ID: "e9", Name: "e9", Kind: "topic", Names: []catalog.Name{{Text: "said"}}})
	change()
	w.indexLag.Store(0)
	w.idle()
	for range 12 {
		issue()
	}
	w.alertsLag.Store(0)
	w.calm()
	w.taking.Store(true) // and what was set aside is replayed
	letters, _, err := w.node.DeadLetters(t.Context(), "", 1000, stageIndex, "")
	if err != nil {
		t.Fatal(err)
	}
	if len(letters) == 0 {
		t.Error("nothing was set aside: the test tests less than it says")
	}
	for _, d := range letters {
		if err := w.node.ReplayDead(t.Context(), d.ID); err != nil {
			t.Fatal(err)
		}
	}
	w.eventually("all in the index", func() bool {
		ids, err := w.ix.IDs(t.Context(), pipeline.IDsRequest{Limit: 1})
		return err == nil && ids.Total == old+len(keys)
	})
	w.calm()
	l.stop()

	ids, err := w.ix.IDs(t.Context(), pipeline.IDsRequest{Limit: 10000})
	if err != nil {
		t.Fatal(err)
	}
	if want := old + len(keys); len(ids.IDs) != want {
		t.Errorf("%d articles, want %d", len(ids.IDs), want)
	}
	tagged := 0
	for _, id := range ids.IDs {
		a, err := w.ix.Article(t.Context(), id)
		if err != nil {
			t.Fatal(err)
		}
		tagged += len(a.Mentions)
		if diff := gocmp.Diff(shown(fresh(m, &a)), shown(a.Mentions)); diff != "" {
			t.Errorf("article %s, catalog %s (now %s), retagged %+v (-want +got):\n%s", id, a.Catalog, m.Version(), a.Retagged, diff)
		}
	}
	if tagged == 0 && len(es) > 0 {
		t.Error("nothing is tagged: the test tests nothing")
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	for key, want := range original {
		if len(w.news[key]) == 0 {
			t.Errorf("article %s: alerts were never decided", key)
		}
		for _, got := range w.news[key] {
			if got != want {
				t.Errorf("article %s: alerts decided by %q, it had %q as news", key, got, want)
			}
		}
	}
	t.Logf("seed %d: %d changes, %d articles, %d mentions", seed, changes, len(ids.IDs), tagged)
}

// Changes that come close to each other make one pass; what bears on no mention
// makes none, and neither does the first start.
func TestChangesAreJoined(t *testing.T) {
	w := newWorld(t)
	named := func(n int) *tags.Matcher {
		var es []catalog.Entity
		for i := range n {
			name := fmt.Sprintf("Name%d", i)
			es = append(es, catalog.Entity{ID: fmt.Sprintf("e%04d", i), Name: name, Kind: "organization", Names: []catalog.Name{{Text: name}}})
		}
		m, _ := tags.Compile(es)
		return m
	}
	l := w.live(named(10), 1<<40)
	defer func() { l.stop() }()
	since := func() bool { _, err := w.kv.Get(t.Context(), "retag.since"); return err == nil }
	w.eventually("begun", since)
	w.calm()
	desk := retag.NewDesk(w.kv)
	passes := func() (counts []int) {
		all, err := desk.Passes(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		for _, p := range all {
			counts = append(counts, p.Count)
		}
		return counts
	}
	if got := passes(); len(got) != 0 {
		t.Errorf("passes over %v entities at the first start, want none", got)
	}
	for n := 20; n <= 700; n += 170 {
		l.r.SetMatcher(named(n))
	}
	w.eventually("applied", func() bool {
		e, err := desk.Entity(t.Context(), "e0699", nil)
		return err == nil && !e.Applied.IsZero()
	})
	w.calm()
	if diff := gocmp.Diff([]int{190, 500}, passes()); diff != "" {
		t.Errorf("entities of the passes (-want +got):\n%s", diff)
	}
	l.r.SetMatcher(named(700)) // as it was
	l.stop()
	l = w.live(named(700), 1<<40)
	w.calm()
	if got := passes(); len(got) != 2 {
		t.Errorf("passes over %v entities after a restart without a change, want the two", got)
	}
	if e, err := desk.Entity(t.Context(), "nobody", nil); !errors.Is(err, pipeline.ErrNotFound) {
		t.Errorf("an entity that is not there: %+v, %v", e, err)
	}
}
