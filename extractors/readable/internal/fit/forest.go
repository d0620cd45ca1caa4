package main

import (
	"math"
	"math/rand/v2"
	"runtime"
	"slices"
	"sync"

	"github.com/newswatch/newswatch/extractors/readable/internal/content"
)

// binned is the training rows, each feature cut into at most 64 bins, held by
// feature.
type binned struct {
	cols [][]uint8
	cuts [][]float32
	n    int
}

func bin(rows [][]float32, features int) *binned {
	b := &binned{cols: make([][]uint8, features), cuts: make([][]float32, features), n: len(rows)}
	parallel(features, func(f int) {
		var s []float32
		for i := 0; i < len(rows); i += 1 + len(rows)/20000 {
			s = append(s, rows[i][f])
		}
		slices.Sort(s)
		var cuts []float32
		for k := 1; k < 64; k++ {
			c := s[k*len(s)/64]
			if c != s[len(s)-1] && (len(cuts) == 0 || c > cuts[len(cuts)-1]) {
				cuts = append(cuts, c)
			}
		}
		if len(cuts) == 0 || cuts[0] > s[0] {
			if s[0] != s[len(s)-1] {
				cuts = slices.Insert(cuts, 0, s[0])
			}
		}
		col := make([]uint8, len(rows))
		for i, r := range rows {
			k, _ := slices.BinarySearch(cuts, r[f]) // first cut at or above
			col[i] = uint8(k)
		}
		b.cols[f], b.cuts[f] = col, cuts
	})
	return b
}

func parallel(n int, f func(int)) {
	var wg sync.WaitGroup
	ch := make(chan int)
	for range runtime.GOMAXPROCS(0) {
		wg.Go(func() {
			for i := range ch {
				f(i)
			}
		})
	}
	for i := range n {
		ch <- i
	}
	close(ch)
	wg.Wait()
}

// Settings of the forests; few, and the same for both.
const (
	trees     = 150
	depth     = 5
	rate      = 0.1
	lambda    = 4.0
	minChild  = 1.5  // weight of second derivatives
	rowPart   = 0.5  // of the rows, drawn for each tree
	leastPart = 0.04 // of those that are right already
	colPart   = 0.3
)

// boost fits a forest to labels with weights.
func boost(rows [][]float32, features int, label []bool, weight []float64, seed uint64) content.Forest {
	b := bin(rows, features)
	rng := rand.New(rand.NewPCG(seed, 1))
	var pos, all float64
	for i, w := range weight {
		all += w
		if label[i] {
			pos += w
		}
	}
	base := math.Log(pos / (all - pos))
	f := content.Forest{Base: float32(base)}
	score := make([]float64, b.n)
	for i := range score {
		score[i] = base
	}
	d := make([]sums, b.n)
	for range trees {
		for i := range score {
			p := 1 / (1 + math.Exp(-score[i]))
			y := 0.0
			if label[i] {
				y = 1
			}
			d[i] = sums{weight[i] * (p - y), weight[i] * max(p*(1-p), 1e-4)}
		}
		// Rows that the forest has right already seldom change a tree: they are
		// drawn less often and then count for more.
		var sum float64
		for i := range d {
			sum += math.Abs(d[i].g)
		}
		mean := sum / float64(len(d))
		var in []int32
		for i := range b.n {
			part := max(leastPart, rowPart*min(1, math.Abs(d[i].g)/mean))
			if rng.Float64() < part {
				in = append(in, int32(i))
				d[i].g, d[i].h = d[i].g*rowPart/part, d[i].h*rowPart/part
			}
		}
		var cols []int
		for c := range features {
			if len(b.cuts[c]) > 0 && rng.Float64() < colPart {
				cols = append(cols, c)
			}
		}
		t := tree(b.grow(in, cols, d))
		const chunk = 4096
		parallel((b.n+chunk-1)/chunk, func(c int) {
			for i := c * chunk; i < min(b.n, (c+1)*chunk); i++ {
				score[i] += t.value(rows[i])
			}
		})
		f.Trees = append(f.Trees, t)
	}
	return f
}

