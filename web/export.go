package web

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	"encoding/csv"
	"encoding/hex"
	"encoding/json"
	"html"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/gorilla/feeds"

	"github.com/newswatch/newswatch/pipeline"
)

const (
	feedItems  = 50  // of a feed of a search
	exportPage = 200 // hits asked for at a time; all that an export holds in memory
)

// routeExport adds what takes a search elsewhere: feeds and files.
func (s *Server) routeExport() {
	// Feed readers, a few times an hour.
	s.mux.HandleFunc("GET /feeds/search.atom", s.searchFeed("application/atom+xml", func(f *feeds.Feed) (string, error) { return f.ToAtom() }))
	s.mux.HandleFunc("GET /feeds/search.rss", s.searchFeed("application/rss+xml", func(f *feeds.Feed) (string, error) { return f.ToRss() }))
	s.mux.HandleFunc("GET /feeds/search.json", s.searchFeed("application/feed+json", func(f *feeds.Feed) (string, error) { return f.ToJSON() }))
	// Analysts and their scripts, now and then.
	s.mux.HandleFunc("GET /export/search.csv", s.export("text/csv", newCSVRows))
	s.mux.HandleFunc("GET /export/search.jsonl", s.export("application/jsonl", newJSONRows))
}

// outRequest is the search that an address of a feed or an export asks for.
func outRequest(v url.Values) (pipeline.SearchRequest, *problem) {
	st := readState(v)
	st.Collapse = cmp.Or(st.Collapse, "none")
	req, p := st.request()
	req.Facets, req.Timeline = nil, false
	return req, p
}

// searchFeed answers with the newest hits as a feed. It changes only when the
// hits do, so that a reader that asks with the ETag is answered 304.
func (s *Server) searchFeed(kind string, encode func(*feeds.Feed) (string, error)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		req, p := outRequest(r.URL.Query())
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
		f := s.feedOf(base(r), req.Query, res.Hits)
		body, err := encode(f)
		if err != nil {
			s.problemOf(r.Context(), "Feed", err).write(w)
			return
		}
		sum := sha256.Sum256([]byte(body))
		h := w.Header()
		h.Set("Content-Type", kind+"; charset=utf-8")
		h.Set("ETag", `"`+hex.EncodeToString(sum[:12])+`"`)
		h.Set("Cache-Control", "private, max-age=60")
		http.ServeContent(w, r, "", f.Updated, strings.NewReader(body))
	}
}

// base is the address of this server as the asker knows it.
func base(r *http.Request) string {
	if r.TLS != nil || r.Header.Get("X-Forwarded-Proto") == "https" {
		return "https://" + r.Host
	}
	return "http://" + r.Host
}

func (s *Server) feedOf(base, q string, hits []pipeline.Hit) *feeds.Feed {
	n := s.names()
	page := base + searchState{Query: q}.url()
	f := &feeds.Feed{
		Title: s.cfg.Title + ": " + cmp.Or(q, "newest articles"), Description: "Articles found by: " + cmp.Or(q, "*"),
		Link: &feeds.Link{Href: page}, Id: page,
	}
	for _, h := range hits {
		if seen := h.FirstSeen.UTC(); seen.After(f.Updated) {
			f.Updated = seen
		}
		link := outside(h.URL)
		if link == "" {
			link = base + articleURL(h.ID)
		}
		f.Items = append(f.Items, &feeds.Item{
			Id: "urn:newswatch:" + h.ID, IsPermaLink: "false",
			Title: cmp.Or(strings.TrimSpace(h.Title), "(no title)"), Link: &feeds.Link{Href: link},
			Author: &feeds.Author{Name: n.source(h.Source)}, Description: string(safeSnippet(h.Snippet)),
			Created: h.Published.UTC(), Updated: h.FirstSeen.UTC(),
		})
	}
	return f
}

// rows writes hits one after the other; cursor is where to go on behind the
// hit, empty where that can't be said.
type rows interface {
	head() error
	row(h pipeline.Hit, cursor string) error
	flush() error
}

// export streams all hits, or the first limit of them, a page at a time. The
// last row of each page carries the cursor to go on with, so that an export
// that broke off can be taken up behind it.
func (s *Server) export(kind string, newRows func(w io.Writer, bom bool) rows) http.HandlerFunc {
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
		enc := newRows(&buf, v.Get("bom") == "1")
		for written, first := 0, true; ; first = false {
			req.Limit = exportPage
			if limit > 0 {
				req.Limit = min(exportPage, limit-written)
			}
			res, err := s.deps.Searcher.Search(r.Context(), req)
			if err == nil && first {
				h := w.Header()
				h.Set("Content-Type", kind+"; charset=utf-8")
				h.Set("Content-Disposition", `attachment; filename="newswatch-search.`+kind[strings.LastIndexByte(kind, '/')+1:]+`"`)
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
			written += len(res.Hits)
			if res.NextCursor == "" || limit > 0 && written >= limit || res.NextCursor == req.Cursor {
				return
			}
			req.Cursor = res.NextCursor
		}
	}
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
// which spreadsheets drop, and in the full-width forms that some take.
func csvSafe(cell string) string {
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

func newCSVRows(w io.Writer, bom bool) rows { return &csvRows{w, csv.NewWriter(w), bom} }

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

func (c *csvRows) flush() error {
	c.csv.Flush()
	return c.csv.Error()
}

type jsonRows struct{ enc *json.Encoder }

func newJSONRows(w io.Writer, _ bool) rows {
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

func (jsonRows) flush() error { return nil }
