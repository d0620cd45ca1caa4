package catalog

import (
	"cmp"
	"iter"
	"slices"
)

// Source finds a source by its id, or answers nil. The answer is part of the
// catalog and must not be changed.
func (c *Catalog) Source(id string) *Source {
	return find(c.Sources, id, func(s *Source) string { return s.ID }, c.sorted)
}

// Entity finds an entity by its id, or answers nil.
func (c *Catalog) Entity(id string) *Entity {
	return find(c.Entities, id, func(e *Entity) string { return e.ID }, c.sorted)
}

// Watch finds a watch by its id, or answers nil.
func (c *Catalog) Watch(id string) *Watch {
	return find(c.Watches, id, func(w *Watch) string { return w.ID }, c.sorted)
}

// Channel finds a channel by its id, or answers nil.
func (c *Catalog) Channel(id string) *Channel {
	return find(c.Channels, id, func(ch *Channel) string { return ch.ID }, c.sorted)
}

// Object finds any object, or answers nil.
func (c *Catalog) Object(ref Ref) Object {
	switch ref.Kind {
	case KindSource:
		if s := c.Source(ref.ID); s != nil {
			return s
		}
	case KindEntity:
		if e := c.Entity(ref.ID); e != nil {
			return e
		}
	case KindWatch:
		if w := c.Watch(ref.ID); w != nil {
			return w
		}
	case KindChannel:
		if ch := c.Channel(ref.ID); ch != nil {
			return ch
		}
	}
	return nil
}

func find[T any](all []T, id string, of func(*T) string, sorted bool) *T {
	if sorted {
		i, ok := slices.BinarySearchFunc(all, id, func(t T, id string) int { return cmp.Compare(of(&t), id) })
		if !ok {
			return nil
		}
		return &all[i]
	}
	for i := range all {
		if of(&all[i]) == id {
			return &all[i]
		}
	}
	return nil
}

// Objects goes through everything: sources, entities, channels, watches.
func (c *Catalog) Objects() iter.Seq[Object] {
	return func(yield func(Object) bool) {
		for _, kind := range Kinds() {
			for _, o := range c.objects(kind) {
				if !yield(o) {
					return
				}
			}
		}
	}
}

func (c *Catalog) objects(kind string) []Object {
	switch kind {
	case KindSource:
		return pointers[Source](c.Sources)
	case KindEntity:
		return pointers[Entity](c.Entities)
	case KindWatch:
		return pointers[Watch](c.Watches)
	case KindChannel:
		return pointers[Channel](c.Channels)
	}
	return nil
}

func pointers[T any, P interface {
	*T
	Object
}](all []T) []Object {
	out := make([]Object, len(all))
	for i := range all {
		out[i] = P(&all[i])
	}
	return out
}

// Len is the number of objects.
func (c *Catalog) Len() int {
	return len(c.Sources) + len(c.Entities) + len(c.Watches) + len(c.Channels)
}

// Sorted is the catalog with every kind in the order of ids, versions set.
// The objects are copied, what they point to is shared.
func (c *Catalog) Sorted() *Catalog {
	out := &Catalog{
		Sources:  sortedBy(c.Sources, func(s *Source) string { return s.ID }),
		Entities: sortedBy(c.Entities, func(e *Entity) string { return e.ID }),
		Watches:  sortedBy(c.Watches, func(w *Watch) string { return w.ID }),
		Channels: sortedBy(c.Channels, func(ch *Channel) string { return ch.ID }),
		sorted:   true,
		pos:      nil, // places are by index, which no longer holds
	}
	for o := range out.Objects() {
		_, version := o.head()
		*version = Digest(o)
	}
	return out
}

func sortedBy[T any](all []T, id func(*T) string) []T {
	out := slices.Clone(all)
	slices.SortStableFunc(out, func(a, b T) int { return cmp.Compare(id(&a), id(&b)) })
	return out
}

// Diff lists what turns one sorted catalog into another, kind by kind in the
// order of [Kinds] and by id. An object counts as changed when its content or
// its manager did.
func Diff(old, new *Catalog) []Event {
	var events []Event
	for _, kind := range Kinds() {
		events = diff(events, kind, old.objects(kind), new.objects(kind))
	}
	return events
}

func diff(events []Event, kind string, old, new []Object) []Event {
	for len(old) > 0 || len(new) > 0 {
		order := 0
		switch {
		case len(old) == 0:
			order = 1
		case len(new) == 0:
			order = -1
		default:
			order = cmp.Compare(old[0].Ref().ID, new[0].Ref().ID)
		}
		switch {
		case order < 0:
			events = append(events, Event{Kind: kind, ID: old[0].Ref().ID, Before: old[0]})
			old = old[1:]
		case order > 0:
			events = append(events, Event{Kind: kind, ID: new[0].Ref().ID, After: new[0]})
			new = new[1:]
		default:
			if !same(old[0], new[0]) {
				events = append(events, Event{Kind: kind, ID: old[0].Ref().ID, Before: old[0], After: new[0]})
			}
			old, new = old[1:], new[1:]
		}
	}
	return events
}

func same(a, b Object) bool {
	am, av := a.head()
	bm, bv := b.head()
	return *am == *bm && *av == *bv
}

// Equal reports whether both hold the same objects in the same order.
func (c *Catalog) Equal(o *Catalog) bool {
	if c == nil || o == nil {
		return c == o
	}
	for _, kind := range Kinds() {
		if !slices.EqualFunc(c.objects(kind), o.objects(kind), func(a, b Object) bool {
			return ManagedBy(a) == ManagedBy(b) && Digest(a) == Digest(b)
		}) {
			return false
		}
	}
	return true
}

// add appends a copy of the object. It is for catalogs nobody else has yet.
func (c *Catalog) add(obj Object) {
	switch o := obj.(type) {
	case *Source:
		c.Sources = append(c.Sources, *o)
	case *Entity:
		c.Entities = append(c.Entities, *o)
	case *Watch:
		c.Watches = append(c.Watches, *o)
	case *Channel:
		c.Channels = append(c.Channels, *o)
	}
}
