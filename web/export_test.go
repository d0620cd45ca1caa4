package web

import (
	"bufio"
	"encoding/csv"
	"encoding/json"
	"encoding/xml"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"
)

func exportServer(t *testing.T, cfg Config) http.Handler {
	t.Helper()
	s, err := New(slog.New(slog.DiscardHandler), prometheus.NewRegistry(), newWorld(t).deps(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	return s.Handler()
}

func take(h http.Handler, path string, header ...string) *httptest.ResponseRecorder {
	req := httptest.NewRequest(http.MethodGet, "http://localhost"+path, nil)
	for i := 0; i+1 < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
	}
	rec := httptest.NewRecorder()
	h.ServeHTTP(rec, req)
	return rec
}

// A feed has the hits, and one that has not changed is not sent again.
func TestSearchFeeds(t *testing.T) {
	h := exportServer(t, Config{})
	for format, read := range map[string]func([]byte) (int, error){
		"atom": func(b []byte) (int, error) {
			var f struct {
				XMLName xml.Name `xml:"http://www.w3.org/2005/Atom feed"`
				Entry   []struct {
					ID      string `xml:"id"`
					Updated string `xml:"updated"`
				} `xml:"entry"`
			}
			err := xml.Unmarshal(b, &f)
			return len(f.Entry), err
		},
		"rss": func(b []byte) (int, error) {
			var f struct {
				XMLName xml.Name `xml:"rss"`
				Item    []struct {
					GUID string `xml:"guid"`
				} `xml:"channel>item"`
			}
			err := xml.Unmarshal(b, &f)
			return len(f.Item), err
		},
		"json": func(b []byte) (int, error) {
			var f struct{ Items []struct{ ID string } }
			err := json.Unmarshal(b, &f)
			return len(f.Items), err
		},
	} {
		path := "/feeds/search." + format + "?q=" + url.QueryEscape("Хуавей OR 华为")
		rec := take(h, path)
		n, err := read(rec.Body.Bytes())
		if rec.Code != 200 || err != nil || n == 0 {
			t.Errorf("%s: %d, %d items, %v", format, rec.Code, n, err)
		}
		if again := take(h, path, "If-None-Match", rec.Header().Get("ETag")); again.Code != http.StatusNotModified {
			t.Errorf("%s again: %d, want 304", format, again.Code)
		}
		if rec.Header().Get("Last-Modified") == "" {
			t.Errorf("%s: no Last-Modified", format)
		}
		if bad := take(h, "/feeds/search."+format+"?q=%22"); bad.Code != 400 || !strings.Contains(bad.Body.String(), `"position":0`) {
			t.Errorf("%s of a bad query: %d %s", format, bad.Code, bad.Body)
		}
	}
}

// An export has every hit once, whole or taken up again at any of its cursors.
func TestExport(t *testing.T) {
	h := exportServer(t, Config{})
	ids := func(query string) (ids []string, cursor string) {
		rec := take(h, "/export/search.jsonl?"+query)
		if rec.Code != 200 {
			t.Fatalf("%s: %d %s", query, rec.Code, rec.Body)
		}
		for lines := bufio.NewScanner(rec.Body); lines.Scan(); {
			var row struct{ ID, Cursor string }
			if err := json.Unmarshal(lines.Bytes(), &row); err != nil {
				t.Fatalf("%s: %v", lines.Text(), err)
			}
			ids, cursor = append(ids, row.ID), row.Cursor
		}
		return ids, cursor
	}
	want, end := ids("q=")
	if len(want) < len(told) || end != "" {
		t.Fatalf("%d rows, cursor %q", len(want), end)
	}
	var got []string
	for cursor := ""; ; {
		part, next := ids("q=&limit=2&cursor=" + url.QueryEscape(cursor))
		got = append(got, part...)
		if cursor = next; cursor == "" {
			break
		}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("in parts (-whole +parts):\n%s", diff)
	}

	rec := take(h, "/export/search.csv?bom=1")
	body, ok := strings.CutPrefix(rec.Body.String(), "\uFEFF")
	table, err := csv.NewReader(strings.NewReader(body)).ReadAll()
	if !ok || err != nil || len(table) != len(want)+1 {
		t.Errorf("CSV: mark %v, %d rows, %v", ok, len(table), err)
	}
	for query, code := range map[string]int{"q=%22": 400, "limit=-1": 400, "limit=x": 400, "sort=mood": 400, "from=x": 422} {
		if rec := take(h, "/export/search.csv?"+query); rec.Code != code {
			t.Errorf("%s: %d, want %d", query, rec.Code, code)
		}
	}
}

func TestCSVSafe(t *testing.T) {
	for in, want := range map[string]string{
		"": "", "Huawei": "Huawei", "a=b": "a=b", "=1+1": "'=1+1", "+7": "'+7", "-": "'-", "@x": "'@x",
		" =1": "' =1", "\t=1": "'\t=1", "＝1": "'＝1", "|x": "'|x", "华为": "华为",
	} {
		if got := csvSafe(in); got != want {
			t.Errorf("csvSafe(%q) = %q, want %q", in, got, want)
		}
	}
}

// The token in the query opens feeds and exports, and nothing else.
func TestTokenInQuery(t *testing.T) {
	const token = "0123456789abcdef"
	h := exportServer(t, Config{Token: token})
	for path, want := range map[string]int{
		"/feeds/search.atom?token=" + token: 200, "/export/search.csv?token=" + token: 200,
		"/feeds/search.atom": 401, "/export/search.csv?token=wrong": 401,
		"/?token=" + token: 401, "/api/v1/search?token=" + token: 401,
	} {
		if rec := take(h, path); rec.Code != want {
			t.Errorf("%s: %d, want %d", path, rec.Code, want)
		}
	}
}
