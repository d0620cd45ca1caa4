package web

import (
	"bufio"
	"bytes"
	"context"
	"encoding/csv"
	"encoding/json"
	"encoding/xml"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"net/url"
	"runtime"
	runtimemetrics "runtime/metrics"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/newswatch/newswatch/pipeline"
)

var exportRows = flag.Int("export.rows", 15_000, "how many rows TestExportIsBounded exports in each form")

// generated is a searcher that finds n hits, each made when it is asked for.
type generated struct {
	n    int
	hit  func(i int) pipeline.Hit
	fail func(from int) (warning string, err error) // of the page from there on
	look func(from int)                             // called while the page is asked for
}

func generatedID(i int) string {
	return fmt.Sprintf("%s-%016x", noon.Add(-time.Duration(i)*time.Minute).Format("20060102150405"), i)
}

func (g *generated) Search(_ context.Context, req pipeline.SearchRequest) (pipeline.SearchResult, error) {
	from := 0
	if req.Cursor != "" {
		var err error
		if from, err = strconv.Atoi(strings.TrimPrefix(req.Cursor, "at ")); err != nil {
			return pipeline.SearchResult{}, &pipeline.QueryError{Query: req.Query, Msg: "cursor"}
		}
	}
	if req.Limit < 1 || req.Limit > exportPage {
		return pipeline.SearchResult{}, fmt.Errorf("asked for %d hits at once", req.Limit)
	}
	res := pipeline.SearchResult{Total: g.n, TotalExact: true}
	if g.look != nil {
		g.look(from)
	}
	if g.fail != nil {
		warning, err := g.fail(from)
		if err != nil {
			return res, err
		}
		if warning != "" {
			res.Warnings = append(res.Warnings, warning)
		}
	}
	to := min(g.n, from+req.Limit)
	for i := from; i < to; i++ {
		res.Hits = append(res.Hits, g.hit(i))
	}
	if to < g.n {
		res.NextCursor = fmt.Sprintf("at %d", to)
	}
	return res, nil
}

// plainHit is a hit with a long snippet, some of it to be escaped.
func plainHit(i int) pipeline.Hit {
	return pipeline.Hit{
		ID: generatedID(i), URL: fmt.Sprintf("https://news.example/%d", i), Title: fmt.Sprintf("Article %d, \"quoted\" & 华为", i),
		Snippet: strings.Repeat("Some text of a <mark>snippet</mark> &amp; more.\n", 40), Source: "pacific-wire", Lang: "en", Country: "US",
		Published: noon.Add(-time.Duration(i) * time.Minute), FirstSeen: noon, Entities: []string{"huawei"},
	}
}

func streamServer(t *testing.T, g *generated) *httptest.Server {
	t.Helper()
	deps := newWorld(t).deps()
	deps.Searcher = g
	s, err := New(slog.New(slog.DiscardHandler), prometheus.NewRegistry(), deps, Config{})
	if err != nil {
		t.Fatal(err)
	}
	srv := httptest.NewServer(s.Handler())
	t.Cleanup(srv.Close)
	srv.Client().Transport.(*http.Transport).DisableCompression = true
	return srv
}

func forms() []form { return append(feedForms[:len(feedForms):len(feedForms)], tableForms...) }

// liveHeap is the bytes of the heap that are in use.
func liveHeap() uint64 {
	runtime.GC()
	s := []runtimemetrics.Sample{{Name: "/gc/heap/live:bytes"}}
	runtimemetrics.Read(s)
	return s[0].Value.Uint64()
}

// An export takes no more memory the longer it is. It is looked at while the next
// page is searched for, when nothing else makes garbage.
func TestExportIsBounded(t *testing.T) {
	const allowed = 8 << 20
	var most atomic.Uint64
	srv := streamServer(t, &generated{n: *exportRows, hit: plainHit, look: func(from int) {
		if from%(10*exportPage) == 0 {
			most.Store(max(most.Load(), liveHeap()))
		}
	}})
	for _, f := range forms() {
		before := liveHeap()
		most.Store(0)
		resp, err := srv.Client().Get(srv.URL + "/export/search." + f.ext + "?q=huawei")
		if err != nil {
			t.Fatal(err)
		}
		sent, err := io.Copy(io.Discard, resp.Body)
		resp.Body.Close()
		if err != nil {
			t.Fatalf("%s: %v after %d bytes", f.ext, err, sent)
		}
		grown := int64(most.Load()) - int64(before)
		t.Logf("%s: %d rows, %.1f MB, at most %.1f MB of heap more than before", f.ext, *exportRows, float64(sent)/1e6, float64(grown)/1e6)
		if sent < 2*allowed {
			t.Errorf("%s: an export of %d bytes proves nothing", f.ext, sent)
		}
		if grown > allowed {
			t.Errorf("%s: the heap grew by %d bytes, want at most %d", f.ext, grown, allowed)
		}
	}
}

