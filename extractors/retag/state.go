package retag

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/newswatch/newswatch/pipeline"
	"github.com/newswatch/newswatch/pipeline/catalog"
)

// Keys of the checkpoints bucket, see the package comment.
const (
	sinceKey   = "retag.since"
	entityKey  = "retag.entity."
	passKey    = "retag.pass."
	statusKey  = "retag.status"
	requestKey = "retag.request."
	keepKey    = "retag.keep."
)

const (
	recentPasses = 20  // that are done are remembered
	listedIDs    = 100 // of a pass are told
)

// entityState is an entity as it is applied to the archive, or as the pass will
// have applied it.
type entityState struct {
	Entity  *catalog.Entity `json:"entity,omitempty"` // what bears on mentions
	Kept    bool            `json:"kept,omitempty"`   // deleted, and its tags kept
	Pass    int             `json:"pass,omitempty"`
	At      time.Time       `json:"at"`
	Applied time.Time       `json:"applied,omitzero"`
	Changed int             `json:"changed,omitempty"`
}

// A pass is a walk over the archive. What is exported is written down.
type pass struct {
	N       int       `json:"n"`
	Request string    `json:"request,omitempty"`
	Alert   bool      `json:"alert,omitempty"`
	Since   time.Time `json:"since"`
	Items   []item    `json:"items,omitempty"`
	All     bool      `json:"all,omitempty"` // it goes over all articles

	// How far it is: the query it is at, the last id of that, how many ids each
	// query has, and from which sequence the stream is to be read at the end.
	Query  int    `json:"query"`
	After  string `json:"after,omitempty"`
	Totals []int  `json:"totals,omitempty"`
	From   uint64 `json:"from"`
	Listed bool   `json:"listed,omitempty"` // From is known

	Looked    int            `json:"looked"`
	Walked    int            `json:"walked,omitempty"` // of these, by the stream
	Changed   int            `json:"changed"`
	Failed    int            `json:"failed,omitempty"`
	PerEntity map[string]int `json:"per_entity,omitempty"` // articles whose tags of it changed

	running bool
	err     string
	saved   time.Time
}

// An item is an entity that a pass applies.
type item struct {
	ID  string          `json:"id"`
	Old *catalog.Entity `json:"old,omitempty"` // as it was applied
	New *catalog.Entity `json:"new,omitempty"` // nil: it was deleted
}

func (it item) size() (n int) {
	for _, e := range []*catalog.Entity{it.Old, it.New} {
		if e == nil {
			continue
		}
		for _, name := range e.Names {
			n += len(name.Text) + 60
			for _, words := range [][]string{name.Near, name.Not, name.Must} {
				for _, w := range words {
					n += len(w) + 3
				}
			}
		}
	}
	return n + 60
}

// digest tells definitions apart.
func digest(e catalog.Entity) string {
	data, err := json.Marshal(e)
	if err != nil {
		panic(err) // strings and booleans can always be written
	}
	h := sha256.Sum256(data)
	return hex.EncodeToString(h[:12])
}

func put(ctx context.Context, kv pipeline.KV, key string, v any) error {
	data, err := json.Marshal(v)
	if err == nil {
		_, err = kv.Put(ctx, key, data)
	}
	if err != nil {
		return fmt.Errorf("save %s: %w", key, err)
	}
	return nil
}

func get(ctx context.Context, kv pipeline.KV, key string, v any) error {
	e, err := kv.Get(ctx, key)
	if err == nil {
		err = json.Unmarshal(e.Value, v)
	}
	if err != nil {
		return fmt.Errorf("read %s: %w", key, err)
	}
	return nil
}

func (r *Retagger) entity(ctx context.Context, id string) (st entityState, err error) {
	return st, get(ctx, r.kv, entityKey+id, &st)
}

// errListed ends the watching of a bucket.
var errListed = errors.New("listed")

// load reads what was written down. Where this never ran, the entities as they
// are are taken for applied.
func (w *run) load(ctx context.Context) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.entities, w.passes, w.recent, w.next, w.seen = make(map[string]known), nil, nil, 1, nil
	begun := false
	err := w.kv.Watch(ctx, func(e pipeline.Entry) error {
		if e.Key == "" {
			return errListed
		}
		if e.Deleted {
			return nil
		}
		var err error
		switch id, isEntity := strings.CutPrefix(e.Key, entityKey); {
		case isEntity:
			var st entityState
			if err = json.Unmarshal(e.Value, &st); err == nil {
				k := known{kept: st.Kept}
				if st.Entity != nil {
					k.digest = digest(*st.Entity)
				}
				w.entities[id] = k
			}
		case strings.HasPrefix(e.Key, passKey):
			p := new(pass)
			if err = json.Unmarshal(e.Value, p); err == nil {
				w.passes = append(w.passes, p)
				w.next = max(w.next, p.N+1)
			}
		case e.Key == statusKey:
			var st status
			if err = json.Unmarshal(e.Value, &st); err == nil {
				w.recent = st.Passes
			}
		case e.Key == sinceKey:
			begun = true
		}
		if err != nil {
			return fmt.Errorf("read %s: %w", e.Key, err)
		}
		return nil
	})
	if err != nil && !errors.Is(err, errListed) {
		return err
	}
	for _, p := range w.recent {
		w.next = max(w.next, p.N+1)
	}
	w.recent = slices.DeleteFunc(w.recent, func(p pipeline.RetagPass) bool { return p.State != pipeline.RetagDone })
	slices.SortFunc(w.passes, func(a, b *pass) int { return a.N - b.N })
	if begun {
		return nil
	}
	return w.begin(ctx)
}

