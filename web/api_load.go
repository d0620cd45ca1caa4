package web

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"reflect"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"

	"github.com/newswatch/newswatch/pipeline"
	"github.com/newswatch/newswatch/pipeline/catalog"
)

const (
	// maxLine bounds one line of JSON: over ten times the longest article of
	// the corpora, with its page.
	maxLine = 8 << 20
	// maxRefused bounds how many refusals a load lists one by one.
	maxRefused = 10_000
)

// loadLine is one article of a load.
type loadLine struct {
	URL       string `json:"url"`
	Title     string `json:"title"`
	Text      string `json:"text" doc:"Plain text, paragraphs set apart by a blank line."`
	Lang      string `json:"lang,omitempty"`
	Published string `json:"published" doc:"An RFC 3339 time, or a day (UTC)."`
	Source    string `json:"source,omitempty" doc:"Id of a source; left out, the one whose home is on the same host, else the host."`
	Author    string `json:"author,omitempty"`
}

// loadResult is what became of the lines of a load.
type loadResult struct {
	New         int       `json:"new"`
	Changed     int       `json:"changed"`
	Known       int       `json:"known"`
	Refused     []refusal `json:"refused"`
	RefusedMore int       `json:"refused_more,omitempty" doc:"Lines refused beyond those listed."`
}

type refusal struct {
	Line   int    `json:"line" doc:"From 1."`
	Reason string `json:"reason"`
}

func (r *loadResult) refuse(line int, reason string) {
	if len(r.Refused) < maxRefused {
		r.Refused = append(r.Refused, refusal{Line: line, Reason: reason})
		return
	}
	r.RefusedMore++
}

type loadInput struct {
	Alert bool `query:"alert" doc:"Let the watches alert on these articles."`
}

func (s *Server) routeLoad() {
	reg := s.api.OpenAPI().Components.Schemas
	jsonl := func(t reflect.Type, what string) *huma.RequestBody {
		return &huma.RequestBody{
			Required:    true,
			Description: "JSON Lines: " + what,
			Content:     map[string]*huma.MediaType{"application/jsonl": {Schema: reg.Schema(t, true, "")}},
		}
	}

	// The command line's load, for backfill: long bodies, rarely.
	load := op(http.MethodPost, "/articles", "load-articles", "search", "Take in whole articles that need no page")
	load.Responses = map[string]*huma.Response{"200": {
		Description: "What became of each line",
		Content:     map[string]*huma.MediaType{"application/json": {Schema: reg.Schema(reflect.TypeFor[loadResult](), true, "")}},
	}}
	huma.Register(s.api, load, s.apiLoad)
	// What the body is like goes into the document only: an operation that has
	// a request body when it is registered gets it read whole, and parsed.
	s.api.OpenAPI().Paths[load.Path].Post.RequestBody = jsonl(reflect.TypeFor[loadLine](), "one article a line. A bad line is refused and stops nothing.")

	// Scripts that want to see what a stage does, rarely.
	filter := func(path, summary, in, out string, f Filter) {
		o := op(http.MethodPost, path, path[1:], "stages", summary)
		o.Responses = map[string]*huma.Response{"200": {
			Description: "JSON Lines: " + out,
			Content:     map[string]*huma.MediaType{"application/jsonl": {}},
		}}
		huma.Register(s.api, o, func(context.Context, *struct{}) (*huma.StreamResponse, error) {
			return s.filtered(summary, f)
		})
		s.api.OpenAPI().Paths[o.Path].Post.RequestBody = jsonl(reflect.TypeFor[map[string]any](), in)
	}
	filter("/tag", "Find the mentions in texts",
		`{"id","lang"?,"title"?,"text"}`,
		`{"id","mentions":[{"entity","name","field","start","end","text","rule","confidence"}]}; offsets in bytes of UTF-8`,
		s.deps.Tag)
	filter("/extract", "Find the article in pages",
		`{"id","url","html","lang"?}`,
		`{"id","title","text","author","published","lang","canonical","method","error"?}`,
		s.deps.Extract)
}

