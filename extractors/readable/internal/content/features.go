package content

import (
	"math"
	"slices"
)

// Hints are what is known of an article beside its page's body. All may be empty.
type Hints struct {
	Titles  []string // as metadata, headings and the feed have it
	Summary string   // descriptions of it
	Body    string   // its text as JSON-LD or the feed has it
	Names   []string // of its author, site and section
}

// Count is the number of features of a block.
const (
	ownCount   = 25 + groupCount // of the block itself, seen by its neighbours too
	firstCount = ownCount + 4*nearCount + 69 + int(bitCount) + 3 + 2*groupedCount + headedCount + sectionCount
	nearCount  = 11 // of the neighbours
	// Count is the length of a row of the second forest, whose first part is
	// the row of the first.
	Count      = firstCount + 29
	FirstCount = firstCount
)

// near are the own features that are told of neighbours as well.
var near = [nearCount]int{0, 1, 3, 5, 8, 9, 12, 18, 19, 20, 24}

type row struct {
	v []float32
	n int
}

func (r *row) add(x float64) { r.v[r.n] = float32(x); r.n++ }

func yes(b bool) float64 {
	if b {
		return 1
	}
	return 0
}

func ratio(a, b int32) float64 { return float64(a) / float64(max(b, 1)) }
func logw(n int32) float64     { return math.Log1p(float64(n)) }

type signature struct{ blocks, weight, linked, stops int32 }

