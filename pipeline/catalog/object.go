package catalog

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/newswatch/newswatch/pipeline"
)

// A Ref names one object.
type Ref struct {
	Kind string // KindSource…
	ID   string
}

// Key is the object's key in the catalog bucket: source.kommersant.
func (r Ref) Key() string { return r.Kind + "." + r.ID }

func (r Ref) String() string { return r.Kind + " " + r.ID }

func parseKey(key string) (Ref, bool) {
	kind, id, ok := strings.Cut(key, ".")
	return Ref{kind, id}, ok && slices.Contains(Kinds(), kind) && id != ""
}

// Kinds lists the kinds of objects, those first that others refer to.
func Kinds() []string { return []string{KindSource, KindEntity, KindChannel, KindWatch} }

// An Object is a *Source, *Entity, *Watch or *Channel.
type Object interface {
	// Ref is the object's kind and id.
	Ref() Ref
	// Validate checks the object by itself; its error joins a [FieldError]
	// for everything that is wrong.
	Validate() error

	// head is where the catalog keeps its own notes.
	head() (managedBy, version *string)
	// fill sets what was left out to its default.
	fill()
	// shallow is a copy that shares what the object points to.
	shallow() Object
}

// Ref is the source's kind and id.
func (s *Source) Ref() Ref { return Ref{KindSource, s.ID} }

// Ref is the entity's kind and id.
func (e *Entity) Ref() Ref { return Ref{KindEntity, e.ID} }

// Ref is the watch's kind and id.
func (w *Watch) Ref() Ref { return Ref{KindWatch, w.ID} }

// Ref is the channel's kind and id.
func (c *Channel) Ref() Ref { return Ref{KindChannel, c.ID} }

func (s *Source) head() (managedBy, version *string)  { return &s.ManagedBy, &s.Version }
func (e *Entity) head() (managedBy, version *string)  { return &e.ManagedBy, &e.Version }
func (w *Watch) head() (managedBy, version *string)   { return &w.ManagedBy, &w.Version }
func (c *Channel) head() (managedBy, version *string) { return &c.ManagedBy, &c.Version }

func (s *Source) shallow() Object  { c := *s; return &c }
func (e *Entity) shallow() Object  { c := *e; return &c }
func (w *Watch) shallow() Object   { c := *w; return &c }
func (c *Channel) shallow() Object { d := *c; return &d }

func (s *Source) fill()  {}
func (e *Entity) fill()  {}
func (c *Channel) fill() {}

func (w *Watch) fill() {
	w.Kind = cmp.Or(w.Kind, WatchMention)
	if w.Kind != WatchSilence { // which has no groups
		w.Group = cmp.Or(w.Group, GroupStory)
	}
}

// newObject is an empty object of the kind, or nil.
func newObject(kind string) Object {
	switch kind {
	case KindSource:
		return new(Source)
	case KindEntity:
		return new(Entity)
	case KindWatch:
		return new(Watch)
	case KindChannel:
		return new(Channel)
	}
	return nil
}

// ParseObject reads one object as the API gives it: JSON, fields unknown
// refused, defaults filled in. The object is not yet validated. What the
// client says of managed_by and version is dropped.
func ParseObject(kind string, data []byte) (Object, error) {
	obj := newObject(kind)
	if obj == nil {
		return nil, fmt.Errorf("%w: there is no kind %q", ErrInvalid, kind)
	}
	dec := json.NewDecoder(bytes.NewReader(data))
	dec.DisallowUnknownFields()
	if err := dec.Decode(obj); err != nil {
		return nil, fmt.Errorf("%w: %s: %w", ErrInvalid, kind, err)
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("%w: %s: more follows after the object", ErrInvalid, kind)
	}
	managedBy, version := obj.head()
	*managedBy, *version = "", ""
	obj.fill()
	return obj, nil
}

// Digest is the version of an object: 16 hex digits over its content. Who
// manages it is no part of that.
func Digest(obj Object) string {
	content, _ := encode(obj, "")
	return pipeline.Key(string(content))
}

// encode is the object as JSON, with its manager and without its version.
// Fields stand in the order of the types, so equal objects are equal bytes.
func encode(obj Object, managedBy string) ([]byte, error) {
	stored := obj.shallow() // others may be reading obj
	m, v := stored.head()
	*m, *v = managedBy, ""
	data, err := json.Marshal(stored)
	if err != nil {
		return nil, fmt.Errorf("encode %s: %w", obj.Ref(), err)
	}
	return data, nil
}

// decode is the object in a value of the catalog bucket, its version set.
// Fields unknown are let pass: a newer program may have written them.
func decode(ref Ref, data []byte) (Object, error) {
	obj := newObject(ref.Kind)
	if obj == nil {
		return nil, fmt.Errorf("decode %s: no such kind", ref)
	}
	if err := json.Unmarshal(data, obj); err != nil {
		return nil, fmt.Errorf("decode %s: %w", ref, err)
	}
	if obj.Ref() != ref {
		return nil, fmt.Errorf("decode %s: it holds %s", ref, obj.Ref())
	}
	obj.fill()
	_, version := obj.head()
	*version = Digest(obj)
	return obj, nil
}

// ManagedBy names the file that manages the object; empty: none does.
func ManagedBy(obj Object) string {
	m, _ := obj.head()
	return *m
}
