package index

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
)

// A state is how far a partition has come. Each write carries it into the
// partition; the checkpoint has that of the last durable one.
type state struct {
	Gen uint64 `json:"gen"` // number of the partition's writes
	Seq uint64 `json:"seq"` // highest stream sequence written
	Low uint64 `json:"low"` // lowest stream sequence written
}

// with is the state after a write of messages from sequence low to high.
func (s state) with(low, high uint64) state {
	s.Gen++
	s.Seq = max(s.Seq, high)
	if s.Low == 0 || low < s.Low {
		s.Low = low
	}
	return s
}

// A mark is what the checkpoint knows of a partition.
type mark struct {
	state
	Documents int `json:"documents,omitempty"` // about: as many as when the checkpoint was written
	// Late has the writes that held a sequence below one written before: a
	// partition rolled back to before such a write lacks more than what
	// follows its own sequence.
	Late []lateWrite `json:"late,omitempty"`
	// Forgotten is the newest write dropped from Late.
	Forgotten uint64 `json:"forgotten,omitempty"`
}

type lateWrite struct {
	Gen uint64 `json:"gen"`
	Low uint64 `json:"low"`
}

// maxLate bounds the late writes remembered. Bleve keeps three snapshots, one
// every half second while it is busy, so few are ever asked for.
const maxLate = 128

func (m *mark) addLate(gen, low uint64) {
	m.Late = append(m.Late, lateWrite{gen, low})
	if n := len(m.Late) - maxLate; n > 0 {
		m.Forgotten = m.Late[n-1].Gen
		m.Late = append([]lateWrite(nil), m.Late[n:]...)
	}
}

// missing is the first sequence that a partition in state s lacks of what was
// durable when m was written; 0: nothing.
func (m *mark) missing(s state) uint64 {
	switch {
	case m.Gen == 0 || s.Gen >= m.Gen:
		return 0
	case s.Gen == 0 || s.Gen < m.Forgotten:
		return max(m.Low, 1)
	}
	from := s.Seq + 1
	for _, l := range m.Late {
		if l.Gen > s.Gen {
			from = min(from, l.Low)
		}
	}
	return max(from, 1)
}

// A checkpoint is the index's memory outside of Bleve.
type checkpoint struct {
	Version   int    `json:"version"`
	Partition period `json:"partition"`
	Replay    uint64 `json:"replay,omitempty"` // what From returns
	// Lacking has the partitions for which it is asked, and the sequence with
	// which they lack nothing any more.
	Lacking    map[string]uint64 `json:"lacking,omitempty"`
	Partitions map[string]*mark  `json:"partitions"`
	// Floor is the oldest partition that may be: those before it were removed
	// for the index was larger than FloorSize.
	Floor     string `json:"floor,omitempty"`
	FloorSize int64  `json:"floor_size,omitempty"`
}

const (
	checkpointFile    = "checkpoint.json"
	checkpointVersion = 1
)

// errNoCheckpoint says that there is no checkpoint, or none that can be read.
var errNoCheckpoint = errors.New("index: no checkpoint")

func readCheckpoint(dir string) (*checkpoint, error) {
	data, err := os.ReadFile(filepath.Join(dir, checkpointFile))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, errNoCheckpoint
	}
	if err != nil {
		return nil, err
	}
	var c checkpoint
	if err := json.Unmarshal(data, &c); err != nil {
		return nil, fmt.Errorf("%w: %w", errNoCheckpoint, err)
	}
	if c.Version > checkpointVersion {
		return nil, fmt.Errorf("index %s is of version %d, this program knows up to %d", dir, c.Version, checkpointVersion)
	}
	if c.Version != checkpointVersion || c.Partitions == nil {
		return nil, fmt.Errorf("%w: version %d", errNoCheckpoint, c.Version)
	}
	if periodNames[c.Partition] == nil {
		return nil, fmt.Errorf("%w: partitions of a %q", errNoCheckpoint, c.Partition)
	}
	for name, m := range c.Partitions {
		switch {
		case m == nil:
			return nil, fmt.Errorf("%w: nothing about %s", errNoCheckpoint, name)
		case !c.Partition.isName(name): // it would be a folder somewhere
			return nil, fmt.Errorf("%w: %q is no partition of a %s", errNoCheckpoint, name, c.Partition)
		}
	}
	return &c, nil
}

// clone is a copy that can be written while c changes.
func (c *checkpoint) clone() *checkpoint {
	d := *c
	d.Partitions = make(map[string]*mark, len(c.Partitions))
	for name, m := range c.Partitions {
		n := *m
		n.Late = append([]lateWrite(nil), m.Late...)
		d.Partitions[name] = &n
	}
	d.Lacking = maps.Clone(c.Lacking)
	maps.DeleteFunc(d.Partitions, func(_ string, m *mark) bool { return m.Gen == 0 })
	return &d
}

// write replaces the file, so that after a crash the old or the new one is there.
func (c *checkpoint) write(dir string) error {
	data, err := json.Marshal(c)
	if err != nil {
		return err
	}
	return writeDurable(filepath.Join(dir, checkpointFile), data)
}

// writeDurable makes or replaces a file, so that after a crash the old or the new
// one is there, and the new one once it has returned.
func writeDurable(file string, data []byte) error {
	dir := filepath.Dir(file)
	tmp, err := os.CreateTemp(dir, filepath.Base(file)+".*")
	if err != nil {
		return err
	}
	defer os.Remove(tmp.Name())
	_, err = tmp.Write(data)
	if err == nil {
		err = tmp.Sync()
	}
	if err := errors.Join(err, tmp.Close()); err != nil {
		return err
	}
	if err := os.Rename(tmp.Name(), file); err != nil {
		return err
	}
	return syncDir(dir)
}

func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}
