package index

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"sync"

	"github.com/newswatch/newswatch/pipeline"
)

// An article whose newer state has another date may leave one partition for
// another, and each becomes durable in its own time. Killed in between, the index
// would have it nowhere until its message comes again, which it may never do. So
// what leaves a partition because it is in another, or comes into it, is noted
// on the disk before, and the note goes when both are durable. A note that is
// there at a start, or whose write failed, is undone: its articles are put back,
// but for those of which the same or something newer is there.
const (
	movePrefix = "moving-"
	moveSuffix = ".json"
)

// moves is the notes that are to be undone.
type moves struct {
	mu    sync.Mutex
	files []string
	wake  chan struct{}
}

// loadMoves takes up what a process left that was killed.
func loadMoves(dir string) (*moves, error) {
	m := &moves{wake: make(chan struct{}, 1)}
	var err error
	if m.files, err = filepath.Glob(filepath.Join(dir, movePrefix+"*"+moveSuffix)); err != nil {
		return nil, err
	}
	half, err := filepath.Glob(filepath.Join(dir, movePrefix+"*"+moveSuffix+".*")) // nothing had moved yet
	for _, file := range half {
		err = errors.Join(err, os.Remove(file))
	}
	return m, err
}

// undo has a note undone.
func (m *moves) undo(file string) {
	m.mu.Lock()
	m.files = append(m.files, file)
	m.mu.Unlock()
	select {
	case m.wake <- struct{}{}:
	default:
	}
}

// take takes a note off the list; empty: there is none.
func (m *moves) take() (file string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if len(m.files) > 0 {
		file, m.files = m.files[0], m.files[1:]
	}
	return file
}

// ended is called when the writes of a note, or those that undo it, are durable
// or have failed.
func (m *moves) ended(file string) func(error) {
	return func(err error) {
		if err == nil {
			err = os.Remove(file)
		}
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			m.undo(file)
		}
	}
}

// applyMoving is applyAll for a plan by which articles may leave a partition for
// another. Called with the writing lock.
func (ix *Index) applyMoving(plan map[*partition]*change, needs map[*partition]uint64) error {
	note, err := ix.note(plan)
	if err != nil {
		return pipeline.Later(fullWait, fmt.Errorf("index: note of what moves: %w", err))
	}
	err = ix.applyAll(plan, needs)
	switch {
	case note == "":
	case err != nil:
		ix.moves.undo(note)
	default:
		ix.commit.add(maps.Clone(needs), 0, ix.moves.ended(note))
	}
	return err
}

// note puts on the disk what leaves a partition by the plan and was not deleted;
// empty: nothing does. What can't be read is not noted: it is lost already.
func (ix *Index) note(plan map[*partition]*change) (file string, err error) {
	var leaving []pipeline.Stored[pipeline.Article]
	for p, c := range plan {
		stays := make(map[string]bool, len(c.put))
		for _, d := range c.put {
			stays[d.article.Key] = true
		}
		for _, id := range c.remove {
			if _, key, err := pipeline.ParseID(id); err != nil || stays[key] {
				continue
			}
			a, v, err := ix.stored(p, id)
			if err == nil {
				leaving = append(leaving, pipeline.Stored[pipeline.Article]{Value: a, Seq: v.seq})
			} else if !errors.Is(err, pipeline.ErrNotFound) {
				ix.suspect(p)
			}
		}
	}
	if len(leaving) == 0 {
		return "", nil
	}
	data, err := json.Marshal(leaving)
	if err != nil {
		return "", err
	}
	for n := 0; file == "" || exists(file); n++ {
		file = filepath.Join(ix.cfg.Dir, fmt.Sprintf("%s%d%s", movePrefix, n, moveSuffix))
	}
	if err := writeDurable(file, data); err != nil {
		return "", errors.Join(err, os.RemoveAll(file))
	}
	return file, nil
}

// undoMoves puts back what the notes hold, one after the other. A note goes when
// that is durable.
func (ix *Index) undoMoves(ctx context.Context, put func(context.Context, []pipeline.Stored[pipeline.Article], func(error)) error) error {
	for {
		file := ix.moves.take()
		if file == "" {
			return nil
		}
		articles, err := readMove(file)
		if err != nil {
			ix.log.Error("articles were on their way into another partition, and what they were can't be read", "file", file, "err", err)
			continue
		}
		if err := put(ctx, articles, ix.moves.ended(file)); err != nil {
			ix.moves.undo(file)
			return err
		}
		ix.log.Warn("articles were on their way into another partition: those not there are put back", "articles", len(articles))
	}
}

func readMove(file string) (articles []pipeline.Stored[pipeline.Article], err error) {
	data, err := os.ReadFile(file)
	if err == nil {
		err = json.Unmarshal(data, &articles)
	}
	return articles, err
}
