package catalog

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"
)

// Sentinels. Errors of the store also wrap pipeline.ErrNotFound, ErrExists and
// ErrConflict.
var (
	ErrInvalid = errors.New("catalog: not valid")               // what was given can't be taken
	ErrManaged = errors.New("catalog: managed by a file")       // change the file instead; see ManagedError
	ErrInUse   = errors.New("catalog: something else needs it") // a watch sends to the channel
	ErrEmpty   = errors.New("catalog: the file is empty")       // taken for a file half written
)

// A FieldError is one thing wrong with one field. It is an [ErrInvalid].
type FieldError struct {
	File  string // empty: the object is not from a file
	Line  int    // 0: not known
	Ref   Ref    // the object; its id may be empty
	Field string // names[2].text; empty: the object as a whole
	Msg   string
}

// Error is "catalog.yaml:12: entity huawei: names[2].text: must not be empty".
func (e *FieldError) Error() string {
	var b strings.Builder
	b.WriteString(e.place())
	if e.Ref.Kind != "" {
		b.WriteString(strings.TrimSpace(e.Ref.String()) + ": ")
	}
	if e.Field != "" {
		b.WriteString(e.Field + ": ")
	}
	b.WriteString(e.Msg)
	return b.String()
}

// place is "catalog.yaml:12: ", or less where less is known.
func (e *FieldError) place() string {
	switch {
	case e.File != "" && e.Line > 0:
		return fmt.Sprintf("%s:%d: ", e.File, e.Line)
	case e.File != "":
		return e.File + ": "
	}
	return ""
}

// Is makes errors.Is(err, ErrInvalid) true.
func (e *FieldError) Is(target error) bool { return target == ErrInvalid }

// FieldErrors lists the field errors an error holds, by file and line.
func FieldErrors(err error) []*FieldError {
	var found []*FieldError
	var walk func(error)
	walk = func(err error) {
		switch e := err.(type) {
		case *FieldError:
			found = append(found, e)
		case interface{ Unwrap() []error }:
			for _, inner := range e.Unwrap() {
				walk(inner)
			}
		case interface{ Unwrap() error }:
			walk(e.Unwrap())
		}
	}
	walk(err)
	slices.SortStableFunc(found, func(a, b *FieldError) int {
		return cmp.Or(cmp.Compare(a.File, b.File), cmp.Compare(a.Line, b.Line))
	})
	return found
}

// joinFields is one error of all of them, or nil.
func joinFields(errs []*FieldError) error {
	all := make([]error, len(errs))
	for i, e := range errs {
		all[i] = e
	}
	return errors.Join(all...)
}

// A ManagedError says which file an object must be changed in. It is an
// [ErrManaged].
type ManagedError struct {
	Ref  Ref
	File string // the file that manages it
	By   string // the other file that claims it; empty: a person or program
}

func (e *ManagedError) Error() string {
	if e.By != "" {
		return fmt.Sprintf("%s: both %s and %s have it: take it out of one of them", e.Ref, e.File, e.By)
	}
	return fmt.Sprintf("%s is managed by the file %s: change it there", e.Ref, e.File)
}

// Is makes errors.Is(err, ErrManaged) true.
func (e *ManagedError) Is(target error) bool { return target == ErrManaged }

// Fault is what is wrong with the i-th object of the kind, told where its field
// stands if the catalog was read from a file.
func (c *Catalog) Fault(kind string, i int, field, msg string) *FieldError {
	e := &FieldError{Ref: c.objects(kind)[i].Ref(), Field: field, Msg: msg}
	return c.locate([]*FieldError{e}, kind, i)[0]
}
