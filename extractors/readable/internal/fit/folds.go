package main

import (
	"encoding/json"
	"fmt"
	"log"
	"os"
	"path/filepath"
	"slices"

	"github.com/newswatch/newswatch/extractors/readable"
	"github.com/newswatch/newswatch/extractors/readable/internal/content"
	"github.com/newswatch/newswatch/extractors/readable/readabletest"
)

// folded is pages parted by hosts, each part with the model fitted on the
// others.
type folded struct {
	parts  [][]readabletest.Page
	models []content.Model
}

// fold parts the hosts and fits the models, or the model of one part alone.
// Models are kept in the folder and found there.
func fold(pages []readabletest.Page, parts, part int, dir string) *folded {
	f := &folded{parts: make([][]readabletest.Page, parts), models: make([]content.Model, parts)}
	for _, p := range pages {
		k := foldOf(p, parts)
		f.parts[k] = append(f.parts[k], p)
	}
	for k := range parts {
		if part >= 0 && part != k {
			continue
		}
		file := filepath.Join(dir, fmt.Sprintf("fold-%d-of-%d.json", k, parts))
		m, ok := load(file, dir != "")
		if !ok {
			m = fitModel(slices.DeleteFunc(slices.Clone(pages), func(p readabletest.Page) bool { return foldOf(p, parts) == k }))
			if dir != "" {
				store(file, m)
			}
			log.Printf("fold %d of %d", k, parts)
		}
		f.models[k] = m
	}
	return f
}

func foldOf(p readabletest.Page, parts int) int { return int(hash(host(p)) >> 5 % uint64(parts)) }

// ballots are the pages of the folds under the votes of others; nil: of
// readability.
func (f *folded) ballots(others ...map[string]string) [][]*ballot {
	out := make([][]*ballot, len(f.parts))
	for k := range f.parts {
		content.Use(f.models[k])
		out[k] = ballots(f.parts[k], others...)
	}
	return out
}

// extract extracts each part with its model. What is sure and whom to ask is
// fitted on the other parts.
func (f *folded) extract(pages []readabletest.Page, bs [][]*ballot) []readable.Page {
	byPage := make(map[string]readable.Page)
	for k, part := range f.parts {
		m := f.models[k]
		in := except(bs, k)
		m.Escalate = fitEscalation(in)
		m.Trust = fitTrust(in, m.Escalate)
		content.Use(m)
		for i, got := range extract(part) {
			byPage[part[i].Path+part[i].Set] = got
		}
	}
	out := make([]readable.Page, len(pages))
	for i, p := range pages {
		out[i] = byPage[p.Path+p.Set]
	}
	return out
}

func load(file string, kept bool) (m content.Model, ok bool) {
	b, err := os.ReadFile(file)
	if err != nil || !kept {
		return m, false
	}
	if err := json.Unmarshal(b, &m); err != nil {
		log.Fatalf("%s: %v", file, err)
	}
	return m, true
}

func store(file string, m content.Model) {
	b, err := json.Marshal(m)
	if err == nil {
		err = os.WriteFile(file, b, 0o644)
	}
	if err != nil {
		log.Fatal(err)
	}
}