// A received is an item of an export as a client has it.
type received struct{ id, cursor string }

// whole reads what has arrived of an export, as far as items are whole, and
// says whether that is all of it.
func whole(ext string, body []byte) (items []received, done bool) {
	switch ext {
	case "csv", "jsonl", "json":
		body = body[:bytes.LastIndexByte(body, '\n')+1]
	}
	switch ext {
	case "csv":
		r := csv.NewReader(bytes.NewReader(body))
		for {
			row, err := r.Read()
			if err != nil {
				break
			}
			if row[0] != "id" {
				items = append(items, received{row[0], row[len(row)-1]})
			}
		}
	case "jsonl":
		for line := range bytes.Lines(body) {
			var row struct{ ID, Cursor string }
			if json.Unmarshal(line, &row) == nil {
				items = append(items, received{row.ID, row.Cursor})
			}
		}
	case "json":
		for line := range bytes.Lines(body) {
			var item struct {
				ID        string
				Newswatch struct{ Cursor string } `json:"_newswatch"`
			}
			if json.Unmarshal(bytes.TrimPrefix(line, []byte(",")), &item) == nil && item.ID != "" {
				items = append(items, received{item.ID, item.Newswatch.Cursor})
			}
		}
		done = json.Valid(body)
	case "atom", "rss":
		d := xml.NewDecoder(bytes.NewReader(body))
		for {
			token, err := d.Token()
			if err != nil {
				done = err == io.EOF
				break
			}
			start, ok := token.(xml.StartElement)
			if !ok || start.Name.Local != "entry" && start.Name.Local != "item" {
				continue
			}
			var item struct {
				ID     string `xml:"id"`
				GUID   string `xml:"guid"`
				Cursor string `xml:"urn:newswatch cursor"`
			}
			if d.DecodeElement(&item, &start) != nil {
				break
			}
			items = append(items, received{item.ID + item.GUID, item.Cursor})
		}
	}
	for i := range items {
		items[i].id = strings.TrimPrefix(items[i].id, "urn:newswatch:")
	}
	return items, done
}

// An export that was cut off anywhere is taken up behind the last cursor that
// arrived: every hit comes once, in order.
func TestExportGoesOn(t *testing.T) {
	const n = 1130
	srv := streamServer(t, &generated{n: n, hit: plainHit})
	rng := rand.New(rand.NewPCG(6, 7))
	for _, f := range forms() {
		var got []string
		cuts, cursor := 0, ""
		for {
			resp, err := srv.Client().Get(srv.URL + "/export/search." + f.ext + "?q=huawei&cursor=" + url.QueryEscape(cursor))
			if err != nil {
				t.Fatal(err)
			}
			if resp.StatusCode != http.StatusOK {
				t.Fatalf("%s: %s", f.ext, resp.Status)
			}
			upTo := int64(1<<62 - 1)
			if cuts < 12 {
				upTo = rng.Int64N(500_000)
			}
			body, err := io.ReadAll(io.LimitReader(resp.Body, upTo))
			if err != nil {
				t.Fatal(err)
			}
			ended := int64(len(body)) < upTo // not cut off by us
			resp.Body.Close()
			items, done := whole(f.ext, body)
			if (f.ext != "csv" && f.ext != "jsonl") && done != ended {
				t.Errorf("%s: the document is whole: %v, it came whole: %v", f.ext, done, ended)
			}
			if ended {
				for _, it := range items {
					got = append(got, it.id)
				}
				break
			}
			cuts++
			last := -1
			for i, it := range items {
				if it.cursor != "" {
					last = i
				}
			}
			for _, it := range items[:last+1] {
				got, cursor = append(got, it.id), it.cursor
			}
		}
		var want []string
		for i := range n {
			want = append(want, generatedID(i))
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s, cut off %d times (-want +got):\n%s", f.ext, cuts, diff)
		}
		if cuts < 5 {
			t.Errorf("%s: cut off %d times only", f.ext, cuts)
		}
	}
}