// Features fills the rows of the first forest, Count apart.
func (d *Document) Features(h Hints) []float32 {
	n := len(d.Blocks)
	rows := make([]float32, n*Count)
	d.sum()
	titles, known := make(map[uint64]bool), make(map[uint64]bool)
	var longest int
	for _, t := range h.Titles {
		ws := hashWords(t)
		longest = max(longest, len(ws))
		for _, w := range ws {
			titles[w] = true
		}
	}
	for _, t := range h.Names {
		for _, w := range hashWords(t) {
			known[w] = true
		}
	}
	summary, body := shingles(h.Summary), shingles(h.Body)
	if len(body) < 60 {
		body = nil
	}
	sigs, nsigs := d.number(func(x *box) uint64 { return x.sig })
	paths, npaths := d.number(func(x *box) uint64 { return x.path })
	d.sigs, d.nsigs = sigs, nsigs
	ofSig, ofPath := make([]signature, nsigs), make([]signature, npaths)
	seen := make(map[uint64]int32, n)
	var all, prose int32
	for i := range d.Blocks {
		b := &d.Blocks[i]
		for _, s := range [...]*signature{&ofSig[sigs[i]], &ofPath[paths[i]]} {
			s.blocks++
			s.weight += b.weight
			s.linked += b.linked
			s.stops += min(b.stops, 4)
		}
		seen[b.digest]++
		all += b.weight
		prose += b.prose()
	}
	for i := range d.Blocks {
		d.Blocks[i].says = d.said(&d.Blocks[i])
	}
	d.group()
	heading := lastHeading{at: -1}
	title := d.findTitle(titles, longest)
	top := d.boxes[d.top]
	var before int32
	earlier := make(map[uint64]bool, n)
	since := [4]int{-1000, -1000, -1000, -1000} // the last block of a kind
	for i := range d.Blocks {
		b := &d.Blocks[i]
		x := &d.boxes[b.box]
		r := row{v: rows[i*Count : (i+1)*Count]}
		says := &b.says
		d.own(&r, b, titles, known, says)
		if r.n != ownCount {
			panic("content: own features")
		}
		r.n += 4 * nearCount
		for k := range bitCount {
			r.add(yes(b.bits&(1<<k) != 0))
		}
		r.add(float64(x.own))
		r.add(float64(x.worst))
		r.add(float64(x.best))
		r.add(float64(x.sum))
		r.add(float64(x.depth))
		r.add(yes(b.inline >= bitComment))
		r.add(yes(b.inline&(bitAuthor) != 0))
		r.add(yes(b.inline&bitDate != 0))
		r.add(yes(b.inline&bitHidden != 0))
		c := x
		for range 3 {
			r.add(logw(c.weight))
			r.add(ratio(c.linked, c.weight))
			r.add(ratio(c.prose, c.weight))
			r.add(ratio(c.prose, prose))
			r.add(float64(c.blocks))
			r.add(float64(c.score))
			r.add(float64(c.index))
			r.add(float64(c.kind))
			r.add(float64(c.own))
			if c.parent > 0 {
				c = &d.boxes[c.parent]
			}
		}
		for _, s := range [...]*signature{&ofSig[sigs[i]], &ofPath[paths[i]]} {
			r.add(logw(s.blocks))
			r.add(logw(s.weight / s.blocks))
			r.add(ratio(s.linked, s.weight))
			r.add(ratio(s.stops, s.blocks))
			r.add(ratio(s.weight, all))
		}
		up := d.climb(b.box)
		r.add(float64(up))
		r.add(yes(up == 0))
		r.add(float64(x.depth - top.depth))
		r.add(float64(top.prose) / float64(max(prose, 1)))
		r.add(signedLog(i - int(top.first)))
		r.add(signedLog(int(top.last) - i))
		r.add(float64(i) / float64(n))
		r.add(ratio(before, all))
		r.add(logw(int32(n - i)))
		r.add(signedLog(i - title))
		r.add(yes(title >= 0))
		r.add(cover(summary, d.words[b.first:b.last]))
		r.add(cover(body, d.words[b.first:b.last]))
		r.add(float64(len(body)))
		r.add(logw(prose))
		r.add(logw(int32(n)))
		r.add(float64(seen[b.digest]))
		r.add(yes(earlier[b.digest]))
		r.add(ratio(d.boxes[0].linked, all))
		for k, g := range [...]int{saysCredit, saysRelated, saysComment, saysRights} {
			r.add(signedLog(i - since[k]))
			// A short block that begins with such a phrase heads or ends something.
			if says.groups[g] == 2 && b.last-b.first <= 24 {
				since[k] = i
			}
		}
		r.add(yes(b.handle))
		r.add(yes(b.firstRune == '—' || b.firstRune == '–' || b.firstRune == '-'))
		r.add(yes(b.firstRune == '(' || b.firstRune == '[' || b.firstRune == '（'))
		d.grouped(&r, x.near, all)
		d.grouped(&r, x.outer, all)
		d.headed(&r, i, &heading)
		d.sectioned(&r, i, x, all)
		if b.heading > 0 || x.kind >= kindH1 && x.kind <= kindH3 {
			heading = lastHeading{i, max(b.heading, 1), d.phrase(b), ratio(b.linked, b.weight), *says}
		}
		earlier[b.digest] = true
		before += b.weight
		if r.n != firstCount {
			panic("content: features")
		}
	}
	for i := range n {
		for k, off := range [4]int{-2, -1, 1, 2} {
			to := rows[i*Count+ownCount+k*nearCount:]
			j := i + off
			for m, f := range near {
				if j < 0 || j >= n {
					to[m] = -1
				} else {
					to[m] = rows[j*Count+f]
				}
			}
		}
	}
	return rows
}

// number gives the blocks of boxes with the same key the same number.
func (d *Document) number(key func(*box) uint64) (numbers []int32, n int) {
	seen := make(map[uint64]int32, 64)
	numbers = make([]int32, len(d.Blocks))
	for i := range d.Blocks {
		k := key(&d.boxes[d.Blocks[i].box])
		v, ok := seen[k]
		if !ok {
			v = int32(len(seen))
			seen[k] = v
		}
		numbers[i] = v
	}
	return numbers, len(seen)
}

func signedLog(n int) float64 {
	if n < 0 {
		return -math.Log1p(float64(-n))
	}
	return math.Log1p(float64(n))
}

