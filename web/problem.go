package web

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"

	"github.com/danielgtaylor/huma/v2"

	"github.com/newswatch/newswatch/pipeline"
	"github.com/newswatch/newswatch/pipeline/catalog"
)

// A problem is an RFC 9457 problem document, with one member of our own.
type problem struct {
	huma.ErrorModel
	// Position is where in q a query error is: a byte offset from 0.
	Position *int `json:"position,omitempty"`
}

func newProblem(status int, detail string) *problem {
	return &problem{ErrorModel: huma.ErrorModel{
		Title:  http.StatusText(status),
		Status: status,
		Detail: detail,
	}}
}

// notHere is the answer of a part that does not run in this process.
func notHere(what string) *problem {
	return newProblem(http.StatusServiceUnavailable, what+": not running here. Ask the process that runs it.")
}

// problemOf says what an error of one of the parts means to who asked. Where
// it means nothing to them, the log has it and the answer keeps it to itself.
func (s *Server) problemOf(ctx context.Context, what string, err error) *problem {
	var (
		own    *problem
		query  *pipeline.QueryError
		perm   *pipeline.PermanentError
		tooBig *http.MaxBytesError
	)
	switch {
	case errors.As(err, &own):
		return own
	case errors.As(err, &query):
		p := newProblem(http.StatusBadRequest, query.Msg)
		p.Title = "Query not understood"
		p.Position = &query.Pos
		return p
	case errors.Is(err, catalog.ErrInvalid), errors.Is(err, catalog.ErrEmpty):
		return invalidProblem(err)
	case errors.Is(err, pipeline.ErrNotFound):
		return newProblem(http.StatusNotFound, what+": there is no such thing.")
	case errors.Is(err, catalog.ErrManaged), errors.Is(err, catalog.ErrInUse),
		errors.Is(err, pipeline.ErrConflict), errors.Is(err, pipeline.ErrExists):
		return newProblem(http.StatusConflict, err.Error())
	case errors.Is(err, pipeline.ErrFull):
		return newProblem(http.StatusServiceUnavailable, what+": the stream is full for now; try again later.")
	case errors.Is(err, pipeline.ErrNoServer):
		return newProblem(http.StatusServiceUnavailable, what+": nobody answers; the part that does this is not running.")
	case errors.As(err, &tooBig), errors.Is(err, pipeline.ErrTooBig):
		return newProblem(http.StatusRequestEntityTooLarge, err.Error())
	case errors.As(err, &perm):
		return newProblem(http.StatusUnprocessableEntity, perm.Error())
	case errors.Is(err, context.DeadlineExceeded):
		return newProblem(http.StatusGatewayTimeout, what+": it took too long; ask for less.")
	case errors.Is(err, context.Canceled) && ctx.Err() != nil:
		// Nobody is there to read it.
		return newProblem(http.StatusServiceUnavailable, what+": stopped.")
	default:
		s.lg.Error("request failed", "what", what, "error", err)
		return newProblem(http.StatusInternalServerError, what+" failed; the log says why.")
	}
}

// invalidProblem lists everything wrong with an object or a catalog file.
func invalidProblem(err error) *problem {
	fields := catalog.FieldErrors(err)
	if len(fields) == 0 {
		return newProblem(http.StatusUnprocessableEntity, err.Error())
	}
	p := newProblem(http.StatusUnprocessableEntity, fmt.Sprintf("Nothing was changed: %d things are wrong.", len(fields)))
	if len(fields) == 1 {
		p.Detail = "Nothing was changed: " + fields[0].Error()
	}
	for _, f := range fields {
		d := &huma.ErrorDetail{Message: f.Error(), Location: f.Field}
		if f.Line > 0 {
			d.Location = fmt.Sprintf("line %d", f.Line)
		}
		p.Errors = append(p.Errors, d)
	}
	return p
}

// write sends the problem as the answer.
func (p *problem) write(w http.ResponseWriter) {
	h := w.Header()
	h.Set("Content-Type", "application/problem+json")
	h.Del("Content-Length")
	w.WriteHeader(p.Status)
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	// A client that has gone is no news.
	_ = enc.Encode(p)
}

// fail answers with an error in the form the area speaks.
func (s *Server) fail(w http.ResponseWriter, r *http.Request, status int, detail string) {
	switch area(r.URL.Path) {
	case "api":
		newProblem(status, detail).write(w)
	case "ops":
		http.Error(w, detail, status)
	default:
		s.failPage(w, r, status, detail)
	}
}

// methods are those any route answers to.
var methods = []string{http.MethodGet, http.MethodPost, http.MethodPut, http.MethodDelete}

// unrouted answers what no route matches: 405 where another method would, else
// 404. The patterns it is registered under are "/" and the API's prefix.
func (s *Server) unrouted(w http.ResponseWriter, r *http.Request) {
	var allowed []string
	for _, m := range methods {
		probe := r.Clone(r.Context())
		probe.Method = m
		if _, pattern := s.mux.Handler(probe); strings.HasPrefix(pattern, m+" ") {
			allowed = append(allowed, m)
		}
	}
	if len(allowed) > 0 {
		w.Header().Set("Allow", strings.Join(allowed, ", "))
		s.fail(w, r, http.StatusMethodNotAllowed, r.Method+" is not for "+r.URL.Path+".")
		return
	}
	s.fail(w, r, http.StatusNotFound, "There is nothing at "+r.URL.Path+".")
}
