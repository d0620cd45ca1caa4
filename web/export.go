package web

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	"encoding/csv"
	"encoding/hex"
	"encoding/json"
	"errors"
	"html"
	"io"
	"maps"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/newswatch/newswatch/pipeline"
)

const (
	feedItems  = 50  // of a feed of a search
	exportPage = 200 // hits asked for at a time; all that an export holds in memory
)

// A form is what hits go out as.
type form struct {
	ext, kind string
	rows      func(w io.Writer, o *outgoing) rows
}

// The forms there are. Of the feeds among them there is the newest alone, for
// feed readers, and all of it.
var (
	feedForms = []form{
		{"atom", "application/atom+xml", newAtomRows},
		{"rss", "application/rss+xml", newRSSRows},
		{"json", "application/feed+json", newJSONFeedRows},
	}
	tableForms = []form{
		{"csv", "text/csv", newCSVRows},
		{"jsonl", "application/jsonl", newJSONRows},
	}
)

// routeExport adds what takes a search elsewhere: feeds and files.
func (s *Server) routeExport() {
	for _, f := range feedForms {
		// Feed readers, a few times an hour.
		s.mux.HandleFunc("GET /feeds/search."+f.ext, s.searchFeed(f))
		s.mux.HandleFunc("GET /export/search."+f.ext, s.export(f))
	}
	for _, f := range tableForms {
		// Analysts and their scripts, now and then.
		s.mux.HandleFunc("GET /export/search."+f.ext, s.export(f))
	}
}

// outRequest is the search that an address of a feed or an export asks for.
func outRequest(v url.Values) (pipeline.SearchRequest, *problem) {
	st := readState(v)
	st.Collapse = cmp.Or(st.Collapse, "none")
	req, p := st.request()
	req.Facets, req.Timeline = nil, false
	return req, p
}

// searchFeed answers with the newest hits as a feed, and where those behind them
// are. It changes only when the hits do, so that a reader that asks with the
// ETag is answered 304.
func (s *Server) searchFeed(f form) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		v := r.URL.Query()
		req, p := outRequest(v)
		if s.deps.Searcher == nil {
			p = notHere("Search")
		}
		if p != nil {
			p.write(w)
			return
		}
		req.Limit = feedItems
		res, err := s.deps.Searcher.Search(r.Context(), req)
		if err != nil {
			s.problemOf(r.Context(), "Search", err).write(w)
			return
		}
		out := s.outgoing(r)
		for _, h := range res.Hits {
			if seen := h.FirstSeen.UTC(); seen.After(out.updated) {
				out.updated = seen
			}
		}
		if res.NextCursor != "" {
			v.Set("cursor", res.NextCursor)
			out.next = addressOf(r, v)
		}
		var body bytes.Buffer
		enc := f.rows(&body, out)
		err = enc.head()
		for i := 0; err == nil && i < len(res.Hits); i++ {
			err = enc.row(res.Hits[i], "")
		}
		if err = errors.Join(err, enc.foot(), enc.flush()); err != nil {
			s.problemOf(r.Context(), "Feed", err).write(w)
			return
		}
		sum := sha256.Sum256(body.Bytes())
		h := w.Header()
		h.Set("Content-Type", f.kind+"; charset=utf-8")
		h.Set("ETag", `"`+hex.EncodeToString(sum[:12])+`"`)
		h.Set("Cache-Control", "private, max-age=60")
		http.ServeContent(w, r, "", out.updated, bytes.NewReader(body.Bytes()))
	}
}

// base is the address of this server as the asker knows it.
func base(r *http.Request) string {
	if r.TLS != nil || r.Header.Get("X-Forwarded-Proto") == "https" {
		return "https://" + r.Host
	}
	return "http://" + r.Host
}

// addressOf is what was asked for, with other parameters and without the token:
// feeds are passed on.
func addressOf(r *http.Request, v url.Values) string {
	v = maps.Clone(v)
	v.Del("token")
	return strings.TrimSuffix(base(r)+r.URL.Path+"?"+v.Encode(), "?")
}

// An outgoing is what is said of all hits that go out together.
type outgoing struct {
	title, query string
	base         string // of the addresses of articles
	page         string // address of the search
	self         string
	next         string // address of the hits behind these; empty: not known, or there are none
	updated      time.Time
	source       func(id string) string // its name
	bom          bool
}

func (s *Server) outgoing(r *http.Request) *outgoing {
	v := r.URL.Query()
	st := readState(v)
	return &outgoing{
		title: s.cfg.Title, query: st.Query, base: base(r), page: base(r) + searchState{Query: st.Query}.url(),
		self: addressOf(r, v), source: s.names().source, bom: v.Get("bom") == "1",
	}
}

// rows writes hits one after the other; cursor is where to go on behind the
// hit, empty where that can't be said.
type rows interface {
	head() error
	row(h pipeline.Hit, cursor string) error
	foot() error
	flush() error
}