// begin writes all entities down as applied.
func (w *run) begin(ctx context.Context) error {
	g, some := errgroup.WithContext(ctx)
	g.SetLimit(16)
	now := w.now().UTC()
	for _, e := range w.given.Load().Entities() {
		e = definition(e)
		w.entities[e.ID] = known{digest: digest(e)}
		g.Go(func() error { return put(some, w.kv, entityKey+e.ID, entityState{Entity: &e, At: now}) })
	}
	if err := g.Wait(); err != nil {
		return err
	}
	return put(ctx, w.kv, sinceKey, now)
}

// status is what is told of the passes, newest first.
type status struct {
	Passes []pipeline.RetagPass `json:"passes"`
}

// told asks for the status to be written.
func (w *run) told() {
	select {
	case w.dirty <- struct{}{}:
	default:
	}
}

// tell writes the status whenever it has changed.
func (w *run) tell(ctx context.Context) error {
	w.told()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-w.dirty:
		}
		w.mu.Lock()
		st := status{Passes: slices.Clone(w.recent)}
		for _, p := range w.passes {
			st.Passes = append(st.Passes, p.view(w.now()))
		}
		slices.SortFunc(st.Passes, func(a, b pipeline.RetagPass) int { return b.N - a.N })
		w.met.passes.Set(float64(len(w.passes)))
		w.mu.Unlock()
		if err := put(ctx, w.kv, statusKey, st); err != nil && ctx.Err() == nil {
			w.lg.Warn("status is not written", "error", err)
		}
		if !pause(ctx, saveEvery/5) {
			return nil
		}
	}
}

// view is the pass as it is told of.
func (p *pass) view(now time.Time) pipeline.RetagPass {
	v := pipeline.RetagPass{
		N: p.N, State: pipeline.RetagWaiting, Request: p.Request, Alert: p.Alert, Since: p.Since, Updated: now.UTC(),
		Looked: p.Looked, Changed: p.Changed, Failed: p.Failed, Error: p.err,
		Candidates: p.Walked,
	}
	if p.running {
		v.State = pipeline.RetagRunning
	}
	if !p.All {
		v.Count = len(p.Items)
	}
	for _, it := range p.Items[:min(len(p.Items), listedIDs)] {
		v.Entities = append(v.Entities, it.ID)
	}
	for _, n := range p.Totals {
		v.Candidates += n
	}
	return v
}

// finish takes the pass off the list. What was applied is written down first.
func (w *run) finish(ctx context.Context, p *pass) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	now := w.now().UTC()
	g, some := errgroup.WithContext(ctx)
	g.SetLimit(16)
	for _, it := range p.Items {
		g.Go(func() error { return w.applied(some, p, it, now) })
	}
	if err := g.Wait(); err != nil {
		return err
	}
	done := p.view(now)
	done.State, done.Done, done.Error = pipeline.RetagDone, now, ""
	if err := w.kv.Delete(ctx, passKey+fmt.Sprint(p.N)); err != nil {
		return err
	}
	w.recent = append([]pipeline.RetagPass{done}, w.recent[:min(len(w.recent), recentPasses-1)]...)
	w.passes = slices.DeleteFunc(w.passes, func(o *pass) bool { return o == p })
	w.told()
	return nil
}

// applied notes what came of the pass for an entity, unless a later pass has it.
func (w *run) applied(ctx context.Context, p *pass, it item, now time.Time) error {
	if it.New == nil {
		return nil
	}
	st, err := w.entity(ctx, it.ID)
	switch {
	case errors.Is(err, pipeline.ErrNotFound):
		return nil // deleted since
	case err != nil:
		return err
	case p.Request == "" && st.Pass != p.N || st.Kept:
		return nil
	}
	st.Applied, st.Changed = now, p.PerEntity[it.ID]
	return put(ctx, w.kv, entityKey+it.ID, st)
}
