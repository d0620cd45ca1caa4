package web

import (
	"encoding/json"
	"fmt"
	"net/http"
	"reflect"
	"strings"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"

	"github.com/newswatch/newswatch/pipeline/catalog"
)

// apiPrefix is where the JSON API is.
const apiPrefix = "/api/v1"

// Limits of lists.
const (
	defaultLimit = 50
	maxLimit     = 200
)

// adapter registers operations with the mux. It is humago's, but for custom
// methods (dead/{id}:replay), which net/http's patterns can't express.
type adapter struct {
	huma.Adapter
	mux   *http.ServeMux
	verbs map[string]map[string]http.HandlerFunc // "POST /…/{id}", verb
}

func (a *adapter) Handle(op *huma.Operation, handler func(huma.Context)) {
	base, verb, ok := strings.Cut(op.Path, "}:")
	if !ok {
		a.Adapter.Handle(op, handler)
		return
	}
	pattern := op.Method + " " + base + "}"
	if a.verbs[pattern] == nil {
		a.verbs[pattern] = make(map[string]http.HandlerFunc)
		a.mux.HandleFunc(pattern, func(w http.ResponseWriter, r *http.Request) { a.dispatch(pattern, w, r) })
	}
	a.verbs[pattern][verb] = func(w http.ResponseWriter, r *http.Request) {
		handler(humago.NewContext(op, r, w))
	}
}

// dispatch takes the last element of the path apart at its last colon.
func (a *adapter) dispatch(pattern string, w http.ResponseWriter, r *http.Request) {
	last := r.PathValue("id")
	if i := strings.LastIndexByte(last, ':'); i >= 0 {
		if h := a.verbs[pattern][last[i+1:]]; h != nil {
			r.SetPathValue("id", last[:i])
			h(w, r)
			return
		}
	}
	newProblem(http.StatusNotFound, "There is no such action at "+r.URL.Path+".").write(w)
}

// routeAPI adds the operations and makes the OpenAPI document of them.
func (s *Server) routeAPI() error {
	reg := huma.NewMapRegistry("#/components/schemas/", huma.DefaultSchemaNamer)
	shapeSchemas(reg)
	s.api = huma.NewAPI(huma.Config{
		OpenAPI: &huma.OpenAPI{
			OpenAPI: "3.1.0",
			Info: &huma.Info{
				Title:       "newswatch",
				Version:     s.cfg.Version,
				Description: "Search, articles, catalog, alerts and operation of newswatch. Lists answer {\"items\", \"next_cursor\"?}; errors are RFC 9457 problem documents.",
			},
			Components: &huma.Components{
				Schemas: reg,
				SecuritySchemes: map[string]*huma.SecurityScheme{
					"bearer": {Type: "http", Scheme: "bearer"},
					"basic":  {Type: "http", Scheme: "basic", Description: "Any user name; the token is the password."},
				},
			},
			// Where no token is configured, none is needed: the empty requirement.
			Security: []map[string][]string{{"bearer": {}}, {"basic": {}}, {}},
		},
		Formats: map[string]huma.Format{
			"application/json": huma.DefaultJSONFormat,
			"json":             huma.DefaultJSONFormat,
		},
		DefaultFormat:                "application/json",
		RejectUnknownQueryParameters: true, // a mistyped filter must not widen a search in silence
	}, &adapter{
		Adapter: humago.NewAdapter(s.mux, ""),
		mux:     s.mux,
		verbs:   make(map[string]map[string]http.HandlerFunc),
	})

	s.routeSearch()
	s.routeExplain()
	s.routeCatalog()
	s.routeEntities()
	s.routeDiscover()
	s.routeLoad()
	s.routeAlerts()
	s.routeDead()
	s.routeStatus()
	s.routeFeeds()
	s.routeReextract()
	s.routeReindex()
	s.routeBackup()
	s.routeRetention()
	s.routeRetag()
	s.mux.HandleFunc(apiPrefix+"/", s.unrouted)

	for _, schema := range reg.Map() {
		arraysNotNull(schema)
	}
	if em := reg.Map()["ErrorModel"]; em != nil {
		em.Properties["position"] = &huma.Schema{
			Type:        huma.TypeInteger,
			Description: "Where in q a query error is: a byte offset from 0.",
		}
	}
	doc, err := json.MarshalIndent(s.api.OpenAPI(), "", "  ")
	if err != nil {
		return fmt.Errorf("openapi document: %w", err)
	}
	s.openAPI = append(doc, '\n')
	return nil
}

func (s *Server) serveOpenAPI(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "application/openapi+json")
	// A client that has gone is no news.
	_, _ = w.Write(s.openAPI)
}

// shapeSchemas says of the catalog's types what reflection does not see.
func shapeSchemas(reg huma.Registry) {
	reg.RegisterTypeAlias(reflect.TypeFor[catalog.Duration](), reflect.TypeFor[string]())

	// The id in the path is enough: one in the body may be left out.
	for _, t := range []reflect.Type{
		reflect.TypeFor[catalog.Source](), reflect.TypeFor[catalog.Entity](),
		reflect.TypeFor[catalog.Watch](), reflect.TypeFor[catalog.Channel](),
	} {
		schema := reg.Schema(t, false, "")
		schema.Required = without(schema.Required, "id")
		schema.Properties["managed_by"].Description = "The file that manages it; ignored in a request."
		schema.Properties["version"].Description = "Digest of its content; ignored in a request."
		schema.PrecomputeMessages()
	}

	// A name without rules is a bare string.
	full := *reg.Schema(reflect.TypeFor[catalog.Name](), false, "")
	full.PrecomputeMessages()
	bare := &huma.Schema{Type: huma.TypeString, MinLength: ptr(1)}
	bare.PrecomputeMessages()
	either := &huma.Schema{OneOf: []*huma.Schema{bare, &full}}
	either.PrecomputeMessages()
	reg.Map()["Name"] = either
}

// arraysNotNull: what is answered never has null for an empty list.
func arraysNotNull(s *huma.Schema) {
	for _, p := range s.Properties {
		if p.Type == huma.TypeArray {
			p.Nullable = false
		}
		arraysNotNull(p)
	}
}

func without(list []string, s string) []string {
	var out []string
	for _, v := range list {
		if v != s {
			out = append(out, v)
		}
	}
	return out
}

func ptr[T any](v T) *T { return &v }

// op describes an operation of the API.
func op(method, path, id, tag, summary string) huma.Operation {
	return huma.Operation{
		OperationID: id,
		Method:      method,
		Path:        apiPrefix + path,
		Tags:        []string{tag},
		Summary:     summary,
	}
}

// listInput is what every list takes.
type listInput struct {
	Limit  int    `query:"limit" minimum:"1" maximum:"200" default:"50" doc:"Items wanted."`
	Cursor string `query:"cursor" doc:"next_cursor of the page before."`
}

// list is one page of a list.
type list[T any] struct {
	Items      []T    `json:"items"`
	NextCursor string `json:"next_cursor,omitempty" doc:"Cursor of the next page; absent on the last."`
}

type listOutput[T any] struct{ Body list[T] }

// newList makes an empty page's items an empty list.
func newList[T any](items []T, next string) *listOutput[T] {
	if items == nil {
		items = []T{}
	}
	return &listOutput[T]{Body: list[T]{Items: items, NextCursor: next}}
}

type idInput struct {
	ID string `path:"id" maxLength:"256"`
}
