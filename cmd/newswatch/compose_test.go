package main

import (
	"os"
	"testing"

	"go.yaml.in/yaml/v3"
)

// What the compose files run are commands there are, with flags they take.
func TestComposeFiles(t *testing.T) {
	for _, file := range []string{"../../docker-compose.yml", "../../deploy/compose-shards.yml"} {
		data, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		var compose struct {
			Services map[string]struct {
				Image   string
				Command []string
				Volumes []string
			}
			Volumes map[string]any
		}
		if err := yaml.Unmarshal(data, &compose); err != nil {
			t.Fatalf("%s: %v", file, err)
		}
		ours := 0
		for name, s := range compose.Services {
			for _, v := range s.Volumes {
				if _, ok := compose.Volumes[v[:len(v)-len(":/data")]]; !ok {
					t.Errorf("%s: %s: there is no volume %s", file, name, v)
				}
			}
			if s.Image != "newswatch" {
				continue
			}
			ours++
			if len(s.Command) == 0 || s.Command[0] != "run" {
				t.Errorf("%s: %s runs %q, want run", file, name, s.Command)
				continue
			}
			if err := newRun().ParseFlags(s.Command[1:]); err != nil {
				t.Errorf("%s: %s: %v", file, name, err)
			}
		}
		if ours == 0 {
			t.Errorf("%s: no service of ours", file)
		}
	}
}
