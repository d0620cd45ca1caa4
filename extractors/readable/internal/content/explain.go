package content

import (
	"slices"
	"strings"
)

// A Container is a box that could hold the article.
type Container struct {
	Path   string
	Score  float64 // share of the page's likely text
	Weight int
	Links  float64
	Blocks int
}

// Containers are the boxes with the most likely text, best first; of boxes that
// hold the same, the innermost.
func (d *Document) Containers(n int) []Container {
	var out []Container
	all := max(d.boxes[0].mass, 1)
	var order []int
	for i := range d.boxes {
		if d.boxes[i].mass > 0 {
			order = append(order, i)
		}
	}
	slices.SortStableFunc(order, func(a, b int) int {
		x, y := &d.boxes[a], &d.boxes[b]
		switch {
		case x.mass != y.mass && x.mass > y.mass:
			return -1
		case x.mass != y.mass:
			return 1
		}
		return int(y.depth - x.depth)
	})
	last := float32(-1)
	for _, i := range order {
		b := &d.boxes[i]
		if b.mass == last {
			continue
		}
		last = b.mass
		out = append(out, Container{d.path(int32(i)), float64(b.mass / all), int(b.weight), ratio(b.linked, b.weight), int(b.blocks)})
		if len(out) == n {
			break
		}
	}
	return out
}

// Path is the way to a block's element, like a selector.
func (d *Document) Path(i int) string { return d.path(d.Blocks[i].box) }

func (d *Document) path(x int32) string {
	var parts []string
	for ; x > 0 && len(parts) < 4; x = d.boxes[x].parent {
		n := d.boxes[x].node
		s := n.Data
		for _, a := range n.Attr {
			switch {
			case a.Key == "id" && a.Val != "":
				s += "#" + a.Val
			case a.Key == "class" && a.Val != "":
				s += "." + strings.Join(strings.Fields(a.Val), ".")
			}
		}
		parts = append(parts, s)
	}
	slices.Reverse(parts)
	return strings.Join(parts, " > ")
}
