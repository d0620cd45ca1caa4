package extractors

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/newswatch/newswatch/pipeline"
)

// collapsedKey holds the sources whose yield has collapsed, so that they can be
// listed without reading what is remembered of every source.
const collapsedKey = "yields.collapsed"

// A Collapse is what is known of a source's that has collapsed.
type Collapse struct {
	Reason   string    `json:"reason"` // in words
	Since    time.Time `json:"since"`
	LastGood time.Time `json:"last_good,omitzero"`
}

// collapses is the list as it is stored.
type collapses struct {
	Version int                 `json:"v"`
	Sources map[string]Collapse `json:"sources"`
}

// list puts the source on the list of collapsed ones, or takes it off. A list
// that can't be stored is stored with the next save.
func (y *Yields) list(ctx context.Context, s *yield) error {
	want := s.Spell != nil && !s.Spell.Over
	if y.spells == nil {
		if err := y.loadSpells(ctx); err != nil {
			return err
		}
	}
	old, have := y.spells[s.Source]
	switch {
	case want && (!have || !old.Since.Equal(s.Spell.Since)):
		y.spells[s.Source] = Collapse{Reason: s.Spell.Reason, Since: s.Spell.Since, LastGood: s.Spell.LastGood}
		y.spellsChanged = true
	case !want && have:
		delete(y.spells, s.Source)
		y.spellsChanged = true
	}
	return y.saveSpells(ctx)
}

func (y *Yields) loadSpells(ctx context.Context) error {
	spells, rev, err := readCollapsed(ctx, y.store)
	if err != nil {
		return err
	}
	y.spells, y.spellsRev, y.spellsChanged = spells, rev, false
	return nil
}

// saveSpells stores the list if it has changed, without sources that are not
// followed any more.
func (y *Yields) saveSpells(ctx context.Context) error {
	for id := range y.spells {
		if y.listed != nil && !y.listed[id] {
			delete(y.spells, id)
			y.spellsChanged = true
		}
	}
	if !y.spellsChanged {
		return nil
	}
	value, err := json.Marshal(collapses{yieldVersion, y.spells})
	if err != nil {
		return fmt.Errorf("collapsed yields: %w", err)
	}
	rev, err := y.store.Update(ctx, collapsedKey, value, y.spellsRev)
	if errors.Is(err, pipeline.ErrConflict) || errors.Is(err, pipeline.ErrExists) {
		y.spells, y.spellsChanged = nil, false // another process has stored it since: it is read again
	}
	if err != nil {
		return fmt.Errorf("save collapsed yields: %w", err)
	}
	y.spellsRev, y.spellsChanged = rev, false
	return nil
}

// Collapsed reads the sources whose yield has collapsed, by id, as of the last
// save.
func Collapsed(ctx context.Context, store Store) (map[string]Collapse, error) {
	spells, _, err := readCollapsed(ctx, store)
	return spells, err
}

func readCollapsed(ctx context.Context, store Store) (map[string]Collapse, uint64, error) {
	e, err := store.Get(ctx, collapsedKey)
	if errors.Is(err, pipeline.ErrNotFound) {
		return make(map[string]Collapse), 0, nil
	}
	if err != nil {
		return nil, 0, fmt.Errorf("collapsed yields: %w", err)
	}
	var c collapses
	if err := json.Unmarshal(e.Value, &c); err != nil || c.Version != yieldVersion || c.Sources == nil {
		return make(map[string]Collapse), e.Revision, nil // made anew from the sources' own records
	}
	return c.Sources, e.Revision, nil
}
