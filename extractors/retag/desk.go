package retag

import (
	"context"
	"errors"

	"github.com/newswatch/newswatch/pipeline"
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

// Entity is how far an entity is applied; pipeline.ErrNotFound: nothing is
// known of it (yet).
func (d Desk) Entity(ctx context.Context, id string) (pipeline.RetagEntity, error) {
	var st entityState
	if err := get(ctx, d.kv, entityKey+id, &st); err != nil {
		return pipeline.RetagEntity{}, err
	}
	e := pipeline.RetagEntity{ID: id, Applied: st.Applied, Changed: st.Changed, Kept: st.Kept}
	passes, err := d.Passes(ctx)
	if err != nil {
		return e, err
	}
	for _, p := range passes {
		if p.N == st.Pass && p.State != pipeline.RetagDone {
			e.Pass = &p
		}
	}
	return e, nil
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
