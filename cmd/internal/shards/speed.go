package shards

import (
	"math/rand/v2"
	"slices"
	"sync"
	"time"
)

// Bounds of the patience with a replica before another one is asked.
const (
	minPatience   = 50 * time.Millisecond
	maxPatience   = time.Second
	firstPatience = 300 * time.Millisecond // before there are enough answers to tell
	speedSample   = 100
)

// A speed is how long the last answers took.
type speed struct {
	mu    sync.Mutex
	took  [speedSample]time.Duration // a ring
	count int
}

func newSpeed() *speed { return new(speed) }

func (s *speed) add(d time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.took[s.count%speedSample] = d
	s.count++
}

// patience is twice as long as 95 of 100 answers took, within bounds: so at
// most a few questions in a hundred are asked twice.
func (s *speed) patience() time.Duration {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.count < speedSample/5 {
		return firstPatience
	}
	took := slices.Clone(s.took[:min(s.count, speedSample)])
	slices.Sort(took)
	return min(max(2*took[len(took)*95/100], minPatience), maxPatience)
}

// shuffle gives equals the same chance to be first.
func (s *speed) shuffle(cs []candidate) {
	rand.Shuffle(len(cs), func(i, j int) { cs[i], cs[j] = cs[j], cs[i] })
}
