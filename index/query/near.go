package query

import (
	"cmp"
	"slices"
)

// near calls yield for the places of a Near in the field, each the occurrences
// of its parts, until yield says false: for every occurrence of a part that can
// be the one beginning first, one way to place the others.
func (f *field) near(n *Near, yield func([]occurrence) bool) {
	parts := make([][]occurrence, len(n.Parts))
	for i, p := range n.Parts {
		f.each(p, func(o occurrence) bool {
			parts[i] = append(parts[i], o)
			return true
		})
		if len(parts[i]) == 0 {
			return
		}
		slices.SortFunc(parts[i], func(a, b occurrence) int { return cmp.Compare(a.first, b.first) })
	}
	placings(parts, n.N, yield)
}

func placings(parts [][]occurrence, n int, yield func([]occurrence) bool) {
	m := matching{
		parts:  parts,
		window: make([][]occurrence, len(parts)),
		by:     make(map[int]int),
		seen:   make(map[int]bool),
		chosen: make([]occurrence, len(parts)),
	}
	for i, part := range parts {
		for _, o := range part {
			if m.place(i, o, n) && !yield(m.chosen) {
				return
			}
		}
	}
}

// A Place is the positions of the first and the last word of an occurrence.
type Place struct{ First, Last int }

// AreNear says whether a [Near] of n words matches where its parts occur at
// these places of one field. It is for an index that has positions and no
// text. It sorts the places.
func AreNear(parts [][]Place, n int) bool {
	if len(parts) == 2 {
		return pairNear(parts[0], parts[1], n)
	}
	os := make([][]occurrence, len(parts))
	for i, part := range parts {
		for _, p := range part {
			os[i] = append(os[i], occurrence{first: p.First, last: p.Last})
		}
		slices.SortFunc(os[i], func(a, b occurrence) int { return cmp.Compare(a.first, b.first) })
	}
	found := false
	placings(os, n, func([]occurrence) bool { found = true; return false })
	return found
}

// AreNearPair is [AreNear] of two parts by the positions of their first words,
// in order; in each part the last word stands lastA or lastB behind the first.
func AreNearPair(a, b []int, lastA, lastB, n int) bool {
	return followsAt(a, b, lastA+n) || followsAt(b, a, lastB+n)
}

// followsAt says whether a position of b is behind one of a and at most n away.
func followsAt(a, b []int, n int) bool {
	j := 0
	for _, pos := range a {
		for j < len(b) && b[j] <= pos {
			j++
		}
		if j == len(b) {
			return false
		}
		if b[j]-pos <= n {
			return true
		}
	}
	return false
}

// pairNear is AreNear of two parts, which most have.
func pairNear(a, b []Place, n int) bool {
	byFirst := func(x, y Place) int { return cmp.Compare(x.First, y.First) }
	if !slices.IsSortedFunc(a, byFirst) {
		slices.SortFunc(a, byFirst)
	}
	if !slices.IsSortedFunc(b, byFirst) {
		slices.SortFunc(b, byFirst)
	}
	return follows(a, b, n) || follows(b, a, n)
}

// follows says whether a place of b begins behind the beginning of one of a
// and at most n words from its end. Of the places of b behind it, the next one
// is nearest.
func follows(a, b []Place, n int) bool {
	j := 0
	for _, p := range a {
		for j < len(b) && b[j].First <= p.First {
			j++
		}
		if j == len(b) {
			return false
		}
		if b[j].First-p.Last <= n {
			return true
		}
	}
	return false
}

// A matching places the parts of a Near, no two beginning at the same position:
// a bipartite matching of parts and positions by augmenting paths.
type matching struct {
	parts  [][]occurrence
	window [][]occurrence // of each part, what may be chosen now
	by     map[int]int    // position to the part that has it
	seen   map[int]bool   // positions tried on the present path
	chosen []occurrence
}

// place puts part i at o and the others behind its beginning, at most n words
// from its end.
func (m *matching) place(i int, o occurrence, n int) bool {
	for j, part := range m.parts {
		if j == i {
			continue
		}
		from := after(part, o.first)
		to := after(part, o.last+n)
		if from >= to {
			return false
		}
		m.window[j] = part[from:to]
	}
	clear(m.by)
	m.chosen[i] = o
	for j := range m.parts {
		if j == i {
			continue
		}
		clear(m.seen)
		if !m.augment(j) {
			return false
		}
	}
	return true
}

// augment finds a position for part j, moving others to make room.
func (m *matching) augment(j int) bool {
	for _, o := range m.window[j] {
		if m.seen[o.first] {
			continue
		}
		m.seen[o.first] = true
		if other, taken := m.by[o.first]; !taken || m.augment(other) {
			m.by[o.first] = j
			m.chosen[j] = o
			return true
		}
	}
	return false
}

// after is the index of the first occurrence that begins behind pos.
func after(part []occurrence, pos int) int {
	i, _ := slices.BinarySearchFunc(part, pos+1, func(o occurrence, p int) int { return cmp.Compare(o.first, p) })
	return i
}
