package app

import (
	"encoding/json"
	"io"
	"os/exec"
	"slices"
	"strings"
	"testing"
)

const module = "github.com/newswatch/newswatch"

// rules says who may import whom among our packages: the key is a package or,
// with a trailing /..., it and those below; the value is what it may import.
// The longest key counts.
var rules = map[string][]string{
	"pipeline":            {},
	"pipeline/bustest":    {"pipeline"},
	"pipeline/corpora":    {},
	"pipeline/jet":        {"pipeline"},
	"pipeline/catalog":    {"pipeline"},
	"pipeline/fetch":      {"pipeline"},
	"pipeline/feeds":      {"pipeline", "pipeline/catalog", "pipeline/fetch"},
	"pipeline/stories":    {"pipeline", "extractors/textnorm"},
	"extractors":          {"pipeline", "pipeline/catalog", "extractors/readable", "extractors/textnorm", "extractors/warc"},
	"extractors/readable": {"extractors/readable/internal/content", "extractors/readable/internal/titles", "extractors/readable/internal/voter"},

	"extractors/readable/internal/content": {},
	"extractors/readable/internal/fit": {
		"extractors/readable", "extractors/readable/internal/content", "extractors/readable/internal/titles", "extractors/readable/internal/voter",
		"extractors/readable/readabletest",
	},
	"extractors/readable/internal/titles": {"extractors/readable/internal/content"},
	"extractors/readable/internal/voter":  {"extractors/readable/internal/content"},
	"extractors/readable/readabletest":    {},
	"extractors/tags/tagtest":             {"pipeline", "pipeline/catalog", "pipeline/corpora", "extractors/textnorm"},

	"index/internal/inverted": {},

	"extractors/textnorm": {},
	"extractors/warc":     {},
	"extractors/tags":     {"pipeline", "pipeline/catalog", "extractors/textnorm"},
	"extractors/retag":    {"pipeline", "pipeline/catalog", "extractors/tags", "index/query"},
	"index":               {"pipeline", "index/query", "index/internal/inverted", "extractors/textnorm"},
	"index/query":         {"pipeline", "extractors/textnorm"},
	"alerts":              {"pipeline", "pipeline/catalog", "index/query", "alerts/notify"},
	"alerts/notify":       {"pipeline", "pipeline/catalog"},
	"web":                 {"pipeline", "pipeline/catalog", "index/query"},
	"cmd/...":             {"..."}, // cmd/internal keeps the others out by the rules of Go
}

// soleImporters says which one of our packages may import a foreign module.
var soleImporters = map[string][]string{
	"github.com/nats-io/":                 {"pipeline/jet"},
	"github.com/blevesearch/bleve/":       {"index"},
	"github.com/blevesearch/zapx/":        {"index", "index/internal/inverted"},
	"github.com/mmcdole/":                 {"pipeline/feeds"},
	"codeberg.org/readeck/":               {"extractors/readable/internal/voter"},
	"github.com/markusmobius/":            {"extractors/readable"},
	"github.com/spf13/cobra":              {"cmd/newswatch"},
	"github.com/danielgtaylor/huma/":      {"web"},
	"github.com/standard-webhooks/":       {"alerts/notify"},
	"github.com/blevesearch/snowballstem": {"extractors/textnorm"},
	"github.com/nlnwa/":                   {}, // a check of extractors/warc by another reader
	"code.dny.dev/ssrf":                   {"pipeline/fetch"},
	"go.yaml.in/yaml/":                    {"pipeline/catalog", "cmd/internal/config", "cmd/internal/newsroom"},
}

type goPackage struct {
	ImportPath string
	Imports    []string
}

func packages(t *testing.T) []goPackage {
	t.Helper()
	out, err := exec.Command("go", "list", "-json=ImportPath,Imports", module+"/...").Output()
	if err != nil {
		t.Fatalf("go list: %v", err)
	}
	var ps []goPackage
	for dec := json.NewDecoder(strings.NewReader(string(out))); ; {
		var p goPackage
		if err := dec.Decode(&p); err == io.EOF {
			return ps
		} else if err != nil {
			t.Fatal(err)
		}
		ps = append(ps, p)
	}
}

func TestImports(t *testing.T) {
	ps := packages(t)
	if len(ps) < len(rules) {
		t.Fatalf("go list found %d packages, want at least %d", len(ps), len(rules))
	}
	for _, p := range ps {
		room := strings.TrimPrefix(p.ImportPath, module+"/")
		allowed, ok := rules[room]
		if !ok && strings.HasPrefix(room, "cmd/") {
			allowed, ok = rules["cmd/..."], true
		}
		if !ok {
			t.Errorf("package %s has no rule: say in imports_test.go what it may import", room)
			continue
		}
		for _, imp := range p.Imports {
			if ours, ok := strings.CutPrefix(imp, module+"/"); ok {
				if !slices.Contains(allowed, ours) && !slices.Contains(allowed, "...") {
					t.Errorf("%s imports %s: not allowed", room, ours)
				}
				continue
			}
			if room == "pipeline" && strings.Contains(strings.Split(imp, "/")[0], ".") {
				t.Errorf("pipeline imports %s: only the standard library is allowed", imp)
			}
			for prefix, rooms := range soleImporters {
				if strings.HasPrefix(imp, prefix) && !slices.Contains(rooms, room) {
					t.Errorf("%s imports %s: only %s may", room, imp, strings.Join(rooms, ", "))
				}
			}
		}
	}
}

// Only the wiring knows all rooms.
func TestOnlyAppKnowsEverything(t *testing.T) {
	for _, p := range packages(t) {
		n := 0
		for _, imp := range p.Imports {
			if strings.HasPrefix(imp, module+"/") && !strings.HasPrefix(imp, module+"/cmd/") {
				n++
			}
		}
		if n > 7 && p.ImportPath != module+"/cmd/internal/app" && p.ImportPath != module+"/cmd/internal/config" {
			t.Errorf("%s imports %d of our packages: wiring belongs in cmd/internal/app", p.ImportPath, n)
		}
	}
}
