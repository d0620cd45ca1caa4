package content

// A group is the boxes of one name under one parent: the entries of a list,
// the comments of a thread, the teasers of related stories, the paragraphs of
// a text.
type group struct {
	members int32
	weight  int32
	linked  int32
	prose   int32
	blocks  int32
	dated   int32
	named   int32
	heads   int32
	mass    float32
}

const (
	manyMembers  = 3 // of a group that is a repetition
	groupedCount = 9
)

// group numbers the boxes' groups, and finds for each box what it stands in:
// the nearest and the outermost repetition of boxes with several blocks each,
// and the section, which is the highest box that does not hold the top box.
func (d *Document) group() {
	seen := make(map[uint64]int32, len(d.boxes))
	d.groups = d.groups[:0]
	for i := range d.boxes {
		x := &d.boxes[i]
		x.group, x.near, x.outer, x.section = -1, -1, -1, 0
		if i == 0 || x.blocks == 0 {
			continue
		}
		key := (x.name ^ uint64(x.parent)) * fnvPrime
		g, ok := seen[key]
		if !ok {
			g = int32(len(d.groups))
			seen[key] = g
			d.groups = append(d.groups, group{})
		}
		x.group = g
		to := &d.groups[g]
		to.members++
		to.weight += x.weight
		to.linked += x.linked
		to.prose += x.prose
		to.blocks += x.blocks
		to.dated += min(x.dated, 1)
		to.named += min(x.named, 1)
		to.heads += min(x.heads, 1)
	}
	for i := range d.boxes {
		x := &d.boxes[i]
		if x.group < 0 {
			continue
		}
		up := &d.boxes[x.parent]
		x.near, x.outer, x.section = up.near, up.outer, up.section
		if g := &d.groups[x.group]; g.members >= manyMembers && 2*g.blocks >= 3*g.members {
			x.near = x.group
			if x.outer < 0 && !x.above {
				x.outer = x.group
			}
		}
		if x.above || up.above {
			x.section = int32(i)
		}
	}
}

// grouped adds what there is to say of a repetition.
func (d *Document) grouped(r *row, g int32, all int32) {
	if g < 0 {
		for range groupedCount {
			r.add(-1)
		}
		return
	}
	s := &d.groups[g]
	r.add(logw(s.members))
	r.add(logw(s.weight / s.members))
	r.add(ratio(s.blocks, s.members))
	r.add(ratio(s.linked, s.weight))
	r.add(ratio(s.prose, s.weight))
	r.add(ratio(s.dated, s.members))
	r.add(ratio(s.named, s.members))
	r.add(ratio(s.heads, s.members))
	r.add(ratio(s.weight, all))
}

// A heading is the last one before a block.
type lastHeading struct {
	at     int
	level  uint8
	phrase float64
	linked float64
	says   said
}

const headedCount = 7

func (d *Document) headed(r *row, i int, h *lastHeading) {
	if h.at < 0 {
		for range headedCount {
			r.add(-1)
		}
		return
	}
	r.add(logw(int32(i - h.at)))
	r.add(float64(h.level))
	r.add(h.phrase)
	r.add(h.linked)
	r.add(float64(h.says.groups[saysRelated]))
	r.add(float64(h.says.groups[saysComment]))
	r.add(float64(h.says.share))
}

const sectionCount = 16

// sectioned adds what there is to say of a block's section.
func (d *Document) sectioned(r *row, i int, x *box, all int32) {
	s := &d.boxes[x.section]
	top := &d.boxes[d.top]
	r.add(yes(s.above))
	r.add(logw(s.weight))
	r.add(ratio(s.linked, s.weight))
	r.add(ratio(s.prose, s.weight))
	r.add(ratio(s.weight, all))
	r.add(logw(s.blocks))
	r.add(signedLog(int(s.first - top.last)))
	r.add(float64(s.own))
	r.add(float64(s.kind))
	r.add(ratio(s.dated, s.blocks))
	r.add(ratio(s.named, s.blocks))
	r.add(ratio(s.heads, s.blocks))
	r.add(logw(int32(i) - s.first))
	// What heads it.
	var related, comment, share float64
	for k := s.first; k <= min(s.last, s.first+1); k++ {
		if b := &d.Blocks[k]; b.last-b.first <= 24 {
			related = max(related, float64(b.says.groups[saysRelated]))
			comment = max(comment, float64(b.says.groups[saysComment]))
			share = max(share, float64(b.says.share))
		}
	}
	r.add(related)
	r.add(comment)
	r.add(share)
}