// own are the features of the block itself.
func (d *Document) own(r *row, b *Block, titles, known map[uint64]bool, says *said) {
	words := b.latin + b.wide/3
	r.add(logw(b.weight))                                 // 0
	r.add(ratio(b.linked, b.weight))                      // 1
	r.add(ratio(b.weight, words))                         // 2
	r.add(float64(b.stops))                               // 3
	r.add(ratio(b.commas*10, words))                      // 4
	r.add(float64(markOf(b.lastMark)))                    // 5
	r.add(ratio(b.capitals, b.latin))                     // 6
	r.add(ratio(b.shouts, b.latin))                       // 7
	r.add(ratio(b.digits, b.weight))                      // 8
	r.add(float64(d.boxes[b.box].kind))                   // 9
	r.add(float64(b.odd))                                 // 10
	r.add(ratio(b.quotes*10, words))                      // 11
	r.add(float64(b.heading))                             // 12
	r.add(ratio(b.strong, b.weight))                      // 13
	r.add(ratio(b.emphatic, b.weight))                    // 14
	r.add(ratio(b.wide, b.weight))                        // 15
	r.add(float64(b.links))                               // 16
	r.add(float64(classOf(b.firstRune)))                  // 17
	r.add(share(d.words[b.first:b.last], titles))         // 18
	r.add(d.furniture(b, known))                          // 19
	r.add(yes(b.Item))                                    // 20
	r.add(float64(b.Break))                               // 21
	r.add(d.phrase(b))                                    // 22
	r.add(float64(b.stops) / math.Sqrt(float64(1+words))) // 23
	r.add(float64(says.share))                            // 24
	for _, v := range says.groups {
		r.add(float64(v))
	}
}

func markOf(c rune) int {
	switch classOf(c) {
	case classStop:
		if c == '…' {
			return 3
		}
		return 1
	case classQuote:
		return 2
	case classComma:
		return 4
	case classOdd:
		return 5
	case classDigit:
		return 6
	}
	if c == ':' || c == '：' {
		return 7
	}
	return 0
}

func share(words []uint64, set map[uint64]bool) float64 {
	k := 0
	for _, w := range words {
		if set[w] {
			k++
		}
	}
	return float64(k) / float64(max(len(words), 1))
}

func (d *Document) furniture(b *Block, known map[uint64]bool) float64 {
	ws := d.words[b.first:b.last]
	k := 0
	for _, w := range ws {
		if w&digitWord != 0 || known[w] || dateWords[w] {
			k++
		}
	}
	return float64(k) / float64(max(len(ws), 1))
}

// phrase is what the lexicon of words says of a short block.
func (d *Document) phrase(b *Block) float64 {
	ws := d.words[b.first:b.last]
	if len(ws) == 0 || len(ws) > 40 {
		return 0
	}
	sum := 0
	for _, w := range ws {
		sum += int(wordWeights[w])
	}
	return float64(sum) / math.Sqrt(float64(len(ws)))
}

func (b *Block) prose() int32 {
	if b.weight < 60 || b.linked*2 > b.weight || b.bits&bitHidden != 0 {
		return 0
	}
	if b.stops == 0 && b.commas == 0 {
		return 0
	}
	return b.weight - b.linked
}

