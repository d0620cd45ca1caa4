package stories_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/newswatch/newswatch/pipeline"
	"github.com/newswatch/newswatch/pipeline/jet"
	"github.com/newswatch/newswatch/pipeline/stories"
)

var seen = time.Date(2015, 12, 16, 9, 30, 0, 0, time.UTC)

// world is the stage on a real bus.
type world struct {
	t     *testing.T
	node  *jet.Node
	stage *stories.Assigner
	old   archive
}

// archive holds the articles that have left the stream, by key.
type archive map[string]pipeline.Article

func (a archive) ByKey(_ context.Context, key string) (pipeline.Article, error) {
	if old, ok := a[key]; ok {
		return old, nil
	}
	return pipeline.Article{}, pipeline.ErrNotFound
}

type lastOf struct{ node *jet.Node }

func (l lastOf) Last(ctx context.Context, key string) (pipeline.Article, error) {
	a, _, err := pipeline.Articles.Last(ctx, l.node, pipeline.Shards(1).Subject(key))
	return a, err
}

func newWorld(t *testing.T) *world {
	t.Helper()
	lg := slog.New(slog.DiscardHandler)
	node, err := jet.Open(t.Context(), lg, prometheus.NewRegistry(), jet.Config{Dir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		node.Close(ctx)
	})
	kv, err := node.KV(t.Context(), pipeline.BucketCopies)
	if err != nil {
		t.Fatal(err)
	}
	old := make(archive)
	return &world{t, node, stories.New(lg, prometheus.NewRegistry(), lastOf{node}, old, kv), old}
}

// run hands an article to the stage and publishes what comes out, as the bus does.
func (w *world) run(a pipeline.Article) (out pipeline.Article, published bool) {
	w.t.Helper()
	outs, err := w.stage.Handle(w.t.Context(), a)
	if err != nil {
		w.t.Fatal(err)
	}
	if len(outs) == 0 {
		return pipeline.Article{}, false
	}
	if _, err := pipeline.Shards(1).Articles().Publish(w.t.Context(), w.node, outs[0]); err != nil {
		w.t.Fatal(err)
	}
	return outs[0], true
}

// article is one as it leaves the extractor.
func article(url, feed, title, text string) pipeline.Article {
	a := pipeline.Article{
		Key: pipeline.Key(url), URL: url, Title: title, Text: text, Source: "s", FirstSeen: seen, Published: seen.Add(-time.Hour),
		ItemContent: pipeline.Digest8(title, text, feed), Content: pipeline.Digest8(title, text), Extracted: seen.Add(time.Second),
	}
	if feed != "" {
		a.Feeds = []string{feed}
	}
	return a
}

var long = strings.Repeat("The conference in Wuzhen opened under tight security. ", 4)

func TestFirstAndCopies(t *testing.T) {
	w := newWorld(t)
	first, _ := w.run(article("https://a.example/1", "fa", "Wuzhen opens", long))
	if first.ID != pipeline.NewID(seen.Add(-time.Hour), seen, first.Key) || first.Revision != 1 || first.Story != first.ID || first.CopyOf != "" {
		t.Errorf("the first article: id %s, revision %d, story %s, copy of %q", first.ID, first.Revision, first.Story, first.CopyOf)
	}
	copied, _ := w.run(article("https://b.example/9", "fb", "WUZHEN OPENS", strings.ReplaceAll(long, " ", "\n")+"…"))
	if copied.CopyOf != first.ID || copied.Story != first.ID || copied.ID == first.ID {
		t.Errorf("a copy in other case and spacing: id %s, copy of %q, story %q; want copy of and story %s", copied.ID, copied.CopyOf, copied.Story, first.ID)
	}
	other, _ := w.run(article("https://b.example/10", "fb", "Wuzhen opens", long+"And one more thing."))
	if other.CopyOf != "" || other.Story != other.ID {
		t.Errorf("another text: copy of %q, story %s; want its own", other.CopyOf, other.Story)
	}
	for _, short := range []string{"https://a.example/2", "https://b.example/2"} {
		if a, _ := w.run(article(short, "f", "Photo of the day", "")); a.CopyOf != "" {
			t.Errorf("%s: too short a text to be a copy, folded onto %s", short, a.CopyOf)
		}
	}
	zh := strings.Repeat("第二届世界互联网大会在乌镇开幕。", 6)
	z1, _ := w.run(article("https://zh.example/1", "fz", "乌镇", zh))
	z2, _ := w.run(article("https://zh2.example/1", "fy", "乌镇", zh))
	if z2.CopyOf != z1.ID {
		t.Errorf("a Chinese copy: copy of %q, want %s", z2.CopyOf, z1.ID)
	}
}

