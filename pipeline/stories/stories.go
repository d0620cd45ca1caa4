// Package stories gives every article its identity and its place: the id it
// keeps, its revision, the story it belongs to and the article it is a copy of.
//
// In go extracted articles (topic Extracted), out come articles as the corpus
// keeps them (topic Articles). An article is a copy where its normalised title
// and text are those of an article seen before; every other article is a story
// of its own. The package owns the keys of the copies bucket: one per text,
// 32 hex digits, holding the id of the article first seen with it.
//
// The stage must run once at a time: whoever runs it holds the lease "stories".
package stories

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"unicode"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/newswatch/newswatch/extractors/textnorm"
	"github.com/newswatch/newswatch/pipeline"
)

// minLetters is the number of letters and digits below which a text says too
// little to call another one its copy: stubs and "Photo of the day".
const minLetters = 60

// Articles is where the stage finds an article as last published.
type Articles interface {
	// Last answers pipeline.ErrNotFound for a key never published.
	Last(ctx context.Context, key string) (pipeline.Article, error)
}

// Archived is where the stage finds an article that Articles no longer has.
type Archived interface {
	// ByKey answers pipeline.ErrNotFound for a key that is not there either.
	ByKey(ctx context.Context, key string) (pipeline.Article, error)
}

// An Assigner is the stories stage.
type Assigner struct {
	lg       *slog.Logger
	articles Articles
	archived Archived
	copies   pipeline.KV
	assigned *prometheus.CounterVec
}

// Kinds of outcome, the label values of newswatch_stories_articles_total.
const (
	outcomeNew      = "new"
	outcomeCopy     = "copy"
	outcomeRevision = "revision"
	outcomeListing  = "listing" // another feed lists a known article
	outcomeKnown    = "known"   // nothing new
	outcomeReread   = "reread"  // its page as kept was read again, and gave another text
)

// New returns a stage that reads articles, those that are made anew from kept
// pages among the archived too, and keeps signatures in copies.
func New(lg *slog.Logger, reg prometheus.Registerer, articles Articles, archived Archived, copies pipeline.KV) *Assigner {
	a := &Assigner{
		lg:       lg,
		articles: articles,
		archived: archived,
		copies:   copies,
		assigned: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "newswatch_stories_articles_total",
			Help: "Articles that passed the stories stage, by what became of them.",
		}, []string{"outcome"}),
	}
	reg.MustRegister(a.assigned)
	for _, o := range []string{outcomeNew, outcomeCopy, outcomeRevision, outcomeListing, outcomeKnown, outcomeReread} {
		a.assigned.WithLabelValues(o)
	}
	return a
}

// Handle is the stage's function. It answers the article to publish, or none
// where the input changes nothing.
func (s *Assigner) Handle(ctx context.Context, in pipeline.Article) ([]pipeline.Article, error) {
	if in.Key == "" {
		return nil, pipeline.Permanent("invalid", errors.New("article without a key"))
	}
	prev, err := s.articles.Last(ctx, in.Key)
	if errors.Is(err, pipeline.ErrNotFound) && in.Reread {
		prev, err = s.archived.ByKey(ctx, in.Key)
	}
	switch {
	case errors.Is(err, pipeline.ErrNotFound) && in.Reread: // it was deleted, and stays so
		s.assigned.WithLabelValues(outcomeKnown).Inc()
		return nil, nil
	case errors.Is(err, pipeline.ErrNotFound):
		return s.first(ctx, in)
	case err != nil:
		return nil, fmt.Errorf("last article %s: %w", in.Key, err)
	}
	if in.Reread {
		return s.reread(ctx, prev, in)
	}
	return s.again(ctx, prev, in)
}

// first publishes an article that was not known.
func (s *Assigner) first(ctx context.Context, a pipeline.Article) ([]pipeline.Article, error) {
	a.ID = pipeline.NewID(a.Published, a.FirstSeen, a.Key)
	a.Revision = 1
	a.Versions = []string{a.ItemContent}
	a.Story, a.CopyOf = a.ID, ""
	original, err := s.original(ctx, a)
	if err != nil {
		return nil, err
	}
	outcome := outcomeNew
	if original != a.ID {
		if a.Story, err = s.storyOf(ctx, original); err != nil {
			return nil, err
		}
		a.CopyOf = original
		outcome = outcomeCopy
	}
	s.assigned.WithLabelValues(outcome).Inc()
	return []pipeline.Article{a}, nil
}

// again takes up another version of a known article: an edit by the feed that
// listed it first is a revision, a listing by another feed adds that feed, and
// what was taken up before changes nothing.
func (s *Assigner) again(ctx context.Context, prev, in pipeline.Article) ([]pipeline.Article, error) {
	if slices.Contains(prev.Versions, in.ItemContent) && !addsFeed(prev, in) {
		s.assigned.WithLabelValues(outcomeKnown).Inc()
		return nil, nil
	}
	out := prev
	out.Feeds = union(prev.Feeds, in.Feeds)
	out.Versions = remember(prev.Versions, in.ItemContent)
	if !revises(prev, in) {
		s.assigned.WithLabelValues(outcomeListing).Inc()
		return []pipeline.Article{out}, nil
	}

	next := revision(prev, in)
	next.Feeds, next.Versions = out.Feeds, out.Versions
	if next.Modified.IsZero() {
		next.Modified = in.Extracted
	}
	if _, err := s.original(ctx, next); err != nil {
		return nil, err
	}
	s.assigned.WithLabelValues(outcomeRevision).Inc()
	return []pipeline.Article{next}, nil
}

