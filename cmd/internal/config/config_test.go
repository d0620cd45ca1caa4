package config

import (
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"
)

const example = "../../../deploy/newswatch.yaml"

// The example names every setting there is, and no other.
func TestExampleIsWhole(t *testing.T) {
	if _, err := Read(example); err != nil { // strict: no other
		t.Fatal(err)
	}
	data, err := os.ReadFile(example)
	if err != nil {
		t.Fatal(err)
	}
	var doc map[string]any
	if err := yaml.Unmarshal(data, &doc); err != nil {
		t.Fatal(err)
	}
	checkKeys(t, "", reflect.TypeFor[Config](), doc)
}

func checkKeys(t *testing.T, path string, typ reflect.Type, doc map[string]any) {
	for f := range typ.Fields() {
		f := f
		key, _, _ := strings.Cut(f.Tag.Get("yaml"), ",")
		if key == "-" || !f.IsExported() {
			continue
		}
		if key == "" {
			t.Errorf("%s%s has no yaml name", path, f.Name)
			continue
		}
		v, ok := doc[key]
		if !ok {
			t.Errorf("%s does not show %s%s", example, path, key)
			continue
		}
		if sub, ok := v.(map[string]any); ok && f.Type.Kind() == reflect.Struct {
			checkKeys(t, path+key+".", f.Type, sub)
		}
	}
}

func TestRead(t *testing.T) {
	file := func(text string) string {
		name := filepath.Join(t.TempDir(), "newswatch.yaml")
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return name
	}
	c, err := Read(file("data: /srv/news\nfetch: {gap: 2s}\n"))
	if err != nil || c.Data != "/srv/news" || c.Fetch.Gap.String() != "2s" || c.Web.Listen != "127.0.0.1:8080" {
		t.Errorf("Read = %+v, %v", c, err)
	}
	if c, err := Read(file("")); err != nil || !reflect.DeepEqual(c, Default()) {
		t.Errorf("an empty file: %+v, %v; want the defaults", c, err)
	}
	tests := []struct{ name, text, want string }{
		{"unknown setting", "data: x\nfetch:\n  gapp: 2s\n", "line 3: field gapp not found"},
		{"bad duration", "fetch:\n  gap: soon\n", "line 2"},
		{"not YAML", "data: [\n", "line"},
	}
	for _, tt := range tests {
		_, err := Read(file(tt.text))
		if err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: %v, want %q in it", tt.name, err, tt.want)
		}
	}
	if _, err := Read(filepath.Join(t.TempDir(), "absent.yaml")); err == nil {
		t.Error("an absent file was read")
	}
}