func (s *Server) apiLoad(_ context.Context, in *loadInput) (*huma.StreamResponse, error) {
	if s.deps.Loader == nil {
		return nil, notHere("Load")
	}
	return &huma.StreamResponse{Body: func(hc huma.Context) {
		r, w := humago.Unwrap(hc)
		rc := http.NewResponseController(w)
		res, line, err := s.load(r.Context(), &deadlineReader{r: r.Body, rc: rc}, in.Alert)
		_ = rc.SetWriteDeadline(time.Now().Add(streamTimeout))
		if err != nil {
			p := s.problemOf(r.Context(), "Load", err)
			p.Detail = fmt.Sprintf("Stopped at line %d (%d new, %d changed, %d known before it): %s To go on, send all again; what is known stays as it is.",
				line, res.New, res.Changed, res.Known, p.Detail)
			p.write(w)
			return
		}
		w.Header().Set("Content-Type", "application/json")
		// A client that has gone is no news.
		_ = huma.DefaultJSONFormat.Marshal(w, res)
	}}, nil
}

// load takes the articles of a stream of lines. The error is one that ended
// it, at the line returned: the stream broke off, or the pipeline takes
// nothing.
func (s *Server) load(ctx context.Context, in io.Reader, alert bool) (res loadResult, line int, err error) {
	res.Refused = []refusal{}
	homes := s.homes()
	br := bufio.NewReaderSize(in, 64<<10)
	for {
		line++
		data, long, err := readLine(br, maxLine)
		if errors.Is(err, io.EOF) {
			return res, line, nil
		}
		if err != nil {
			return res, line, fmt.Errorf("read: %w", err)
		}
		if long {
			res.refuse(line, fmt.Sprintf("longer than %d MiB", maxLine>>20))
			continue
		}
		if data = bytes.TrimSpace(data); len(data) == 0 {
			continue
		}
		it, reason := s.loadItem(data, homes)
		if reason != "" {
			res.refuse(line, reason)
			continue
		}
		it.Quiet = !alert
		outcome, err := s.deps.Loader.Load(ctx, it)
		var perm *pipeline.PermanentError
		switch {
		case errors.As(err, &perm), errors.Is(err, pipeline.ErrTooBig):
			res.refuse(line, err.Error())
		case err != nil:
			return res, line, err
		case outcome == LoadNew:
			res.New++
		case outcome == LoadChanged:
			res.Changed++
		default:
			res.Known++
		}
	}
}

// readLine reads to the end of the line, however long, but keeps at most max
// bytes. It answers io.EOF only when nothing is left.
func readLine(br *bufio.Reader, most int) (line []byte, long bool, err error) {
	for {
		part, err := br.ReadSlice('\n')
		if !long && len(line)+len(part) > most+1 { // the line feed is not of the line
			line, long = nil, true
		}
		if !long {
			line = append(line, part...)
		}
		switch {
		case err == nil:
			return line, long, nil
		case errors.Is(err, bufio.ErrBufferFull):
			continue
		case errors.Is(err, io.EOF) && (long || len(line) > 0):
			return line, long, nil
		default:
			return nil, false, err
		}
	}
}

// loadItem makes an item of a line, or says why it can't.
func (s *Server) loadItem(data []byte, homes map[string]*catalog.Source) (pipeline.Item, string) {
	if !utf8.Valid(data) {
		return pipeline.Item{}, "not UTF-8"
	}
	var l loadLine
	if err := json.Unmarshal(data, &l); err != nil {
		return pipeline.Item{}, "not a JSON object of an article: " + err.Error()
	}
	link, ok := pipeline.CanonicalURL(l.URL)
	switch {
	case l.URL == "":
		return pipeline.Item{}, "url is missing"
	case !ok:
		return pipeline.Item{}, "url is not an http or https address"
	case strings.TrimSpace(l.Title) == "" && strings.TrimSpace(l.Text) == "":
		return pipeline.Item{}, "title and text are both empty"
	case l.Published == "":
		return pipeline.Item{}, "published is missing"
	}
	published, err := parseWhen(l.Published)
	if err != nil {
		return pipeline.Item{}, "published is not an RFC 3339 time or a day: " + l.Published
	}
	it := pipeline.Item{
		URL: l.URL, Title: l.Title, Text: l.Text, Lang: l.Lang, Author: l.Author, Source: l.Source,
		Published: published.UTC(), PublishedFrom: pipeline.DateFromFeed, FirstSeen: s.now().UTC(),
		Whole: true,
	}
	u, err := url.Parse(link)
	if err != nil {
		return pipeline.Item{}, "url is not an http or https address"
	}
	src := homes[hostOf(u)]
	if it.Source != "" {
		src = s.names().catalog.Source(it.Source)
	}
	switch {
	case src != nil:
		it.Source, it.Country = src.ID, src.Country
		if it.Lang == "" {
			it.Lang = src.Lang
		}
	case it.Source == "":
		it.Source = hostOf(u)
	}
	it.Identify()
	return it, ""
}

