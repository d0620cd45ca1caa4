package app_test

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"html"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/mmcdole/gofeed"

	"github.com/newswatch/newswatch/pipeline"
	"github.com/newswatch/newswatch/pipeline/corpora"
)

// A site is a small world: real feeds, each on a loopback address of its own,
// whose items link to real article pages on the same address.
type site struct {
	port  int
	feeds []*siteFeed
	pages []string // files

	mu      sync.Mutex
	byHost  map[string]*siteFeed
	pageOf  map[string]int // path → index into pages
	got     int            // feed requests answered 200
	got304  int
	gotPage int
	extra   map[string][]time.Time // items added while running, by host
}

// A siteFeed is one real feed with its links led to the site.
type siteFeed struct {
	name  string
	host  string
	body  []byte
	kind  string // content type
	links []string
}

// newSite serves at least min feeds until the test ends.
func newSite(t testing.TB, least int) *site {
	t.Helper()
	dir := corpora.Folder(t)
	first, err := net.Listen("tcp", siteHost(0)+":0")
	if err != nil {
		t.Skipf("this system has one loopback address only: %v", err)
	}
	s := &site{
		port: first.Addr().(*net.TCPAddr).Port, byHost: map[string]*siteFeed{}, pageOf: map[string]int{}, extra: map[string][]time.Time{},
	}
	s.loadPages(t, dir)
	s.loadFeeds(t, dir, least)
	srv := &http.Server{Handler: s}
	go srv.Serve(first)
	for _, f := range s.feeds[1:] {
		ln, err := net.Listen("tcp", fmt.Sprintf("%s:%d", f.host, s.port))
		if err != nil {
			t.Fatal(err)
		}
		go srv.Serve(ln)
	}
	t.Cleanup(func() { srv.Close() })
	return s
}

// siteHost is the loopback address of the nth feed.
func siteHost(n int) string { return fmt.Sprintf("127.0.%d.%d", 1+n/200, 1+n%200) }

func (s *site) loadPages(t testing.TB, dir string) {
	f, err := os.Open(filepath.Join(dir, "articles", "pages.jsonl"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	sc := bufio.NewScanner(f)
	sc.Buffer(nil, 16<<20)
	for sc.Scan() {
		var p struct{ Path string }
		if err := json.Unmarshal(sc.Bytes(), &p); err != nil {
			t.Fatal(err)
		}
		s.pages = append(s.pages, filepath.Join(dir, "articles", p.Path))
	}
	if err := sc.Err(); err != nil {
		t.Fatal(err)
	}
}

// loadFeeds takes real feeds in the order of their names: those gofeed reads,
// with a link for each item that stands in the file as such and can be led
// here.
func (s *site) loadFeeds(t testing.TB, dir string, least int) {
	files, err := filepath.Glob(filepath.Join(dir, "feeds", "real", "*"))
	if err != nil {
		t.Fatal(err)
	}
	slices.Sort(files)
	for _, file := range files {
		if len(s.feeds) == least {
			return
		}
		body, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if f := s.adopt(filepath.Base(file), body); f != nil {
			s.feeds = append(s.feeds, f)
			s.byHost[f.host] = f
		}
	}
	if len(s.feeds) < least {
		t.Fatalf("only %d of the real feeds can be served, want %d", len(s.feeds), least)
	}
}

func (s *site) adopt(name string, body []byte) *siteFeed {
	feed, err := gofeed.NewParser().Parse(bytes.NewReader(body))
	if err != nil || len(feed.Items) < 5 || len(feed.Items) > 60 {
		return nil
	}
	n := len(s.feeds)
	f := &siteFeed{name: name, host: siteHost(n), body: body}
	switch feed.FeedType {
	case "json":
		f.kind = "application/feed+json"
	case "atom":
		f.kind = "application/atom+xml"
	default:
		f.kind = "application/rss+xml"
	}
	seen := map[string]bool{}
	for i, it := range feed.Items {
		if it.Link == "" || seen[it.Link] {
			return nil
		}
		seen[it.Link] = true
		path := fmt.Sprintf("/a/%d-%d.html", n, i)
		to := fmt.Sprintf("http://%s:%d%s", f.host, s.port, path)
		replaced := replaceLink(f.body, it.Link, to)
		if replaced == nil {
			return nil
		}
		f.body = replaced
		s.pageOf[f.host+path] = (n*61 + i) % len(s.pages)
	}
	// What gofeed finds in the feed as served is what must be found again.
	feed, err = gofeed.NewParser().Parse(bytes.NewReader(f.body))
	if err != nil {
		return nil
	}
	for _, it := range feed.Items {
		if !strings.HasPrefix(it.Link, fmt.Sprintf("http://%s:%d/a/", f.host, s.port)) {
			return nil
		}
		if it.PublishedParsed != nil && it.PublishedParsed.Before(time.Date(1990, 1, 1, 0, 0, 0, 0, time.UTC)) {
			return nil
		}
		f.links = append(f.links, it.Link)
	}
	return f
}

// replaceLink leads a link elsewhere, in any of the ways it may be written in
// a feed; nil: it is not written there.
func replaceLink(body []byte, from, to string) []byte {
	forms := []string{from, html.EscapeString(from), strings.ReplaceAll(from, "&", "&amp;"), strings.ReplaceAll(from, "/", `\/`)}
	for _, form := range forms {
		for _, end := range []string{"<", `"`, "'", "]]>", "\n", " "} { // whole: no prefix of a longer link
			if old := []byte(form + end); bytes.Contains(body, old) {
				return bytes.ReplaceAll(body, old, []byte(to+end))
			}
		}
	}
	return nil
}

// ServeHTTP serves /feed with validators, the pages of its items, and what was
// added with add.
func (s *site) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	host, _, _ := net.SplitHostPort(r.Host)
	s.mu.Lock()
	f, extra := s.byHost[host], s.extra[host]
	page, isPage := s.pageOf[host+r.URL.Path]
	s.mu.Unlock()
	switch {
	case f == nil:
		http.NotFound(w, r)
	case r.URL.Path == "/feed":
		sum := sha256.Sum256(f.body)
		etag := `"` + hex.EncodeToString(sum[:8]) + `"`
		w.Header().Set("ETag", etag)
		if r.Header.Get("If-None-Match") == etag {
			s.count(&s.got304)
			w.WriteHeader(http.StatusNotModified)
			return
		}
		s.count(&s.got)
		w.Header().Set("Content-Type", f.kind)
		w.Write(f.body)
	case r.URL.Path == "/more":
		s.more(w, f, extra)
	case isPage:
		s.count(&s.gotPage)
		w.Header().Set("Content-Type", "text/html")
		http.ServeFile(w, r, s.pages[page])
	default:
		http.NotFound(w, r)
	}
}

func (s *site) count(n *int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	*n++
}

// more is a second feed of the host, with the items added while running.
func (s *site) more(w http.ResponseWriter, f *siteFeed, extra []time.Time) {
	w.Header().Set("Content-Type", "application/rss+xml")
	fmt.Fprintf(w, `<?xml version="1.0"?><rss version="2.0"><channel><title>%s</title>`, html.EscapeString(f.name))
	for i := max(0, len(extra)-40); i < len(extra); i++ {
		fmt.Fprintf(w, `<item><title>Item %d of %s</title><link>http://%s:%d/a/more-%d.html</link><pubDate>%s</pubDate></item>`,
			i, html.EscapeString(f.name), f.host, s.port, i, extra[i].UTC().Format(time.RFC1123Z))
	}
	fmt.Fprint(w, `</channel></rss>`)
}

// add puts n more items into the host's second feed and returns their links.
func (s *site) add(host string, n int) []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	var links []string
	for range n {
		i := len(s.extra[host])
		s.extra[host] = append(s.extra[host], time.Now())
		path := fmt.Sprintf("/a/more-%d.html", i)
		s.pageOf[host+path] = (i*17 + len(host)) % len(s.pages)
		links = append(links, fmt.Sprintf("http://%s:%d%s", host, s.port, path))
	}
	return links
}