func TestRevisionsAndListings(t *testing.T) {
	w := newWorld(t)
	v1 := article("https://a.example/1", "fa", "Wuzhen opens", long)
	first, _ := w.run(v1)

	listed := article("https://a.example/1", "other", "Wuzhen opens!", long)
	got, published := w.run(listed)
	if !published || got.Revision != 1 || got.Title != "Wuzhen opens" || !cmp.Equal(got.Feeds, []string{"fa", "other"}) {
		t.Errorf("another feed's listing: published %v, revision %d, title %q, feeds %v; want only the feed added", published, got.Revision, got.Title, got.Feeds)
	}

	v2 := article("https://a.example/1", "fa", "Wuzhen opens, names Huawei", long)
	v2.Published, v2.FirstSeen = seen.Add(time.Hour), seen.Add(time.Hour)
	second, _ := w.run(v2)
	want := first
	want.Revision, want.Title, want.Feeds = 2, v2.Title, []string{"fa", "other"}
	want.Content, want.ItemContent, want.Modified = v2.Content, v2.ItemContent, v2.Extracted
	want.Versions = []string{v1.ItemContent, listed.ItemContent, v2.ItemContent}
	if diff := cmp.Diff(want, second); diff != "" {
		t.Errorf("a revision (-want +got):\n%s", diff)
	}

	for _, again := range []pipeline.Article{v1, listed, v2} {
		if a, published := w.run(again); published {
			t.Errorf("%q again was published as revision %d", again.Title, a.Revision)
		}
	}
}

// A page that is read again gives a revision where its text is another, quietly
// and with all that makes the article the same one; anything else is let be.
func TestReread(t *testing.T) {
	w := newWorld(t)
	v1 := article("https://a.example/1", "fa", "Wuzhen opens", long)
	w.run(v1)
	first, _ := w.run(article("https://a.example/1", "other", "Wuzhen opens!", long))

	reread := func(text string) pipeline.Article {
		a := v1
		a.Text, a.Content = text, pipeline.Digest8(v1.Title, text)
		a.Extracted, a.Quiet, a.Reread = seen.Add(time.Hour), true, true
		return a
	}
	if a, published := w.run(reread(long)); published {
		t.Errorf("the same text was published as revision %d", a.Revision)
	}
	got, published := w.run(reread(long + " By other rules."))
	want := first
	want.Revision, want.Text, want.Content = 2, got.Text, pipeline.Digest8(v1.Title, long+" By other rules.")
	want.Extracted, want.Quiet = seen.Add(time.Hour), true
	if diff := cmp.Diff(want, got); diff != "" || !published {
		t.Errorf("another text (-want +got):\n%s", diff)
	}
	if a, published := w.run(reread(long + " By other rules.")); published {
		t.Errorf("the same again was published as revision %d", a.Revision)
	}

	edited, _ := w.run(article("https://a.example/1", "fa", "Wuzhen ends", long))
	if edited.Quiet || edited.Revision != 3 {
		t.Errorf("an edit after it: quiet %v, revision %d; want news, 3", edited.Quiet, edited.Revision)
	}
	if a, published := w.run(reread(long + " By the rules of tomorrow.")); published {
		t.Errorf("a page from before the edit was published as revision %d", a.Revision)
	}
	unknown := reread(long)
	unknown.Key = pipeline.Key("https://a.example/deleted")
	if a, published := w.run(unknown); published {
		t.Errorf("an article that is not there was published as revision %d", a.Revision)
	}

	left := unknown // the stream has it no longer, the index has
	left.ID, left.Revision, left.Story, left.Reread = pipeline.NewID(left.Published, left.FirstSeen, left.Key), 4, "s", false
	w.old[left.Key] = left
	if a, published := w.run(unknown); published {
		t.Errorf("an old article with the same text was published as revision %d", a.Revision)
	}
	changed := reread(long + " By other rules.")
	changed.Key = unknown.Key
	if a, published := w.run(changed); !published || a.ID != left.ID || a.Story != "s" || a.Revision != 5 || !a.Quiet || a.Reread {
		t.Errorf("an old article with another text: published %v, %+v", published, a)
	}
}

// Handed in twice, in whole or in part, in any order of the repeats, the
// input changes nothing: same ids, same revisions, one story for copies.
func TestReplayChangesNothing(t *testing.T) {
	w := newWorld(t)
	rng := rand.New(rand.NewPCG(1, 2))
	var inputs []pipeline.Article
	for i := range 60 {
		url := fmt.Sprintf("https://h%d.example/%d", i%5, i%20)
		inputs = append(inputs, article(url, fmt.Sprint("f", i%3), fmt.Sprint("Title ", i%7), long))
	}
	for _, in := range inputs {
		w.run(in)
	}
	before := map[string]pipeline.Article{}
	for _, in := range inputs {
		before[in.Key], _ = lastOf{w.node}.Last(t.Context(), in.Key)
	}
	for range 200 {
		in := inputs[rng.IntN(len(inputs))]
		if a, published := w.run(in); published {
			t.Fatalf("%s again was published: %+v", in.URL, a)
		}
	}
	for key, want := range before {
		got, err := lastOf{w.node}.Last(t.Context(), key)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Fatalf("after replays (-before +after):\n%s", diff)
		}
	}
}

// A run broken off between noting the text and publishing the article must
// not make the article a copy of itself.
func TestBrokenOff(t *testing.T) {
	w := newWorld(t)
	in := article("https://a.example/1", "fa", "Wuzhen opens", long)
	if _, err := w.stage.Handle(t.Context(), in); err != nil { // its output is never published
		t.Fatal(err)
	}
	if a, published := w.run(in); !published || a.CopyOf != "" || a.Story != a.ID {
		t.Errorf("after a broken run: published %v, copy of %q, story %s", published, a.CopyOf, a.Story)
	}
}

func TestNoKey(t *testing.T) {
	w := newWorld(t)
	_, err := w.stage.Handle(t.Context(), pipeline.Article{Title: "x"})
	var p *pipeline.PermanentError
	if !errors.As(err, &p) {
		t.Errorf("an article without a key: %v, want a permanent error", err)
	}
}
