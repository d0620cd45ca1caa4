package web

import (
	"context"
	"encoding/base64"
	"errors"
	"net/http"
	"sort"
	"strconv"
	"strings"

	"github.com/danielgtaylor/huma/v2"

	"github.com/newswatch/newswatch/pipeline/catalog"
)

// maxCatalogFile bounds a file given to apply: 100,000 feeds in OPML are some
// 15 MB.
const maxCatalogFile = 32 << 20

// maxObject bounds one object: an entity of a thousand names is some 100 KB.
const maxObject = 1 << 20

func (s *Server) routeCatalog() {
	// The command line's get, put and delete, and whoever keeps a catalog.
	routeKind(s, sourceRoutes)
	s.routeSources()
	routeKind(s, entityRoutes)
	routeKind(s, kindRoutes[catalog.Watch]{
		kind: catalog.KindWatch, one: "watch", many: "watches",
		all:     func(c *catalog.Catalog) []catalog.Watch { return c.Watches },
		id:      func(o *catalog.Watch) string { return o.ID },
		version: func(o *catalog.Watch) string { return o.Version },
	})
	routeKind(s, kindRoutes[catalog.Channel]{
		kind: catalog.KindChannel, one: "channel", many: "channels",
		all:     func(c *catalog.Catalog) []catalog.Channel { return c.Channels },
		id:      func(o *catalog.Channel) string { return o.ID },
		version: func(o *catalog.Channel) string { return o.Version },
	})

	apply := op(http.MethodPost, "/apply", "apply", "catalog", "Store what a catalog file holds, YAML or OPML; a bad file changes nothing")
	apply.MaxBodyBytes = maxCatalogFile
	apply.BodyReadTimeout = streamTimeout
	huma.Register(s.api, apply, s.apiApply)
}

// kindRoutes is what the four kinds of the catalog differ in.
type kindRoutes[T any] struct {
	kind      string
	one, many string
	all       func(*catalog.Catalog) []T // sorted by id
	id        func(*T) string
	version   func(*T) string
}

type objectOutput[T any] struct {
	Status int
	ETag   string `header:"ETag" doc:"The object's version."`
	Body   T
}

type putInput[T any] struct {
	ID          string `path:"id" maxLength:"256"`
	IfMatch     string `header:"If-Match" doc:"The ETag the object must have."`
	IfNoneMatch string `header:"If-None-Match" enum:"*" doc:"Refuse an object that is there already."`
	Body        T
	RawBody     []byte

	force bool // store it even where its tests fail
}

func routeKind[T any](s *Server, k kindRoutes[T]) {
	if k.kind != catalog.KindSource { // which are asked for by how they do, too: routeSources
		huma.Register(s.api, k.listOp(), func(_ context.Context, in *listInput) (*listOutput[T], error) {
			if s.deps.Catalog == nil {
				return nil, notHere("Catalog")
			}
			return k.page(k.all(s.deps.Catalog.Snapshot()), in)
		})
	}
	huma.Register(s.api, op(http.MethodGet, "/"+k.many+"/{id}", "get-"+k.one, "catalog", "One "+k.one),
		func(_ context.Context, in *idInput) (*objectOutput[T], error) {
			if s.deps.Catalog == nil {
				return nil, notHere("Catalog")
			}
			out := k.get(s.deps.Catalog.Snapshot(), in.ID)
			if out == nil {
				return nil, newProblem(http.StatusNotFound, "There is no "+k.one+" "+in.ID+".")
			}
			return out, nil
		})
	if k.kind != catalog.KindEntity { // whose tests are run: routeEntities
		huma.Register(s.api, k.putOp(), func(ctx context.Context, in *putInput[T]) (*objectOutput[T], error) {
			return k.put(ctx, s, in)
		})
	}
	if k.kind == catalog.KindEntity { // whose tags are asked for: routeRetag
		return
	}
	huma.Register(s.api, op(http.MethodDelete, "/"+k.many+"/{id}", "delete-"+k.one, "catalog", "Delete a "+k.one),
		func(ctx context.Context, in *idInput) (*struct{}, error) {
			if s.deps.Editor == nil {
				return nil, notHere("Catalog")
			}
			if err := s.deps.Editor.Delete(ctx, k.kind, in.ID, catalog.DeleteOptions{}); err != nil {
				return nil, s.problemOf(ctx, k.one+" "+in.ID, err)
			}
			return nil, nil //nolint:nilnil // huma's way to answer 204
		})
}

// entityRoutes is of entities, whose put is in routeEntities.
var entityRoutes = kindRoutes[catalog.Entity]{
	kind: catalog.KindEntity, one: "entity", many: "entities",
	all:     func(c *catalog.Catalog) []catalog.Entity { return c.Entities },
	id:      func(o *catalog.Entity) string { return o.ID },
	version: func(o *catalog.Entity) string { return o.Version },
}

func (k kindRoutes[T]) listOp() huma.Operation {
	return op(http.MethodGet, "/"+k.many, "list-"+k.many, "catalog", "List "+k.many+" by id")
}

