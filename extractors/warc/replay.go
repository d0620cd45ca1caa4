package warc

import (
	"context"
	"errors"
	"fmt"
	"hash/maphash"
	"io"
	"os"
	"path/filepath"
	"slices"
	"time"
)

// A Place is how far a replay has come. The zero Place is its beginning.
type Place struct {
	Segment int   `json:"segment"` // serial
	Offset  int64 `json:"offset"`  // of the page to go on with
}

// A Selection is the pages wanted.
type Selection struct {
	Since  time.Time // fetched then or later; zero: all
	Source string    // of the source with the id; empty: of all
}

// Replay calls fn with the newest page of each key and the place to go on with
// after it, the newest segments first, until an error of fn or ctx. What is kept
// meanwhile is not replayed. What can't be read is logged and left out.
func (a *Archive) Replay(ctx context.Context, sel Selection, from Place, fn func(Page, Place) error) error {
	a.mu.Lock()
	segments := make([]segment, 0, len(a.segments))
	for _, s := range slices.Backward(a.segments) {
		segments = append(segments, *s)
	}
	a.mu.Unlock()
	// Eight bytes of a key are enough: two that collide by chance, one in a
	// trillion pairs of a million pages, cost a page its replay.
	seed := maphash.MakeSeed()
	seen := make(map[uint64]struct{})
	for i := range segments {
		s := &segments[i]
		if err := a.replaySegment(ctx, s, sel, from, func(key string) bool {
			h := maphash.String(seed, key)
			_, ok := seen[h]
			seen[h] = struct{}{}
			return !ok
		}, fn); err != nil {
			return err
		}
	}
	return nil
}

// replaySegment replays a segment's pages in the order they were kept.
func (a *Archive) replaySegment(ctx context.Context, s *segment, sel Selection, from Place, first func(key string) bool, fn func(Page, Place) error) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	f, err := os.Open(filepath.Join(a.dir, s.name()))
	if errors.Is(err, os.ErrNotExist) { // it was the oldest
		return nil
	}
	if err != nil {
		return fmt.Errorf("archive: %w", err)
	}
	defer f.Close()
	list, err := scan(f, s.size)
	if err != nil {
		a.lg.Error("segment of the archive is read in part", "segment", s.name(), "from", list.end, "bytes", s.size-list.end, "error", err)
	}
	var pages []entry
	for key, e := range list.pages {
		if first(key) && !e.date.Before(sel.Since) && (sel.Source == "" || e.source == sel.Source) {
			pages = append(pages, e)
		}
	}
	if from.Segment != 0 && s.serial > from.Segment { // done before
		return nil
	}
	slices.SortFunc(pages, func(x, y entry) int { return int(x.at - y.at) })
	for _, e := range pages {
		if s.serial == from.Segment && e.at < from.Offset {
			continue
		}
		p, err := list.page(f, e)
		if err != nil {
			a.lg.Error("page of the archive is left out", "segment", s.name(), "at", e.at, "error", err)
			continue
		}
		if err := ctx.Err(); err != nil {
			return err
		}
		if err := fn(p, Place{s.serial, e.at + 1}); err != nil {
			return err
		}
	}
	return nil
}

// A listing is what a segment holds.
type listing struct {
	end    int64                // of the last whole record
	pages  map[string]entry     // the newest of each key
	at     map[string]int64     // where response records begin, by their ids
	bodies map[string]reference // by payload digest
}

// An entry is where a page's records begin.
type entry struct {
	at, note int64
	source   string
	date     time.Time
}

// scan reads the first size bytes of a segment through. With an error, the
// listing is of what came before it.
func scan(f io.ReaderAt, size int64) (*listing, error) {
	l := &listing{pages: make(map[string]entry), at: make(map[string]int64), bodies: make(map[string]reference)}
	r := NewReader(io.NewSectionReader(f, 0, size), 0)
	var lastID string // of the page read last, and where it begins
	var lastAt int64
	for {
		rec, err := r.Next()
		switch {
		case errors.Is(err, io.EOF):
			return l, nil
		case errors.Is(err, ErrFormat), errors.Is(err, ErrTooBig): // not ours
			l.end = r.End()
			continue
		case err != nil:
			return l, err
		}
		l.end = r.End()
		switch rec.Type() {
		case TypeResponse:
			lastID, lastAt = rec.Get(fieldID), r.Start()
			l.at[lastID] = lastAt
			if d := rec.Get(fieldPayloadDigest); d != "" {
				l.bodies[d] = reference{id: lastID, url: rec.Get(fieldURI), date: rec.Get(fieldDate)}
			}
		case TypeRevisit:
			lastID, lastAt = rec.Get(fieldID), r.Start()
		case TypeMetadata:
			key := rec.Get(fieldKey)
			date, err := time.Parse(time.RFC3339Nano, rec.Get(fieldDate))
			if key == "" || err != nil || rec.Get(fieldConcurrent) != lastID {
				continue
			}
			if old, ok := l.pages[key]; ok && old.date.After(date) {
				continue
			}
			l.pages[key] = entry{at: lastAt, note: r.Start(), source: rec.Get(fieldSource), date: date}
		}
	}
}

// page reads the page of an entry.
func (l *listing) page(f io.ReaderAt, e entry) (Page, error) {
	rec, err := readAt(f, e.at, 0)
	if err != nil {
		return Page{}, err
	}
	note, err := readAt(f, e.note, 0)
	if err != nil {
		return Page{}, err
	}
	p := Page{Key: note.Get(fieldKey), Source: e.source, URL: rec.Get(fieldURI), Fetched: e.date, Note: note.Block}
	if p.Status, p.Header, p.Body, err = readAnswer(rec.Block); err != nil {
		return Page{}, err
	}
	if rec.Type() == TypeRevisit {
		at, ok := l.at[rec.Get(fieldRefersTo)]
		if !ok {
			return Page{}, fmt.Errorf("%w: it refers to %s, which is not in the segment", ErrFormat, rec.Get(fieldRefersTo))
		}
		same, err := readAt(f, at, 0)
		if err != nil {
			return Page{}, err
		}
		if _, _, p.Body, err = readAnswer(same.Block); err != nil {
			return Page{}, err
		}
	}
	if want := rec.Get(fieldPayloadDigest); want != digest(p.Body) {
		return Page{}, fmt.Errorf("%w: its digest is not %s", ErrTorn, want)
	}
	return p, nil
}
