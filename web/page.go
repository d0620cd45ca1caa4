package web

import (
	"bytes"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"fmt"
	"html/template"
	"io/fs"
	"net/http"
	"path"
	"strconv"
	"strings"
	"time"
)

//go:embed templates/*.html static/*
var files embed.FS

// templates has one set for each page: the layout and the page in it.
var templates = parseTemplates("search", "article", "sources", "source", "entities", "entity", "entity_edit", "entity_delete", "alerts", "alert", "status", "error")

func parseTemplates(pages ...string) map[string]*template.Template {
	sets := make(map[string]*template.Template, len(pages))
	for _, p := range pages {
		t := template.New("layout.html").Option("missingkey=error")
		sets[p] = template.Must(t.ParseFS(files, "templates/layout.html", "templates/parts.html", "templates/"+p+".html"))
	}
	return sets
}

// assets are the static files, by the name pages use, under addresses that
// change with their content.
var assets = hashAssets()

type asset struct {
	url  string
	kind string
	body []byte
}

func hashAssets() map[string]asset {
	all := make(map[string]asset)
	entries, err := fs.ReadDir(files, "static")
	if err != nil {
		panic(err) // the embedded folder is part of the program
	}
	kinds := map[string]string{
		".css": "text/css; charset=utf-8", ".js": "text/javascript; charset=utf-8", ".svg": "image/svg+xml",
	}
	for _, e := range entries {
		body, err := fs.ReadFile(files, "static/"+e.Name())
		if err != nil {
			panic(err) // as above
		}
		sum := sha256.Sum256(body)
		ext := path.Ext(e.Name())
		all[e.Name()] = asset{
			url:  "/static/" + strings.TrimSuffix(e.Name(), ext) + "." + hex.EncodeToString(sum[:6]) + ext,
			kind: kinds[ext],
			body: body,
		}
	}
	return all
}

// routePages adds the pages. People ask for them, a few times a minute.
func (s *Server) routePages() {
	for _, a := range assets {
		s.mux.HandleFunc("GET "+a.url, func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", a.kind)
			w.Header().Set("Cache-Control", "public, max-age=31536000, immutable")
			// A client that has gone is no news.
			_, _ = w.Write(a.body)
		})
	}
	s.routeExport()
	s.mux.HandleFunc("GET /{$}", s.searchPage)
	s.mux.HandleFunc("GET /articles/{id}", s.articlePage)
	s.mux.HandleFunc("GET /sources", s.sourcesPage)
	s.mux.HandleFunc("GET /sources/{id}", s.sourcePage)
	s.mux.HandleFunc("GET /entities", s.entitiesPage)
	s.mux.HandleFunc("GET /entities/{id}", s.entityPage)
	s.mux.HandleFunc("GET "+newEntityPath, s.newEntityPage)
	s.mux.HandleFunc("POST "+newEntityPath, s.newEntityForm)
	s.mux.HandleFunc("GET "+editEntityPath, s.editEntityPage)
	s.mux.HandleFunc("POST "+editEntityPath, s.editEntityForm)
	s.mux.HandleFunc("GET "+deleteEntityPath, s.deleteEntityPage)
	s.mux.HandleFunc("POST "+deleteEntityPath, s.deleteEntityForm)
	s.mux.HandleFunc("GET /alerts", s.alertsPage)
	s.mux.HandleFunc("GET /alerts/{id}", s.alertPage)
	s.mux.HandleFunc("GET /status", s.statusPage)
	s.mux.HandleFunc("POST /status/dead/{id}/replay", s.replayForm)
	s.mux.HandleFunc("POST /status/dead/{id}/drop", s.dropForm)
	s.mux.HandleFunc("/", s.unrouted)
}

// chrome is what every page has round its content.
type chrome struct {
	Title   string // of the page
	Site    string
	Section string // search, sources, entities, alerts or status
	Version string
	Style   string // addresses
	Script  string
	Icon    string
	Reload  int // seconds until the page reloads itself; 0: it does not
}

func (s *Server) chrome(section, title string) chrome {
	return chrome{
		Title: title, Site: s.cfg.Title, Section: section, Version: s.cfg.Version,
		Style: assets["style.css"].url, Script: assets["app.js"].url, Icon: assets["icon.svg"].url,
	}
}

