package content

import (
	"slices"
	"strings"
)

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
	again := d.again(long)
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
		if again[d.place(i)] > 1 {
			continue
		}
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

// wholeShare is how much of what follows is repetition where a text stands on
// the page twice.
const wholeShare = .8

// again counts the blocks that are equal and stand under the same parent, by
// place. Where new matter stands between those that repeat it is the author who
// says it again, as with the meals of a week; else nothing counts.
func (d *Document) again(long []int) map[uint64]int {
	places, seen := make(map[uint64]int), make(map[uint64]bool, len(long))
	all, twice := 0, 0
	for _, i := range long {
		b := &d.Blocks[i]
		places[d.place(i)]++
		if seen[b.digest] {
			twice += b.last - b.first
		}
		if twice > 0 {
			all += b.last - b.first
		}
		seen[b.digest] = true
	}
	if float64(twice) >= wholeShare*float64(all) {
		return nil
	}
	return places
}

// place names a block by its words and the box that it stands under.
func (d *Document) place(i int) uint64 {
	return (d.Blocks[i].digest ^ uint64(d.under(i))) * fnvPrime
}

// under is the box that a block's box stands in.
func (d *Document) under(i int) int32 { return d.boxes[d.Blocks[i].box].parent }

// divide keeps the lines of asterisks and the like that end a part of the text.
func (d *Document) divide(kept []bool) {
	for i := 1; i < len(kept); i++ {
		b := &d.Blocks[i]
		kept[i] = kept[i] || kept[i-1] && b.last == b.first && d.under(i) == d.under(i-1) && divides(d.text[b.start:b.end])
	}
}

// divides says whether a line is drawn with characters.
func divides(line []byte) bool {
	for _, c := range line {
		if !strings.ContainsRune("_*-=~# ", rune(c)) {
			return false
		}
	}
	return true
}

func (d *Document) eachSample(i int, f func(uint64)) {
	b := &d.Blocks[i]
	eachShingle(d.words[b.first:b.last], func(h uint64) {
		if (h^h>>29)*fnvPrime>>40%sampled == 0 {
			f(h)
		}
	})
}
