package content

import (
	_ "embed"
	"encoding/json"
	"math"
)

// A Forest is boosted decision trees. A node is followed to the left where the
// feature's value is at most the threshold; a leaf has Left 0.
type Forest struct {
	Base  float32  `json:"base"`
	Trees [][]Node `json:"trees"`
}

// A Node is written as [feature, threshold, left, right] or, a leaf, as
// [0, value, 0, 0].
type Node struct {
	Feature uint16
	Left    uint16
	Right   uint16
	Value   float32 // threshold or value
}

func (n Node) MarshalJSON() ([]byte, error) {
	return json.Marshal([4]float32{float32(n.Feature), n.Value, float32(n.Left), float32(n.Right)})
}

func (n *Node) UnmarshalJSON(b []byte) error {
	var v [4]float32
	if err := json.Unmarshal(b, &v); err != nil {
		return err
	}
	*n = Node{Feature: uint16(v[0]), Value: v[1], Left: uint16(v[2]), Right: uint16(v[3])}
	return nil
}

// Score is the likelihood for a row.
func (f *Forest) Score(row []float32) float64 {
	s := f.Base
	for _, t := range f.Trees {
		i := uint16(0)
		for t[i].Left != 0 {
			if row[t[i].Feature] <= t[i].Value {
				i = t[i].Left
			} else {
				i = t[i].Right
			}
		}
		s += t[i].Value
	}
	return 1 / (1 + math.Exp(-float64(s)))
}

// A Model is what the command fit makes.
type Model struct {
	About    string          `json:"about"`
	Lexicon  map[string]int8 `json:"lexicon"` // words of classes and ids → tenths of log odds
	Words    map[string]int8 `json:"words"`   // words of short blocks → tenths of log odds
	Escalate Escalation      `json:"escalate"`
	Trust    [][2]float64    `json:"trust"` // expected F1 → F1 that came of it, rising
	First    Forest          `json:"first"`
	Second   Forest          `json:"second"`
}

//go:embed model.json
var modelJSON []byte

var model Model

// Lexicon is the log odds, in tenths, of the words of classes and ids.
var Lexicon map[string]int8

var wordWeights map[uint64]int8

func init() {
	if err := json.Unmarshal(modelJSON, &model); err != nil {
		panic("content: model.json: " + err.Error())
	}
	Use(model)
}

// Use sets the lexicons, for the command that fits them.
func Use(m Model) {
	model = m
	Lexicon = m.Lexicon
	wordWeights = make(map[uint64]int8, len(m.Words))
	for w, v := range m.Words {
		if h := hashWords(w); len(h) == 1 {
			wordWeights[h[0]] = v
		}
	}
}

// Find makes blocks of a tree and judges them.
func Find(d *Document, h Hints) []float32 {
	rows := d.Features(h)
	d.Judge(rows, &model.First, &model.Second)
	return rows
}

// Judge sets the probabilities.
func (d *Document) Judge(rows []float32, first, second *Forest) {
	for i := range d.Blocks {
		d.Blocks[i].probability1 = first.Score(rows[i*Count : (i+1)*Count])
	}
	if second == nil {
		return
	}
	d.Context(rows)
	for i := range d.Blocks {
		d.Blocks[i].Probability = second.Score(rows[i*Count : (i+1)*Count])
	}
}

var dateWords = func() map[uint64]bool {
	m := make(map[uint64]bool)
	for _, h := range hashWords(DateWords) {
		m[h] = true
	}
	return m
}()