func (k kindRoutes[T]) putOp() huma.Operation {
	put := op(http.MethodPut, "/"+k.many+"/{id}", "put-"+k.one, "catalog", "Add or change a "+k.one)
	put.Responses = map[string]*huma.Response{"201": {Description: "Created: it was not there before"}}
	put.MaxBodyBytes = maxObject
	return put
}

// get is the object with the id, or nil.
func (k kindRoutes[T]) get(c *catalog.Catalog, id string) *objectOutput[T] {
	all := k.all(c)
	i := k.after(all, id)
	if i == 0 || k.id(&all[i-1]) != id {
		return nil
	}
	return &objectOutput[T]{Status: http.StatusOK, ETag: strconv.Quote(k.version(&all[i-1])), Body: all[i-1]}
}

// after is the number of objects whose id is not greater than the one given.
func (k kindRoutes[T]) after(all []T, id string) int {
	return sort.Search(len(all), func(i int) bool { return k.id(&all[i]) > id })
}

// page is a page of the list. The cursor is the last id of the page before, so
// paging is stable whatever is added or deleted meanwhile.
func (k kindRoutes[T]) page(all []T, in *listInput) (*listOutput[T], error) {
	if in.Cursor != "" {
		last, err := base64.RawURLEncoding.DecodeString(in.Cursor)
		if err != nil {
			return nil, newProblem(http.StatusBadRequest, "The cursor is not one this list gave.")
		}
		all = all[k.after(all, string(last)):]
	}
	next := ""
	if len(all) > in.Limit {
		all = all[:in.Limit]
		next = base64.RawURLEncoding.EncodeToString([]byte(k.id(&all[in.Limit-1])))
	}
	return newList(all, next), nil
}

func (k kindRoutes[T]) put(ctx context.Context, s *Server, in *putInput[T]) (*objectOutput[T], error) {
	if s.deps.Editor == nil || s.deps.Catalog == nil {
		return nil, notHere("Catalog")
	}
	what := k.one + " " + in.ID
	if id := k.id(&in.Body); id != "" && id != in.ID {
		return nil, newProblem(http.StatusUnprocessableEntity, "The body is of "+k.one+" "+id+", the address of "+in.ID+".")
	}
	// The catalog's own reader drops what clients may not set and fills in defaults.
	obj, err := catalog.ParseObject(k.kind, in.RawBody)
	if err != nil {
		return nil, s.problemOf(ctx, what, err)
	}
	setID(obj, in.ID)
	if e, ok := obj.(*catalog.Entity); ok && !in.force {
		if err := s.runTests(&catalog.Catalog{Entities: []catalog.Entity{*e}}); err != nil {
			return nil, s.problemOf(ctx, what, err)
		}
	}
	was := k.get(s.deps.Catalog.Snapshot(), in.ID)
	version, err := s.deps.Editor.Put(ctx, obj, catalog.PutOptions{
		IfVersion: strings.Trim(in.IfMatch, `"`),
		IfAbsent:  in.IfNoneMatch != "",
	})
	if err != nil {
		p := s.problemOf(ctx, what, err)
		if (in.IfMatch != "" || in.IfNoneMatch != "") && p.Status == http.StatusConflict && !errors.Is(err, catalog.ErrManaged) {
			p.Status, p.Title = http.StatusPreconditionFailed, http.StatusText(http.StatusPreconditionFailed)
		}
		return nil, p
	}
	out := k.get(s.deps.Catalog.Snapshot(), in.ID)
	if out == nil {
		// Somebody deleted it meanwhile; it was stored all the same.
		out = &objectOutput[T]{Status: http.StatusOK, ETag: strconv.Quote(version), Body: in.Body}
	}
	if was == nil {
		out.Status = http.StatusCreated
	}
	return out, nil
}

func setID(obj catalog.Object, id string) {
	switch o := obj.(type) {
	case *catalog.Source:
		o.ID = id
	case *catalog.Entity:
		o.ID = id
	case *catalog.Watch:
		o.ID = id
	case *catalog.Channel:
		o.ID = id
	}
}

type applyInput struct {
	Name    string `query:"name" minLength:"1" maxLength:"256" default:"catalog" doc:"Name of the file: what it held before and no longer does is removed. Its ending says whether it is YAML, JSON or OPML; without one its content does."`
	Force   bool   `query:"force" doc:"Store it even where a test of an entity fails."`
	RawBody []byte `contentType:"application/yaml"`
}

type applyOutput struct{ Body catalog.ApplyResult }

func (s *Server) apiApply(ctx context.Context, in *applyInput) (*applyOutput, error) {
	if s.deps.Editor == nil {
		return nil, notHere("Catalog")
	}
	c, err := catalog.ParseFile(in.Name, in.RawBody)
	if err != nil {
		return nil, s.problemOf(ctx, in.Name, err)
	}
	if !in.Force {
		if err := s.runTests(c); err != nil {
			return nil, s.problemOf(ctx, in.Name, err)
		}
	}
	res, err := s.deps.Editor.Apply(ctx, c, in.Name)
	if err != nil {
		return nil, s.problemOf(ctx, in.Name, err)
	}
	return &applyOutput{Body: res}, nil
}
