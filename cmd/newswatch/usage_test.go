package main

import (
	"bytes"
	"context"
	"strings"
	"testing"

	"github.com/spf13/cobra"
)

// Wrong use is 2, names what is wrong, says where help is, and prints nothing
// on standard output. None of it asks a server.
func TestWrongUse(t *testing.T) {
	tests := []struct{ args, want string }{
		{"serach huawei", `unknown command "serach"`},
		{"search", "requires at least 1 arg"},
		{"search a --colour", "unknown flag: --colour"},
		{"search -entity:huawei", "unknown shorthand flag"},
		{"search a -o xml", `--output "xml": want table, json, jsonl, csv`},
		{"search a --sort best", `--sort "best": want newest, oldest, relevance`},
		{"search a --collapse all", `--collapse "all": want none, copies, stories`},
		{"search a --limit -1", "--limit -1: want 0 or more"},
		{"search a --limit many", `invalid argument "many"`},
		{"get", "accepts between 1 and 2 arg"},
		{"get cakes", `unknown kind "cakes"`},
		{"get articles", "which one?"},
		{"get status now", `get status: what is "now" for?`},
		{"get entities -o csv", `--output "csv"`},
		{"get entities --limit -1", "--limit -1"},
		{"get article x --explain huawei", `--explain "huawei": want entity=ID or watch=ID`},
		{"get entity huawei --explain watch=x", "--explain goes with an article"},
		{"apply", `required flag(s) "file" not set`},
		{"apply cat.yaml", `what is "cat.yaml" for? Give each file with -f`},
		{"delete entity", "accepts 2 arg"},
		{"delete alert x", `unknown kind "alert"`},
		{"entities cakes", `unknown command "cakes": want entities test or suggest`},
		{"entities test", "give either an id or a file"},
		{"entities test huawei -f x.yaml", "give either an id or a file"},
		{"entities test huawei -o xml", `--output "xml"`},
		{"entities suggest", "give either an item such as Q160120"},
		{"entities suggest huawei", `"huawei" is not an item such as Q160120`},
		{"load", "accepts 1 arg"},
		{"dead cakes", `unknown command "cakes": want dead list, show, replay or drop`},
		{"dead show", "accepts 1 arg"},
		{"dead replay", "replay: name the dead letters, or say --all"},
		{"dead drop 1 --all", "drop: name the dead letters, or say --all"},
		{"dead drop 1 --stage extract", "--stage and --reason go with --all"},
		{"dead list -o csv", `--output "csv"`},
		{"backup", "accepts 1 arg"},
		{"backup --verify x --force", "--verify goes with no other flag"},
		{"restore x", `required flag(s) "data" not set`},
		{"restore --data d", "accepts 1 arg"},
		{"doctor now", `unknown command "now"`},
		{"parse", "accepts 1 arg"},
		{"parse a b", "accepts 1 arg"},
		{"extract page.html", "page.html: no such file"},
		{"tag text", `unknown command "text"`},
		{"run --role cook", `--role "cook": want fetch, extract, stories, index, alerts, web`},
		{"run --log-level loud", `--log-level "loud": want debug, info, warn, error`},
		{"run --log-format xml", `--log-format "xml": want text, json`},
		{"run here", `unknown command "here"`},
		{"demo --log-level loud", `--log-level "loud"`},
		{"version 2", `unknown command "2"`},
	}
	for _, tt := range tests {
		t.Run(tt.args, func(t *testing.T) {
			code, out, errOut := do(t, tt.args)
			if code != exitUsage {
				t.Errorf("exit code %d, want %d", code, exitUsage)
			}
			if out != "" {
				t.Errorf("standard output has %q", out)
			}
			if !strings.HasPrefix(errOut, "newswatch: ") || !strings.Contains(errOut, tt.want) {
				t.Errorf("said %q, want %q in it", errOut, tt.want)
			}
			if !strings.Contains(errOut, "--help`.\n") {
				t.Errorf("said %q, want where help is", errOut)
			}
		})
	}
}

func do(t *testing.T, args string) (code int, out, errOut string) {
	t.Helper()
	root := newRoot()
	var o, e bytes.Buffer
	root.SetIn(strings.NewReader(""))
	root.SetOut(&o)
	root.SetErr(&e)
	code = execute(context.Background(), root, strings.Fields(args))
	return code, o.String(), e.String()
}

// Every command that does something says its exit codes, and every flag what
// it is for.
func TestHelp(t *testing.T) {
	var walk func(*cobra.Command)
	walk = func(cmd *cobra.Command) {
		for _, sub := range cmd.Commands() {
			walk(sub)
		}
		if cmd.Short == "" || strings.HasSuffix(cmd.Short, ".") {
			t.Errorf("%s: short text %q", cmd.CommandPath(), cmd.Short)
		}
		code, out, _ := do(t, strings.TrimPrefix(cmd.CommandPath()+" --help", "newswatch "))
		if code != exitDone {
			t.Errorf("%s --help: exit code %d", cmd.CommandPath(), code)
		}
		for line := range strings.Lines(out) {
			if n := cells(strings.TrimRight(line, "\n")); n > 150 {
				t.Errorf("%s --help: a line of %d columns: %s", cmd.CommandPath(), n, line)
			}
		}
		if cmd.Long != "" && !strings.Contains(cmd.Long, "Exit codes: 0 ") {
			t.Errorf("%s: the long text has no exit codes", cmd.CommandPath())
		}
		if cmd.Long == "" && cmd.Name() != "version" && cmd.Parent().Name() != "dead" {
			t.Errorf("%s: no long text", cmd.CommandPath())
		}
	}
	walk(newRoot())
}