type tree []content.Node

func (t tree) value(row []float32) float64 {
	k := uint16(0)
	for t[k].Left != 0 {
		if row[t[k].Feature] <= t[k].Value {
			k = t[k].Left
		} else {
			k = t[k].Right
		}
	}
	return float64(t[k].Value)
}

type split struct {
	gain float64
	col  int
	cut  int
}

// sums are the first and second derivatives of the rows of a bin.
type sums struct{ g, h float64 }

// histogram adds the rows' derivatives up by the bins of each column, which has
// at most 65.
func (b *binned) histogram(in []int32, cols []int, d []sums) [][65]sums {
	of := make([]sums, len(in)) // in the order of the rows, which is kinder to the cache
	for k, i := range in {
		of[k] = d[i]
	}
	out := make([][65]sums, len(cols))
	parallel(len(cols), func(c int) {
		col, to := b.cols[cols[c]], &out[c]
		for k, i := range in {
			x := &to[col[i]]
			x.g += of[k].g
			x.h += of[k].h
		}
	})
	return out
}

// without takes a part of the rows out of a histogram.
func without(all, part [][65]sums) {
	for c := range all {
		for k := range all[c] {
			all[c][k].g -= part[c][k].g
			all[c][k].h -= part[c][k].h
		}
	}
}

func (b *binned) best(hist [][65]sums, cols []int, all sums) split {
	var best split
	for k, c := range cols {
		var l sums
		for cut := range b.cuts[c] {
			l.g += hist[k][cut].g
			l.h += hist[k][cut].h
			r := sums{all.g - l.g, all.h - l.h}
			if l.h < minChild || r.h < minChild {
				continue
			}
			gain := l.g*l.g/(l.h+lambda) + r.g*r.g/(r.h+lambda) - all.g*all.g/(all.h+lambda)
			if gain > best.gain {
				best = split{gain, c, cut}
			}
		}
	}
	return best
}

func (b *binned) grow(in []int32, cols []int, d []sums) []content.Node {
	nodes := []content.Node{{}}
	type open struct {
		node  int
		in    []int32
		depth int
		hist  [][65]sums
	}
	queue := []open{{0, in, 0, b.histogram(in, cols, d)}}
	for len(queue) > 0 {
		o := queue[0]
		queue = queue[1:]
		var all sums
		for _, i := range o.in {
			all.g += d[i].g
			all.h += d[i].h
		}
		s := split{}
		if o.depth < depth && all.h >= 2*minChild {
			s = b.best(o.hist, cols, all)
		}
		if s.gain < .5 {
			nodes[o.node] = content.Node{Value: float32(-rate * all.g / (all.h + lambda))}
			continue
		}
		var left, right []int32
		for _, i := range o.in {
			if int(b.cols[s.col][i]) <= s.cut {
				left = append(left, i)
			} else {
				right = append(right, i)
			}
		}
		l := len(nodes)
		nodes = append(nodes, content.Node{}, content.Node{})
		nodes[o.node] = content.Node{Feature: uint16(s.col), Value: b.cuts[s.col][s.cut], Left: uint16(l), Right: uint16(l + 1)}
		// The histogram of the larger part is what the smaller one's leaves.
		x, y := open{l, left, o.depth + 1, nil}, open{l + 1, right, o.depth + 1, nil}
		if o.depth+1 < depth {
			if len(left) < len(right) {
				x.hist, y.hist = b.histogram(left, cols, d), o.hist
				without(y.hist, x.hist)
			} else {
				y.hist, x.hist = b.histogram(right, cols, d), o.hist
				without(x.hist, y.hist)
			}
		}
		queue = append(queue, x, y)
	}
	return nodes
}
