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
	m := matching{
		parts:  parts,
		window: make([][]occurrence, len(parts)),
		by:     make(map[int]int),
		seen:   make(map[int]bool),
		chosen: make([]occurrence, len(parts)),
	}
	for i, part := range parts {
		for _, o := range part {
			if m.place(i, o, n.N) && !yield(m.chosen) {
				return
			}
		}
	}
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