// reread takes up an article made anew of the version of its item that it was
// made of before: where that gave another text it is a revision, and no news.
// Meanwhile the item may have been edited: then there is nothing to take up.
func (s *Assigner) reread(ctx context.Context, prev, in pipeline.Article) ([]pipeline.Article, error) {
	if in.ItemContent != prev.ItemContent || in.Content == prev.Content {
		s.assigned.WithLabelValues(outcomeKnown).Inc()
		return nil, nil
	}
	next := revision(prev, in)
	next.Reread, next.Quiet = false, true
	if next.Modified.IsZero() { // nobody has modified it now
		next.Modified = prev.Modified
	}
	if _, err := s.original(ctx, next); err != nil {
		return nil, err
	}
	s.assigned.WithLabelValues(outcomeReread).Inc()
	return []pipeline.Article{next}, nil
}

// revision is the revision of prev that in is. The id, the times of the first
// version and the story stay, and so do the feeds and what was taken up: an
// article that is edited is still the same one.
func revision(prev, in pipeline.Article) pipeline.Article {
	next := in
	next.ID, next.Story, next.CopyOf = prev.ID, prev.Story, prev.CopyOf
	next.Revision = prev.Revision + 1
	next.Feeds, next.Versions = prev.Feeds, prev.Versions
	next.Published, next.PublishedFrom, next.FirstSeen = prev.Published, prev.PublishedFrom, prev.FirstSeen
	return next
}

// storyOf is the story of the article with the id: its own, unless it is a copy
// that was edited since.
func (s *Assigner) storyOf(ctx context.Context, id string) (string, error) {
	_, key, err := pipeline.ParseID(id)
	if err != nil {
		return "", pipeline.Permanent("invalid", err)
	}
	a, err := s.articles.Last(ctx, key)
	if errors.Is(err, pipeline.ErrNotFound) || err == nil && a.Story == "" {
		return id, nil
	}
	return a.Story, err
}

// original is the id of the article first seen with a's text: a's own where
// there was none, or where the text is too short to tell.
func (s *Assigner) original(ctx context.Context, a pipeline.Article) (string, error) {
	sig := Signature(a.Title, a.Text)
	if sig == "" {
		return a.ID, nil
	}
	_, err := s.copies.Update(ctx, sig, []byte(a.ID), 0)
	if err == nil {
		return a.ID, nil
	}
	if !errors.Is(err, pipeline.ErrExists) {
		return "", fmt.Errorf("note text of %s: %w", a.ID, err)
	}
	e, err := s.copies.Get(ctx, sig)
	if errors.Is(err, pipeline.ErrNotFound) { // it expired between the two calls
		return a.ID, nil
	}
	if err != nil {
		return "", fmt.Errorf("text of %s: %w", a.ID, err)
	}
	return string(e.Value), nil
}

// revises says whether in replaces prev's text: it differs, and comes from the
// feed that listed the article first, or was loaded by hand. Feeds of one
// publisher word titles and summaries in their own ways; were each of them an
// edit, an article would flap between them.
func revises(prev, in pipeline.Article) bool {
	if in.Content == prev.Content || slices.Contains(prev.Versions, in.ItemContent) {
		return false
	}
	return len(in.Feeds) == 0 || len(prev.Feeds) == 0 || in.Feeds[0] == prev.Feeds[0]
}

func addsFeed(prev, in pipeline.Article) bool {
	return slices.ContainsFunc(in.Feeds, func(f string) bool { return !slices.Contains(prev.Feeds, f) })
}

func union(a, b []string) []string {
	out := slices.Clone(a)
	for _, s := range b {
		if !slices.Contains(out, s) {
			out = append(out, s)
		}
	}
	return out
}

func remember(versions []string, v string) []string {
	if slices.Contains(versions, v) {
		return versions
	}
	out := append(slices.Clone(versions), v)
	if over := len(out) - pipeline.MaxVersions; over > 0 {
		out = out[over:]
	}
	return out
}

// Signature is 32 hex digits over the letters and digits of title and text,
// folded: two texts that differ in case, width, punctuation or spacing alone
// have the same. It is empty for a text too short to compare.
func Signature(title, text string) string {
	h := sha256.New()
	letters := 0
	for _, field := range []string{title, text} {
		buf := make([]byte, 0, len(field))
		for _, r := range textnorm.Fold(field) {
			if unicode.IsLetter(r) || unicode.IsDigit(r) {
				buf = append(buf, string(r)...)
				letters++
			}
		}
		h.Write(buf)
		h.Write([]byte{0}) // title and text must not run into each other
	}
	if letters < minLetters {
		return ""
	}
	return hex.EncodeToString(h.Sum(nil)[:16])
}
