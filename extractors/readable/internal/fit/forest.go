package main

import (
	"math"
	"math/rand/v2"
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
	for range 2 {
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
	trees    = 150
	depth    = 5
	rate     = 0.1
	lambda   = 4.0
	minChild = 1.5 // weight of second derivatives
	rowPart  = 0.5
	colPart  = 0.3
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
	g, h := make([]float64, b.n), make([]float64, b.n)
	for range trees {
		for i := range score {
			p := 1 / (1 + math.Exp(-score[i]))
			y := 0.0
			if label[i] {
				y = 1
			}
			g[i], h[i] = weight[i]*(p-y), weight[i]*max(p*(1-p), 1e-4)
		}
		var in []int32
		for i := range b.n {
			if rng.Float64() < rowPart {
				in = append(in, int32(i))
			}
		}
		var cols []int
		for c := range features {
			if len(b.cuts[c]) > 0 && rng.Float64() < colPart {
				cols = append(cols, c)
			}
		}
		t := b.grow(in, cols, g, h)
		for i := range score {
			k := uint16(0)
			for t[k].Left != 0 {
				if rows[i][t[k].Feature] <= t[k].Value {
					k = t[k].Left
				} else {
					k = t[k].Right
				}
			}
			score[i] += float64(t[k].Value)
		}
		f.Trees = append(f.Trees, t)
	}
	return f
}

type split struct {
	gain float64
	col  int
	cut  int
}

func (b *binned) grow(in []int32, cols []int, g, h []float64) []content.Node {
	nodes := []content.Node{{}}
	type open struct {
		node  int
		in    []int32
		depth int
	}
	queue := []open{{0, in, 0}}
	for len(queue) > 0 {
		o := queue[0]
		queue = queue[1:]
		var G, H float64
		for _, i := range o.in {
			G += g[i]
			H += h[i]
		}
		leaf := func() { nodes[o.node] = content.Node{Value: float32(-rate * G / (H + lambda))} }
		if o.depth == depth || H < 2*minChild {
			leaf()
			continue
		}
		best := make([]split, len(cols))
		parallel(len(cols), func(k int) {
			c := cols[k]
			var hg, hh [65]float64
			col := b.cols[c]
			for _, i := range o.in {
				hg[col[i]] += g[i]
				hh[col[i]] += h[i]
			}
			var gl, hl float64
			for cut := range b.cuts[c] {
				gl += hg[cut]
				hl += hh[cut]
				if hl < minChild || H-hl < minChild {
					continue
				}
				gain := gl*gl/(hl+lambda) + (G-gl)*(G-gl)/(H-hl+lambda) - G*G/(H+lambda)
				if gain > best[k].gain {
					best[k] = split{gain, c, cut}
				}
			}
		})
		s := slices.MaxFunc(best, func(x, y split) int {
			switch {
			case x.gain < y.gain:
				return -1
			case x.gain > y.gain:
				return 1
			}
			return 0
		})
		if s.gain < .5 {
			leaf()
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
		queue = append(queue, open{l, left, o.depth + 1}, open{l + 1, right, o.depth + 1})
	}
	return nodes
}