// sum adds the blocks up in their boxes, and finds the top box.
func (d *Document) sum() {
	for i := range d.boxes {
		d.boxes[i].first = -1
	}
	for i := range d.Blocks {
		b := &d.Blocks[i]
		p := b.prose()
		s := float32(0)
		if p > 0 {
			s = 1 + float32(b.commas+b.stops)/2 + float32(min(p/100, 5))
		}
		dated, named, heads := int32(0), int32(0), int32(0)
		if (b.inline|b.bits)&bitDate != 0 && b.weight < 200 {
			dated = 1
		}
		if (b.inline|b.bits)&bitAuthor != 0 && b.weight < 200 {
			named = 1
		}
		if b.heading > 0 {
			heads = 1
		}
		up := 0
		for x := b.box; x >= 0; x = d.boxes[x].parent {
			c := &d.boxes[x]
			c.weight += b.weight
			c.linked += b.linked
			c.prose += p
			c.blocks++
			c.dated += dated
			c.named += named
			c.heads += heads
			if c.first < 0 {
				c.first = int32(i)
			}
			c.last = int32(i)
			switch {
			case up == 0 && c.kind == kindParagraph:
				continue // a paragraph is no container
			case up == 0:
				c.score += s
			case up < 4:
				c.score += s / float32(1+up)
			}
			up++
		}
	}
	best := float32(0)
	for i := range d.boxes {
		c := &d.boxes[i]
		c.score *= 1 - float32(ratio(c.linked, c.weight))
		if c.score > best {
			best, d.top = c.score, int32(i)
		}
	}
	for i := range d.boxes {
		d.boxes[i].score /= max(best, 1)
	}
	for x := d.top; x >= 0; x = d.boxes[x].parent {
		d.boxes[x].above = true
	}
}

// climb counts the steps from a box to the lowest that also holds the top box.
func (d *Document) climb(x int32) int {
	n := 0
	for ; x >= 0 && !d.boxes[x].above; x = d.boxes[x].parent {
		n++
	}
	return n
}

// findTitle is the block that says the title, -1 for none; the highest heading
// among several, the last before the text.
func (d *Document) findTitle(titles map[uint64]bool, longest int) int {
	best, at := 0.0, -1
	for i := range d.Blocks {
		b := &d.Blocks[i]
		n := b.last - b.first
		if n < 3 || n > longest+2 || b.linked*2 > b.weight && b.heading != 1 {
			continue
		}
		s := share(d.words[b.first:b.last], titles)
		if s < .8 {
			continue
		}
		s *= math.Sqrt(float64(min(n, 12)))
		switch {
		case b.heading == 1:
			s *= 2
		case b.heading == 2:
			s *= 1.3
		}
		if s > best {
			best, at = s, i
		}
	}
	return at
}

func shingles(s string) map[uint64]bool {
	if s == "" {
		return nil
	}
	set := make(map[uint64]bool)
	eachShingle(hashWords(s), func(h uint64) { set[h] = true })
	return set
}

func eachShingle(ws []uint64, f func(uint64)) {
	for i := 0; i+3 <= len(ws); i++ {
		f(((ws[i]*fnvPrime)^ws[i+1])*fnvPrime ^ ws[i+2])
	}
}

// cover is the share of the words' shingles in a set; -1 where nothing is
// known.
func cover(set map[uint64]bool, ws []uint64) float64 {
	if len(set) == 0 {
		return -1
	}
	k, n := 0, 0
	eachShingle(ws, func(h uint64) {
		n++
		if set[h] {
			k++
		}
	})
	if n == 0 {
		return -.5
	}
	return float64(k) / float64(n)
}