// export streams all hits, or the first limit of them, a page at a time. The
// last row of each page carries the cursor to go on with, so that an export
// that broke off can be taken up behind it. Where the index does not have all
// there is, none is begun and one that has begun breaks off, unless partial=1
// asks for what there is.
func (s *Server) export(f form) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		v := r.URL.Query()
		req, p := outRequest(v)
		limit, err := strconv.Atoi(cmp.Or(v.Get("limit"), "0"))
		switch {
		case s.deps.Searcher == nil:
			p = notHere("Search")
		case p == nil && (err != nil || limit < 0):
			p = newProblem(http.StatusBadRequest, "limit: expected a number of rows; 0 is all.")
		}
		if p != nil {
			p.write(w)
			return
		}
		out := &deadlineWriter{w: w, rc: http.NewResponseController(w)}
		var buf bytes.Buffer
		about := s.outgoing(r)
		about.updated = s.now().UTC()
		enc := f.rows(&buf, about)
		for written, first := 0, true; ; first = false {
			req.Limit = exportPage
			if limit > 0 {
				req.Limit = min(exportPage, limit-written)
			}
			res, err := s.deps.Searcher.Search(r.Context(), req)
			if why := lacks(res); err == nil && why != "" && v.Get("partial") != "1" {
				err = newProblem(http.StatusServiceUnavailable, "Not all articles can be searched now: "+why+". Try again later, or take what there is with partial=1.")
			}
			if err == nil && first {
				h := w.Header()
				h.Set("Content-Type", f.kind+"; charset=utf-8")
				h.Set("Content-Disposition", `attachment; filename="newswatch-search.`+f.ext+`"`)
				h.Set("Cache-Control", "no-store")
				err = enc.head()
			}
			for i := 0; err == nil && i < len(res.Hits); i++ {
				cursor := ""
				if i == len(res.Hits)-1 {
					cursor = res.NextCursor
				}
				err = enc.row(res.Hits[i], cursor)
			}
			written += len(res.Hits)
			last := res.NextCursor == "" || limit > 0 && written >= limit || res.NextCursor == req.Cursor
			if err == nil && last {
				err = enc.foot()
			}
			if err == nil {
				err = enc.flush()
			}
			if err == nil {
				_, err = out.Write(buf.Bytes())
				buf.Reset()
			}
			if err != nil {
				if !out.wrote {
					s.problemOf(r.Context(), "Search", err).write(w)
					return
				}
				// Half an answer must not look like a whole one.
				s.lg.Debug("export broke off", "error", err)
				panic(http.ErrAbortHandler)
			}
			if last {
				return
			}
			req.Cursor = res.NextCursor
		}
	}
}

// lacks says what a page of a search lacks that no later page will have.
func lacks(res pipeline.SearchResult) string {
	for _, w := range res.Warnings {
		if why, partial := strings.CutPrefix(w, "partial: "); partial && !strings.HasSuffix(why, "on the next page") {
			return why
		}
	}
	return ""
}

// CSVHeader names the columns of [CSVRow].
var CSVHeader = []string{"id", "published", "source", "lang", "country", "title", "url", "entities", "story", "snippet"}

// CSVRow is a hit as a row that a spreadsheet takes for text: what begins like
// a formula has an apostrophe before it.
func CSVRow(h pipeline.Hit) []string {
	row := []string{
		h.ID, h.Published.UTC().Format(time.RFC3339), h.Source, h.Lang, h.Country, h.Title, h.URL,
		strings.Join(h.Entities, " "), h.Story, snippetText(h.Snippet),
	}
	for i, cell := range row {
		row[i] = csvSafe(cell)
	}
	return row
}

// csvSafe guards a cell against formula injection, also behind white space,
// which spreadsheets drop, and in the full-width forms that some take. What no
// text has, such as a NUL, becomes the replacement character, as in XML.
func csvSafe(cell string) string {
	cell = strings.Map(func(r rune) rune {
		if r < ' ' && r != '\t' && r != '\n' && r != '\r' {
			return utf8.RuneError
		}
		return r // of broken UTF-8 it is RuneError already
	}, cell)
	if strings.ContainsAny(cell[:min(1, len(cell))], "\t\r\n") {
		return "'" + cell
	}
	for _, r := range strings.TrimSpace(cell) {
		if strings.ContainsRune("=+-@＝＋－＠|", r) {
			return "'" + cell
		}
		break
	}
	return cell
}

// snippetText is a snippet without its markup.
func snippetText(s string) string {
	s = strings.NewReplacer("<mark>", "", "</mark>", "").Replace(s)
	return strings.TrimSpace(html.UnescapeString(s))
}

type csvRows struct {
	w   io.Writer
	csv *csv.Writer
	bom bool
}

func newCSVRows(w io.Writer, o *outgoing) rows { return &csvRows{w, csv.NewWriter(w), o.bom} }

func (c *csvRows) head() error {
	if c.bom { // Excel takes a file without it for the machine's own charset
		if _, err := io.WriteString(c.w, "\uFEFF"); err != nil {
			return err
		}
	}
	return c.csv.Write(append(CSVHeader[:len(CSVHeader):len(CSVHeader)], "cursor"))
}

func (c *csvRows) row(h pipeline.Hit, cursor string) error {
	return c.csv.Write(append(CSVRow(h), cursor))
}

func (*csvRows) foot() error { return nil }

func (c *csvRows) flush() error {
	c.csv.Flush()
	return c.csv.Error()
}

type jsonRows struct{ enc *json.Encoder }

func newJSONRows(w io.Writer, _ *outgoing) rows {
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	return jsonRows{enc}
}

func (jsonRows) head() error { return nil }

func (j jsonRows) row(h pipeline.Hit, cursor string) error {
	h.Snippet = string(safeSnippet(h.Snippet))
	return j.enc.Encode(struct {
		pipeline.Hit
		Cursor string `json:"cursor,omitempty"`
	}{h, cursor})
}

func (jsonRows) foot() error { return nil }

func (jsonRows) flush() error { return nil }
