package content

import "slices"

// Some pages hold their article twice, the second time in one piece for machines.
// A block of onceWords or more that another one equals is the same text again,
// and so is one of gluedWords or more whose runs of words the others have. (A
// short one that a longer one has is a sentence set large, which those who know
// the sets' texts count as text.)
const (
	onceWords  = 12
	gluedWords = 60
)

// One in sampled runs of three words is looked at.
const (
	sampled     = 4
	repeatShare = .9
)

// once takes the blocks away that say again what the others say; of two that say
// the same, the second.
func (d *Document) once(kept []bool) {
	runs := make(map[uint64]int32)
	var long []int
	for i, k := range kept {
		if !k {
			continue
		}
		d.eachSample(i, func(h uint64) { runs[h]++ })
		if b := &d.Blocks[i]; b.last-b.first >= onceWords {
			long = append(long, i)
		}
	}
	same := make(map[uint64]int32, len(long))
	for _, i := range long {
		same[d.Blocks[i].digest]++
	}
	slices.SortFunc(long, func(x, y int) int {
		a, b := &d.Blocks[x], &d.Blocks[y]
		if n := (b.last - b.first) - (a.last - a.first); n != 0 {
			return n
		}
		return y - x
	})
	own := make(map[uint64]int32)
	for _, i := range long {
		clear(own)
		all, elsewhere := 0, 0
		d.eachSample(i, func(h uint64) { own[h]++ })
		for h, n := range own {
			all += int(n)
			if runs[h] > n {
				elsewhere += int(n)
			}
		}
		digest := d.Blocks[i].digest
		glued := d.Blocks[i].last-d.Blocks[i].first >= gluedWords
		if same[digest] > 1 || glued && all > 0 && float64(elsewhere) >= repeatShare*float64(all) {
			kept[i] = false
			same[digest]--
			for h, n := range own {
				runs[h] -= n
			}
		}
	}
}

func (d *Document) eachSample(i int, f func(uint64)) {
	b := &d.Blocks[i]
	eachShingle(d.words[b.first:b.last], func(h uint64) {
		if (h^h>>29)*fnvPrime>>40%sampled == 0 {
			f(h)
		}
	})
}