// What the index lacks an export doesn't leave out in silence: it breaks off, or
// does not begin, unless it was asked for what there is.
func TestExportIsWholeOrBroken(t *testing.T) {
	failing := func(from int) (string, error) { return "", errors.New("the disk is gone") }
	lacking := func(int) (string, error) { return "partial: partition 2015-12 took too long", nil }
	late := func(fail func(int) (string, error)) func(int) (string, error) {
		return func(from int) (string, error) {
			if from < 600 {
				return "partial: stopped after 5s: there may be more on the next page", nil // this one has all it should
			}
			return fail(from)
		}
	}
	for _, tt := range []struct {
		name   string
		fail   func(int) (string, error)
		query  string
		status int
		broken bool
		says   string
	}{
		{"failing", failing, "", 500, false, ""},
		{"failing later", late(failing), "", 200, true, ""},
		{"lacking", lacking, "", 503, false, "partition 2015-12 took too long"},
		{"lacking later", late(lacking), "", 200, true, ""},
		{"lacking, which is known", lacking, "&partial=1", 200, false, ""},
		{"slow", late(func(int) (string, error) { return "", nil }), "", 200, false, ""},
	} {
		srv := streamServer(t, &generated{n: 1000, hit: plainHit, fail: tt.fail})
		for _, f := range forms() {
			resp, err := srv.Client().Get(srv.URL + "/export/search." + f.ext + "?q=x" + tt.query)
			if err != nil {
				t.Fatal(err)
			}
			body, err := io.ReadAll(resp.Body)
			resp.Body.Close()
			if resp.StatusCode != tt.status || (err != nil) != tt.broken || !bytes.Contains(body, []byte(tt.says)) {
				t.Errorf("%s, %s: status %d, %v, %.300q", tt.name, f.ext, resp.StatusCode, err, body)
			}
			if items, _ := whole(f.ext, body); tt.status == 200 && !tt.broken && len(items) != 1000 {
				t.Errorf("%s, %s: %d items, want 1000", tt.name, f.ext, len(items))
			}
		}
	}
}

// nasty are texts that break one format or another.
var nasty = []string{
	"=HYPERLINK(\"https://evil.example\")", "+7 495", "-1", "@SUM(A1)", "\t=1", "\r=1", "\n=1", "  =1", "＝1", "|calc",
	"NUL \x00, bell \x07, escape \x1b[31m, vertical tab \v", "half a surrogate \xed\xa0\x80 and a broken byte \xff",
	"\ufffe and \uffff", "]]> <!-- & &amp; &#x0; <script>alert(1)</script>", "line\r\nbreak\u2028separator", "', \"quotes\"; ,", "",
	"\u202egnp.exe", "نص عربي", "𝕏 😀",
}

func nastyHit(i int) pipeline.Hit {
	h := plainHit(i)
	s := nasty[i%len(nasty)]
	h.Title, h.Snippet, h.Source, h.Lang, h.Country, h.Story = s, s, s, s, s, s
	h.URL, h.Entities = s, []string{s}
	switch i / len(nasty) {
	case 1:
		h.URL = "https://news.example/a b?q=" + s
		h.FirstSeen = time.Time{}
	case 2:
		h.Published = time.Date(0, 1, 1, 0, 0, 0, 0, time.UTC) // RFC 822 has no such year
	case 3:
		h.Published = time.Date(9999, 12, 31, 0, 0, 0, 0, time.UTC)
	}
	return h
}

// Whatever a text has in it, a table is one that a spreadsheet takes for text.
func TestExportedTables(t *testing.T) {
	n := 4 * len(nasty)
	srv := streamServer(t, &generated{n: n, hit: nastyHit})
	rows, err := csv.NewReader(strings.NewReader(fetch(t, srv, "/export/search.csv"))).ReadAll()
	if err != nil || len(rows) != n+1 {
		t.Fatalf("%d rows, %v", len(rows), err)
	}
	for _, row := range rows[1:] {
		for i, cell := range row {
			if strings.ContainsAny(cell[:min(1, len(cell))], "=+-@\t\r\n|") || strings.ContainsAny(cell, "\x00\x07\x1b\v") || cell != strings.ToValidUTF8(cell, "?") {
				t.Errorf("column %s has %q", rows[0][i], cell)
			}
		}
	}
	lines := bufio.NewScanner(strings.NewReader(fetch(t, srv, "/export/search.jsonl")))
	read := 0
	for ; lines.Scan(); read++ {
		var h pipeline.Hit
		if err := json.Unmarshal(lines.Bytes(), &h); err != nil {
			t.Errorf("%s: %v", lines.Bytes(), err)
		}
	}
	if read != n {
		t.Errorf("%d lines, want %d", read, n)
	}
}

func fetch(t *testing.T, srv *httptest.Server, path string) string {
	t.Helper()
	resp, err := srv.Client().Get(srv.URL + path)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode != http.StatusOK {
		t.Fatalf("%s: %s, %v, %.300q", path, resp.Status, err, body)
	}
	return string(body)
}
