package retag

import (
	"context"
	"errors"

	"github.com/newswatch/newswatch/pipeline"
	"github.com/newswatch/newswatch/pipeline/catalog"
)

// A Desk is where other processes ask for what the retagger does, and how it
// goes. The retagger need not run: it takes up what lies here.
type Desk struct{ kv pipeline.KV }

// NewDesk is the desk in the checkpoints bucket.
func NewDesk(kv pipeline.KV) Desk { return Desk{kv} }

// Start asks for articles to be tagged anew.
func (d Desk) Start(ctx context.Context, req pipeline.RetagRequest) error {
	return put(ctx, d.kv, requestKey+req.ID, req)
}

// Passes are those under way and the last ones, newest first.
func (d Desk) Passes(ctx context.Context) ([]pipeline.RetagPass, error) {
	var st status
	if err := get(ctx, d.kv, statusKey, &st); err != nil && !errors.Is(err, pipeline.ErrNotFound) {
		return nil, err
	}
	return st.Passes, nil
}

// Entity is how far an entity is applied. E is as the catalog has it, nil where
// it has not; pipeline.ErrNotFound: then nothing is known of it.
func (d Desk) Entity(ctx context.Context, id string, e *catalog.Entity) (pipeline.RetagEntity, error) {
	out := pipeline.RetagEntity{ID: id}
	var st entityState
	err := get(ctx, d.kv, entityKey+id, &st)
	if errors.Is(err, pipeline.ErrNotFound) && e != nil {
		out.Pending = true
		return out, nil
	}
	if err != nil {
		return out, err
	}
	out.Applied, out.Changed, out.Kept = st.Applied, st.Changed, st.Kept
	out.Pending = e != nil && (st.Entity == nil || digest(*st.Entity) != digest(definition(*e)))
	passes, err := d.Passes(ctx)
	if err != nil {
		return out, err
	}
	for _, p := range passes {
		if p.N == st.Pass && p.State != pipeline.RetagDone {
			out.Pass = &p
		}
	}
	return out, nil
}

// Keep says, before an entity is deleted, whether the tags of it stay.
func (d Desk) Keep(ctx context.Context, id string, keep bool) error {
	if keep {
		_, err := d.kv.Put(ctx, keepKey+id, []byte("true"))
		return err
	}
	if _, err := d.kv.Get(ctx, keepKey+id); errors.Is(err, pipeline.ErrNotFound) {
		return nil
	} else if err != nil {
		return err
	}
	return d.kv.Delete(ctx, keepKey+id)
}