// homes finds sources by the host of their home page.
func (s *Server) homes() map[string]*catalog.Source {
	c := s.names().catalog
	homes := make(map[string]*catalog.Source, len(c.Sources))
	for i := range c.Sources {
		if u, err := url.Parse(c.Sources[i].Home); err == nil && u.Host != "" {
			homes[hostOf(u)] = &c.Sources[i]
		}
	}
	return homes
}

func hostOf(u *url.URL) string {
	return strings.TrimPrefix(strings.ToLower(u.Hostname()), "www.")
}

// filtered streams a request's lines through a filter into its answer.
func (s *Server) filtered(what string, f Filter) (*huma.StreamResponse, error) {
	if f == nil {
		return nil, notHere(what)
	}
	return &huma.StreamResponse{Body: func(hc huma.Context) {
		r, w := humago.Unwrap(hc)
		rc := http.NewResponseController(w)
		// Answers go out while lines still come in. HTTP/2 always does that,
		// and says that it does not support the switch.
		_ = rc.EnableFullDuplex()
		w.Header().Set("Content-Type", "application/jsonl")
		out := &deadlineWriter{w: w, rc: rc}
		err := f(r.Context(), &lineGuard{r: &deadlineReader{r: r.Body, rc: rc}}, out)
		switch {
		case err == nil:
			return
		case !out.wrote:
			s.problemOf(r.Context(), what, err).write(w)
		default:
			// Half an answer must not look like a whole one.
			s.lg.Debug("filter broke off", "what", what, "error", err)
			panic(http.ErrAbortHandler)
		}
	}}, nil
}

// A deadlineReader gives each read the time of a stream. At the end of the
// body the deadline is lifted: the connection waits for nothing more.
type deadlineReader struct {
	r  io.Reader
	rc *http.ResponseController
}

func (d *deadlineReader) Read(p []byte) (int, error) {
	_ = d.rc.SetReadDeadline(time.Now().Add(streamTimeout))
	n, err := d.r.Read(p)
	if err != nil {
		_ = d.rc.SetReadDeadline(time.Time{})
	}
	return n, err
}

// A deadlineWriter gives each write the time of a stream, and sends it on.
type deadlineWriter struct {
	w     io.Writer
	rc    *http.ResponseController
	wrote bool
}

func (d *deadlineWriter) Write(p []byte) (int, error) {
	d.wrote = true
	_ = d.rc.SetWriteDeadline(time.Now().Add(streamTimeout))
	n, err := d.w.Write(p)
	if err == nil {
		_ = d.rc.Flush()
	}
	return n, err
}

// errLongLine ends a filter whose input has a line without end.
var errLongLine = &http.MaxBytesError{Limit: maxLine}

// A lineGuard passes lines on and ends with an error inside one that is too
// long, before whoever collects it has to hold it.
type lineGuard struct {
	r    io.Reader
	line int // bytes since the last line feed
}

func (g *lineGuard) Read(p []byte) (int, error) {
	n, err := g.r.Read(p)
	if i := bytes.LastIndexByte(p[:n], '\n'); i >= 0 {
		g.line = n - i - 1
	} else {
		g.line += n
	}
	if g.line > maxLine {
		return 0, errLongLine
	}
	return n, err
}
