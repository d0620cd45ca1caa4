package catalog

import (
	"bytes"
	"encoding"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode/utf16"

	"go.yaml.in/yaml/v3"
)

// Parse reads a catalog file in YAML or JSON and validates each object by
// itself; fields unknown are refused. The error joins a [FieldError], with
// file and line, for everything that is wrong. An empty file is ErrEmpty: to
// say that there is nothing, write {}.
//
// Whether channels exist and queries can be understood is not yet looked at:
// see [Catalog.Validate], whose errors have file and line too.
func Parse(file string, data []byte) (*Catalog, error) {
	c, err := read(file, data)
	if err != nil {
		return nil, err
	}
	if errs := c.validateEach(Checks{}); len(errs) > 0 {
		return nil, joinFields(errs)
	}
	return c, nil
}

// read is Parse without validation.
func read(file string, data []byte) (*Catalog, error) {
	if len(bytes.TrimSpace(data)) == 0 {
		return nil, fmt.Errorf("%s: %w", file, ErrEmpty)
	}
	if json.Valid(data) {
		data = joinSurrogates(data)
	}
	r := &reader{file: file, lines: make(map[string]int)}
	c := new(Catalog)
	dec := yaml.NewDecoder(bytes.NewReader(data))
	for {
		var doc yaml.Node
		err := dec.Decode(&doc)
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			r.errs = append(r.errs, syntaxError(file, err))
			break
		}
		r.value(doc.Content[0], reflect.ValueOf(c).Elem(), "")
	}
	if len(r.errs) > 0 {
		return nil, joinFields(r.errs)
	}
	c.pos = &positions{file: file, lines: r.lines}
	for o := range c.Objects() {
		o.fill()
		_, version := o.head()
		*version = Digest(o)
	}
	return c, nil
}

// surrogates finds the escapes of a JSON text. YAML, of which JSON is else a
// part, has no pairs of surrogates.
var surrogates = regexp.MustCompile(`\\(u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}|.)`)

func joinSurrogates(data []byte) []byte {
	return surrogates.ReplaceAllFunc(data, func(esc []byte) []byte {
		if len(esc) != 12 {
			return esc
		}
		hi, _ := strconv.ParseUint(string(esc[2:6]), 16, 32)
		lo, _ := strconv.ParseUint(string(esc[8:]), 16, 32)
		return []byte(string(utf16.DecodeRune(rune(hi), rune(lo))))
	})
}

var yamlError = regexp.MustCompile(`^yaml: (?:line (\d+): )?(.*)$`)

// syntaxError is the YAML library's error in our form.
func syntaxError(file string, err error) *FieldError {
	e := &FieldError{File: file, Msg: err.Error()}
	if m := yamlError.FindStringSubmatch(strings.ReplaceAll(err.Error(), "\n", " ")); m != nil {
		e.Line, _ = strconv.Atoi(m[1])
		e.Msg = "YAML: " + m[2]
	}
	return e
}

// positions is where the fields of a catalog stand in its file.
type positions struct {
	file  string
	lines map[string]int // by path: entities[3].names[2].text
}

// line is where the path stands, or where the nearest thing round it does.
func (p *positions) line(path string) int {
	if p == nil {
		return 0
	}
	for path != "" {
		if line, ok := p.lines[path]; ok {
			return line
		}
		path = path[:max(0, strings.LastIndexAny(path, ".["))]
	}
	return 0
}

// path is where an object's field is in a catalog.
func path(kind string, i int, field string) string {
	list := map[string]string{KindSource: "sources", KindEntity: "entities", KindWatch: "watches", KindChannel: "channels"}[kind]
	p := list + "[" + strconv.Itoa(i) + "]"
	if field != "" {
		p += "." + field
	}
	return p
}

// locate tells the errors of the i-th object of the kind where they stand.
func (c *Catalog) locate(errs []*FieldError, kind string, i int) []*FieldError {
	if c.pos == nil {
		return errs
	}
	for _, e := range errs {
		e.File, e.Line = c.pos.file, c.pos.line(path(kind, i, e.Field))
	}
	return errs
}

// maxAliased bounds what aliases of YAML can blow a file up by, in values.
const maxAliased = 100_000

// A reader makes values of YAML nodes. Unlike the YAML library it goes on
// after a mistake, names the field, and remembers every line.
type reader struct {
	file  string
	errs  []*FieldError
	lines map[string]int

	alias   int // depth of aliases we are in
	aliased int // values reached through aliases
}

func (r *reader) fail(n *yaml.Node, at, format string, args ...any) {
	r.errs = append(r.errs, &FieldError{File: r.file, Line: n.Line, Field: at, Msg: fmt.Sprintf(format, args...)})
}