// links is every article that gofeed finds in the feeds, as its canonical
// address, sorted.
func (s *site) links(t testing.TB) []string {
	t.Helper()
	var all []string
	for _, f := range s.feeds {
		for _, l := range f.links {
			c, ok := pipeline.CanonicalURL(l)
			if !ok {
				t.Fatalf("link %q", l)
			}
			all = append(all, c)
		}
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// catalog is a catalog file for the site: each feed a source, a watch without
// folding to the webhook.
func (s *site) catalog(hook string) string {
	var b strings.Builder
	b.WriteString("sources:\n")
	for i, f := range s.feeds {
		fmt.Fprintf(&b, "  - { id: s%d, name: %q, gap: 1ms, at_once: 4, allow_private: true, feeds: [ { url: \"http://%s:%d/feed\", every: 2s }, { url: \"http://%s:%d/more\", every: 2s } ] }\n",
			i, f.name, f.host, s.port, f.host, s.port)
	}
	b.WriteString(`entities:
  - { id: google, name: Google, kind: organization, names: [Google] }
  - { id: apple, name: Apple, kind: organization, names: [{ text: Apple, exact: true }] }
  - { id: trump, name: Donald Trump, kind: person, names: [Donald Trump, Trump] }
  - { id: china, name: China, kind: place, names: [China, { text: 中国, lang: zh }, { text: Китай, lang: ru }] }
`)
	fmt.Fprintf(&b, "channels:\n  - { id: hook, kind: webhook, url: %q, allow_private: true }\n", hook)
	b.WriteString("watches:\n  - { id: china, name: China, query: \"entity:china\", group: none, to: [hook] }\n")
	return b.String()
}

// A hook is a receiver of webhooks that honours their ids.
type hook struct {
	url string

	mu    sync.Mutex
	calls map[string]int // by webhook-id
	alive []string       // articles, by their URL
}

func newHook(t testing.TB) *hook {
	t.Helper()
	h := &hook{calls: map[string]int{}}
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	srv := &http.Server{Handler: h}
	go srv.Serve(ln)
	t.Cleanup(func() { srv.Close() })
	h.url = (&url.URL{Scheme: "http", Host: ln.Addr().String(), Path: "/"}).String()
	return h
}

func (h *hook) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	var body struct {
		Data struct {
			Alert pipeline.Alert `json:"alert"`
		} `json:"data"`
	}
	if err := json.NewDecoder(r.Body).Decode(&body); err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	id := r.Header.Get("webhook-id")
	h.calls[id]++
	if h.calls[id] == 1 {
		h.alive = append(h.alive, body.Data.Alert.Article.URL)
	}
}

// articles is the addresses alerted on, each once for a receiver that honours
// the ids, sorted.
func (h *hook) articles() []string {
	h.mu.Lock()
	defer h.mu.Unlock()
	all := slices.Clone(h.alive)
	slices.Sort(all)
	return all
}
