package catalog

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"
)

// String writes the duration without trailing zero units: 10m, 1h30m, 5s.
func (d Duration) String() string {
	s := time.Duration(d).String()
	if strings.HasSuffix(s, "m0s") {
		s = strings.TrimSuffix(s, "0s")
	}
	if strings.HasSuffix(s, "h0m") {
		s = strings.TrimSuffix(s, "0m")
	}
	return s
}

// MarshalText writes the duration as a person does.
func (d Duration) MarshalText() ([]byte, error) { return []byte(d.String()), nil }

// UnmarshalText reads what [time.ParseDuration] reads.
func (d *Duration) UnmarshalText(text []byte) error {
	v, err := time.ParseDuration(string(text))
	if err != nil {
		return fmt.Errorf("%q is not a duration such as 10m, 1h30m or 5s", text)
	}
	*d = Duration(v)
	return nil
}

// bare reports whether the name is its text and nothing else.
func (n Name) bare() bool {
	return n.Lang == "" && !n.Exact && len(n.Near) == 0 && len(n.Not) == 0 && len(n.Must) == 0
}

// plainName is Name without methods: how the long form is written and read.
type plainName Name

// MarshalYAML writes a bare string where there is nothing else to say.
func (n Name) MarshalYAML() (any, error) {
	if n.bare() {
		return n.Text, nil
	}
	var node yaml.Node
	if err := node.Encode(plainName(n)); err != nil {
		return nil, fmt.Errorf("name %q: %w", n.Text, err)
	}
	node.Style = yaml.FlowStyle
	return &node, nil
}

// MarshalJSON writes a bare string where there is nothing else to say.
func (n Name) MarshalJSON() ([]byte, error) {
	if n.bare() {
		return json.Marshal(n.Text)
	}
	return json.Marshal(plainName(n))
}

// UnmarshalJSON reads a bare string or an object, and refuses fields unknown.
func (n *Name) UnmarshalJSON(data []byte) error {
	var p plainName
	if data = bytes.TrimSpace(data); len(data) > 0 && data[0] == '"' {
		if err := json.Unmarshal(data, &p.Text); err != nil {
			return err
		}
	} else {
		dec := json.NewDecoder(bytes.NewReader(data))
		dec.DisallowUnknownFields()
		if err := dec.Decode(&p); err != nil {
			return err
		}
	}
	*n = Name(p)
	return nil
}

// Marshal writes the catalog as a YAML file that Parse reads back.
func Marshal(c *Catalog) ([]byte, error) {
	var b bytes.Buffer
	enc := yaml.NewEncoder(&b)
	enc.SetIndent(2)
	if err := enc.Encode(c); err != nil {
		return nil, fmt.Errorf("marshal catalog: %w", err)
	}
	if err := enc.Close(); err != nil {
		return nil, fmt.Errorf("marshal catalog: %w", err)
	}
	return b.Bytes(), nil
}

// MarshalEntity writes a catalog file of one entity that Parse reads back, with
// comments: lines above it, and notes beside its names, by their place.
func MarshalEntity(e Entity, above []string, notes map[int][]string) ([]byte, error) {
	var entity yaml.Node
	if err := entity.Encode(e); err != nil {
		return nil, fmt.Errorf("marshal entity %s: %w", e.ID, err)
	}
	for i := 0; i+1 < len(entity.Content); i += 2 {
		if entity.Content[i].Value != "names" {
			continue
		}
		for j, n := range entity.Content[i+1].Content {
			n.LineComment = comment(strings.Join(notes[j], "; "))
		}
	}
	list := &yaml.Node{Kind: yaml.SequenceNode, Content: []*yaml.Node{&entity}}
	doc := &yaml.Node{Kind: yaml.MappingNode, Content: []*yaml.Node{{Kind: yaml.ScalarNode, Value: "entities"}, list}}
	var b bytes.Buffer
	for _, line := range above {
		b.WriteString(comment(line) + "\n")
	}
	enc := yaml.NewEncoder(&b)
	enc.SetIndent(2)
	if err := enc.Encode(doc); err != nil {
		return nil, fmt.Errorf("marshal entity %s: %w", e.ID, err)
	}
	if err := enc.Close(); err != nil {
		return nil, fmt.Errorf("marshal entity %s: %w", e.ID, err)
	}
	return b.Bytes(), nil
}

// comment is a text as a comment of one line; empty: none.
func comment(s string) string {
	if s == "" {
		return ""
	}
	return "# " + strings.Join(strings.Fields(s), " ")
}