// value sets v, which is found at the path, to what the node says.
func (r *reader) value(n *yaml.Node, v reflect.Value, at string) {
	if r.alias > 0 {
		if r.aliased++; r.aliased > maxAliased {
			if r.aliased == maxAliased+1 {
				r.fail(n, at, "aliases repeat more than %d values", maxAliased)
			}
			return
		}
	}
	if at != "" {
		if _, ok := r.lines[at]; !ok {
			r.lines[at] = n.Line
		}
	}
	for n.Kind == yaml.AliasNode {
		n = n.Alias
		r.alias++
		defer func() { r.alias-- }()
	}
	if n.Kind == yaml.ScalarNode && n.ShortTag() == "!!null" {
		return // left out
	}
	if v.Type() == reflect.TypeFor[Name]() && n.Kind == yaml.ScalarNode {
		r.scalar(n, v.FieldByName("Text"), at)
		return
	}
	if u, ok := reflect.TypeAssert[encoding.TextUnmarshaler](v.Addr()); ok {
		if n.Kind != yaml.ScalarNode {
			r.fail(n, at, "want a text, found %s", kindOf(n))
		} else if err := u.UnmarshalText([]byte(n.Value)); err != nil {
			r.fail(n, at, "%v", err)
		}
		return
	}
	switch v.Kind() {
	case reflect.Struct:
		r.fields(n, v, at)
	case reflect.Slice:
		r.list(n, v, at)
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		r.value(n, v.Elem(), at)
	default:
		r.scalar(n, v, at)
	}
}

func (r *reader) fields(n *yaml.Node, v reflect.Value, at string) {
	if n.Kind != yaml.MappingNode {
		r.fail(n, at, "want a mapping of fields, found %s", kindOf(n))
		return
	}
	seen := make(map[string]int)
	for i := 0; i+1 < len(n.Content); i += 2 {
		key := n.Content[i]
		field, known := fieldNamed(v, key.Value)
		where := strings.TrimPrefix(at+"."+key.Value, ".")
		// A second document may go on with the lists of the first.
		if line, ok := seen[key.Value]; ok {
			r.fail(key, where, "stands already in line %d", line)
			continue
		}
		seen[key.Value] = key.Line
		if !known || key.Kind != yaml.ScalarNode {
			r.fail(key, where, "unknown field; known are %s", strings.Join(fieldNames(v.Type()), ", "))
			continue
		}
		r.value(n.Content[i+1], field, where)
	}
}

func (r *reader) list(n *yaml.Node, v reflect.Value, at string) {
	if n.Kind != yaml.SequenceNode {
		r.fail(n, at, "want a list, found %s", kindOf(n))
		return
	}
	for _, item := range n.Content {
		if r.aliased > maxAliased {
			return
		}
		i := v.Len()
		v.Set(reflect.Append(v, reflect.Zero(v.Type().Elem())))
		r.value(item, v.Index(i), at+"["+strconv.Itoa(i)+"]")
	}
}

func (r *reader) scalar(n *yaml.Node, v reflect.Value, at string) {
	if n.Kind != yaml.ScalarNode {
		r.fail(n, at, "want a single value, found %s", kindOf(n))
		return
	}
	tag := n.ShortTag()
	switch v.Kind() {
	case reflect.String:
		// A number or a date is taken for the text it was written as.
		if !slices.Contains([]string{"!!str", "!!int", "!!float", "!!timestamp"}, tag) {
			r.fail(n, at, "want a text, found %s; put it in quotation marks", n.Value)
			return
		}
		v.SetString(n.Value)
	case reflect.Bool:
		var b bool
		if tag != "!!bool" || n.Decode(&b) != nil {
			r.fail(n, at, "want true or false, found %q", n.Value)
			return
		}
		v.SetBool(b)
	case reflect.Int:
		i, err := strconv.Atoi(n.Value)
		if tag != "!!int" || err != nil {
			r.fail(n, at, "want a whole number, found %q", n.Value)
			return
		}
		v.SetInt(int64(i))
	}
}

func kindOf(n *yaml.Node) string {
	switch n.Kind {
	case yaml.MappingNode:
		return "a mapping"
	case yaml.SequenceNode:
		return "a list"
	}
	return strconv.Quote(n.Value)
}

// yamlName is the name of a struct's field in a file, empty for none.
func yamlName(f reflect.StructField) string {
	name, _, _ := strings.Cut(f.Tag.Get("yaml"), ",")
	if name == "-" || !f.IsExported() {
		return ""
	}
	return name
}

func fieldNamed(v reflect.Value, name string) (reflect.Value, bool) {
	for i := range v.NumField() {
		if n := yamlName(v.Type().Field(i)); n != "" && n == name {
			return v.Field(i), true
		}
	}
	return reflect.Value{}, false
}

func fieldNames(t reflect.Type) []string {
	var names []string
	for field := range t.Fields() {
		if n := yamlName(field); n != "" {
			names = append(names, n)
		}
	}
	return names
}