// Context fills the rest of the rows from what the first forest said.
func (d *Document) Context(rows []float32) {
	n := len(d.Blocks)
	for i := range d.boxes {
		d.boxes[i].mass = 0
	}
	sigs := make([][2]float32, d.nsigs)
	var all float32
	first, last := n, -1
	for i := range d.Blocks {
		b := &d.Blocks[i]
		m := float32(b.probability1) * float32(b.weight)
		all += m
		for x := b.box; x >= 0; x = d.boxes[x].parent {
			d.boxes[x].mass += m
		}
		s := &sigs[d.sigs[i]]
		s[0] += m
		s[1] += float32(b.weight)
		if b.probability1 > .5 && b.weight > 60 {
			first, last = min(first, i), i
		}
	}
	for i := range d.groups {
		d.groups[i].mass = 0
	}
	for i := range d.boxes {
		if g := d.boxes[i].group; g >= 0 {
			d.groups[g].mass += d.boxes[i].mass
		}
	}
	heading := -1.
	p := func(i int) float64 {
		if i < 0 || i >= n {
			return 0
		}
		return d.Blocks[i].probability1
	}
	all = max(all, 1)
	since, sofar := 0, float32(0)
	ahead := make([]int, n+1)
	ahead[n] = 200
	for i := n - 1; i >= 0; i-- {
		if ahead[i] = ahead[i+1] + 1; p(i) > .5 && d.Blocks[i].weight > 60 {
			ahead[i] = 0
		}
	}
	since = 200
	for i := range d.Blocks {
		b := &d.Blocks[i]
		r := row{v: rows[i*Count+firstCount : (i+1)*Count]}
		r.add(p(i))
		for _, off := range []int{-3, -2, -1, 1, 2, 3} {
			r.add(p(i + off))
		}
		x := &d.boxes[b.box]
		for range 4 {
			r.add(float64(x.mass / float32(max(x.weight, 1))))
			r.add(float64(x.mass / all))
			if x.parent >= 0 {
				x = &d.boxes[x.parent]
			}
		}
		s := &sigs[d.sigs[i]]
		r.add(float64(s[0] / max(s[1], 1)))
		r.add(float64(s[0] / all))
		r.add(signedLog(i - first))
		r.add(signedLog(last - i))
		r.add(float64(sofar / all))
		r.add(float64(since))
		r.add(float64(ahead[i+1]))
		r.add(float64(all))
		x = &d.boxes[b.box]
		for _, g := range [...]int32{x.near, x.outer} {
			if g < 0 {
				r.add(-1)
				continue
			}
			r.add(float64(d.groups[g].mass / float32(max(d.groups[g].weight, 1))))
		}
		s2 := &d.boxes[x.section]
		r.add(float64(s2.mass / float32(max(s2.weight, 1))))
		r.add(float64(s2.mass / all))
		r.add(heading)
		r.add(b.probability1 - (p(i-1)+p(i+1))/2)
		if b.heading > 0 {
			heading = b.probability1
		}
		sofar += float32(b.probability1) * float32(b.weight)
		if since++; p(i) > .5 && b.weight > 60 {
			since = 0
		}
	}
}

// Choose is the set of blocks with the best expected F1, and that F1.
func (d *Document) Choose(skip func(i int) bool) (kept []bool, expected float64) {
	n := len(d.Blocks)
	kept = make([]bool, n)
	order := make([]int, 0, n)
	total := 0.0
	for i := range d.Blocks {
		if skip != nil && skip(i) {
			continue
		}
		total += d.Blocks[i].Probability * d.length(i)
		if d.Blocks[i].Probability > .1 {
			order = append(order, i)
		}
	}
	slices.SortStableFunc(order, func(a, b int) int {
		switch pa, pb := d.Blocks[a].Probability, d.Blocks[b].Probability; {
		case pa > pb:
			return -1
		case pa < pb:
			return 1
		}
		return 0
	})
	right, chosen, best := 0.0, 0.0, 0
	for k, i := range order {
		l := d.length(i)
		right += d.Blocks[i].Probability * l
		chosen += l
		if f := 2 * right / (chosen + total); f >= expected {
			expected, best = f, k+1
		}
	}
	for _, i := range order[:best] {
		kept[i] = true
	}
	d.once(kept)
	d.divide(kept)
	return kept, expected
}

func (d *Document) length(i int) float64 {
	return float64(d.Blocks[i].last - d.Blocks[i].first)
}

// Digest names a block by its words.
func (d *Document) Digest(i int) uint64 { return d.Blocks[i].digest }

// Digest names a text by its words, as a block of this text is named.
func Digest(text string) uint64 { return digestOf(hashWords(text)) }

func digestOf(words []uint64) uint64 {
	h := uint64(fnvStart)
	for _, w := range words {
		h = (h ^ w) * fnvPrime
	}
	return h
}

// Shingles are the runs of three words in a text.
func Shingles(s string) map[uint64]bool { return shingles(s) }