// render sends a page. It is made in a buffer first: an error on the way is an
// error page, not half a page.
func (s *Server) render(w http.ResponseWriter, status int, name string, page any) {
	var buf bytes.Buffer
	if err := templates[name].Execute(&buf, page); err != nil {
		panic(fmt.Errorf("page %s: %w", name, err)) // recovered answers it
	}
	h := w.Header()
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Cache-Control", "no-store") // what is behind the token stays out of caches
	w.WriteHeader(status)
	// A client that has gone is no news.
	_, _ = w.Write(buf.Bytes())
}

type errorPage struct {
	chrome
	Status  int
	Heading string
	Detail  string
}

// failPage answers with an error as a page.
func (s *Server) failPage(w http.ResponseWriter, _ *http.Request, status int, detail string) {
	heading := http.StatusText(status)
	s.render(w, status, "error", errorPage{
		chrome: s.chrome("", heading), Status: status, Heading: heading, Detail: detail,
	})
}

// failWith answers with what an error of one of the parts means.
func (s *Server) failWith(w http.ResponseWriter, r *http.Request, what string, err error) {
	p := s.problemOf(r.Context(), what, err)
	s.failPage(w, r, p.Status, p.Detail)
}

// A moment is a time as pages show it.
type moment struct {
	ISO  string // for machines
	Full string // 16 Dec 2015 09:30:05 UTC
	Age  string // 5 min ago, or the date where that says more
}

func (s *Server) moment(t time.Time) moment {
	if t.IsZero() {
		return moment{Age: "–"}
	}
	t = t.UTC()
	return moment{
		ISO:  t.Format(time.RFC3339),
		Full: t.Format("2 Jan 2006 15:04:05 UTC"),
		Age:  age(t, s.now().UTC()),
	}
}

// age says how long ago t was, or which day once that is clearer.
func age(t, now time.Time) string {
	d := now.Sub(t)
	switch {
	case d < -time.Minute:
		return t.Format("2 Jan 2006 15:04")
	case d < time.Minute:
		return "just now"
	case d < time.Hour:
		return strconv.Itoa(int(d/time.Minute)) + " min ago"
	case d < 24*time.Hour:
		return strconv.Itoa(int(d/time.Hour)) + " h ago"
	case d < 7*24*time.Hour:
		return count(int(d/(24*time.Hour)), "day", "days") + " ago"
	default:
		return t.Format("2 Jan 2006")
	}
}

// lapse is a duration at a precision that can be grasped.
func lapse(d time.Duration) string {
	sign := ""
	if d < 0 {
		sign, d = "−", -d
	}
	switch {
	case d < time.Second:
		return fmt.Sprintf("%s%d ms", sign, d.Milliseconds())
	case d < 10*time.Second:
		return fmt.Sprintf("%s%.1f s", sign, d.Seconds())
	case d < time.Minute:
		return fmt.Sprintf("%s%d s", sign, int(d.Seconds()))
	case d < time.Hour:
		return fmt.Sprintf("%s%d min %d s", sign, int(d.Minutes()), int(d.Seconds())%60)
	case d < 48*time.Hour:
		return fmt.Sprintf("%s%d h %d min", sign, int(d.Hours()), int(d.Minutes())%60)
	default:
		return fmt.Sprintf("%s%d days", sign, int(d.Hours()/24))
	}
}

// number is n with a comma after each thousand.
func number[T int | int64 | uint64](n T) string {
	digits := strconv.FormatInt(int64(n), 10)
	sign := ""
	if digits[0] == '-' {
		sign, digits = "−", digits[1:]
	}
	for i := len(digits) - 3; i > 0; i -= 3 {
		digits = digits[:i] + "," + digits[i:]
	}
	return sign + digits
}

// count is "1 copy" or "12 copies".
func count(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return number(n) + " " + many
}

// size is a number of bytes in the unit that fits.
func size(n uint64) string {
	const unit = 1024
	if n < unit {
		return strconv.FormatUint(n, 10) + " B"
	}
	f, names := float64(n)/unit, []string{"KiB", "MiB", "GiB", "TiB", "PiB", "EiB"}
	i := 0
	for f >= unit && i < len(names)-1 {
		f /= unit
		i++
	}
	return fmt.Sprintf("%.1f %s", f, names[i])
}
