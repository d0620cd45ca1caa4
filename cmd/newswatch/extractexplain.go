package main

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/newswatch/newswatch/cmd/internal/config"
	"github.com/newswatch/newswatch/extractors"
	"github.com/newswatch/newswatch/pipeline/catalog"
	"github.com/newswatch/newswatch/pipeline/feeds"
	"github.com/newswatch/newswatch/pipeline/fetch"
)

// explainPatience is how long a page and its robots.txt may take.
const explainPatience = 90 * time.Second

// explainOptions are the flags of extract --explain.
type explainOptions struct {
	what     string // an address, a file, or - for standard input
	base     string // the address a file was served from
	private  bool
	catalogs []string
	output   string
}

// pageReport is what is behind an address and how its article was come to.
type pageReport struct {
	URL         string           `json:"url"`
	Redirects   []fetch.Redirect `json:"redirects,omitempty"`
	Final       string           `json:"final,omitempty"`
	Status      int              `json:"status,omitempty"`
	ContentType string           `json:"content_type,omitempty"`
	Bytes       int              `json:"bytes"`
	TookMS      int64            `json:"took_ms,omitempty"`
	Problem     string           `json:"problem,omitempty"` // why there is no article
	Advice      string           `json:"advice,omitempty"`

	extractors.Explained
}

func explainPage(ctx context.Context, stdin io.Reader, out io.Writer, opt explainOptions) error {
	r := &pageReport{URL: opt.what, Final: opt.base}
	body, err := r.get(ctx, stdin, opt)
	if err != nil {
		return err
	}
	if r.Problem == "" {
		if err := r.explain(body, opt); err != nil {
			return err
		}
	}
	if opt.output == "json" {
		enc := json.NewEncoder(out)
		enc.SetIndent("", "  ")
		enc.SetEscapeHTML(false)
		err = enc.Encode(r)
	} else {
		err = r.write(out)
	}
	if err == nil && r.Text == "" {
		return errNothing
	}
	return err
}

// get reads the page. What a server does wrong is the report's problem.
func (r *pageReport) get(ctx context.Context, stdin io.Reader, opt explainOptions) ([]byte, error) {
	var body []byte
	var err error
	switch {
	case opt.what == "-":
		body, err = io.ReadAll(stdin)
	case !isAddress(opt.what):
		body, err = os.ReadFile(opt.what)
	default:
		return r.fetch(ctx, opt)
	}
	r.Bytes = len(body)
	return body, err
}

func (r *pageReport) fetch(ctx context.Context, opt explainOptions) ([]byte, error) {
	lg, err := newLogger(config.Default().Log)
	if err != nil {
		return nil, err
	}
	c, err := fetch.New(lg, prometheus.NewRegistry(), fetch.Config{Version: version()})
	if err != nil {
		return nil, err
	}
	defer c.Close()
	ctx, cancel := context.WithTimeout(ctx, explainPatience)
	defer cancel()
	// As for an article, robots.txt included: what is refused is told.
	resp, err := c.Get(ctx, fetch.Request{URL: opt.what, AllowPrivate: opt.private, Robots: true, Gap: time.Second})
	if resp != nil {
		r.Redirects, r.Final, r.Status = resp.Redirects, resp.URL, resp.Status
		r.ContentType, r.Bytes, r.TookMS = resp.Header.Get("Content-Type"), len(resp.Body), resp.Took.Milliseconds()
	}
	if err != nil {
		if errors.Is(err, context.Canceled) {
			return nil, err
		}
		r.refused(err)
		return nil, nil
	}
	return resp.Body, nil
}

// refused says why there is no page. What keeps robots.txt from being read
// keeps the page too, and says more.
func (r *pageReport) refused(err error) {
	var fe, cause *fetch.Error
	if errors.As(err, &fe) && fe.Class == fetch.ClassRobots && errors.As(fe.Err, &cause) {
		err = cause
	}
	r.Problem, _ = feeds.Plainly(err)
	if errors.As(err, &fe) && fe.Class == fetch.ClassPrivate {
		r.Advice = "--allow-private lets it be reached; its source then has allow_private: true."
	}
}

// explain reads the article, by the rules of its source if it has any.
func (r *pageReport) explain(body []byte, opt explainOptions) error {
	catalogs, err := catalogsOf(opt.catalogs)
	if err != nil {
		return err
	}
	var sources []catalog.Source
	for _, c := range catalogs {
		sources = append(sources, c.Sources...)
	}
	r.Explained, err = extractors.Explain(body, r.Final, r.ContentType, sources, time.Now())
	switch {
	case err != nil:
		r.Problem = strings.TrimPrefix(err.Error(), "readable: ")
	case r.Text == "":
		r.Problem = "no text of an article was found"
	}
	return nil
}

// write prints the report for people.
func (r *pageReport) write(w io.Writer) error {
	var rows []string
	add := func(name, format string, args ...any) { rows = append(rows, name, fmt.Sprintf(format, args...)) }
	origins := map[string]string{}
	if r.Trace != nil {
		for _, o := range r.Trace.Origins {
			origins[o.Field] = orNone(strings.Join(o.From, ", "), "no place of the page says just this: put together, or read out of its text or address")
		}
	}
	from := func(field, value string) {
		if value != "" {
			add(field, "%s", value)
			add("  said by", "%s", origins[field])
		}
	}
	add("address", "%s", r.URL)
	for _, h := range r.Redirects {
		add("redirect", "%d to %s", h.Status, h.To)
	}
	if r.Status != 0 {
		add("answer", "%d %s, %s, %s in %d ms", r.Status, http.StatusText(r.Status), orNone(r.ContentType, "no content type"), size(uint64(r.Bytes)), r.TookMS)
	} else if r.Bytes > 0 {
		add("read", "%s", size(uint64(r.Bytes)))
	}
	add("charset", "%s", r.Charset)
	from("title", r.Title)
	from("author", r.Author)
	from("published", stamp(r.Published))
	from("modified", stamp(r.Modified))
	add("language", "%s", r.Lang)
	add("site", "%s", r.Site)
	add("section", "%s", r.Section)
	add("canonical", "%s", r.Canonical)
	add("amp", "%s", r.AMP)
	add("picture", "%s", r.Image)
	if r.Paywall {
		add("paywall", "the page says that it isn't free")
	}
	if r.Source != "" {
		add("rules", "those of source %s", r.Source)
	}
	if r.Text != "" {
		add("text", "by %s, confidence %.2f, weight %d", r.Method, r.Confidence, r.Weight)
	}
	add("notes", "%s", strings.Join(r.Notes, ", "))
	if err := fields(w, rows...); err != nil {
		return err
	}
	if r.Trace != nil {
		if err := writeTrace(w, r.Explained); err != nil {
			return err
		}
	}
	if r.Problem != "" {
		_, err := fmt.Fprintln(w, "\nNo article: "+plain(r.Problem+". "+r.Advice))
		return err
	}
	return nil
}

// writeTrace prints how the text was come to: what the rules did, candidates
// for the body, the other ways asked, and the fate of each block.
func writeTrace(w io.Writer, e extractors.Explained) error {
	t := e.Trace
	section := func(name string, of table) error {
		if len(of) < 2 {
			return nil
		}
		if _, err := fmt.Fprintf(w, "\n%s\n", name); err != nil {
			return err
		}
		return of.write(w)
	}
	wide := max(cmp.Or(screen(w), 90+besidePath), 60)
	titles := table{{"", "LIKELY", "TITLE", "SAID BY"}}
	for _, c := range t.Titles {
		mark, likely := "-", "" // where rules choose
		if c.Chosen {
			mark = "+"
		}
		if c.Likelihood > 0 {
			likely = fmt.Sprintf("%.2f", c.Likelihood)
		}
		titles.add(mark, likely, clip(plain(c.Text), wide-besideTitle), strings.Join(c.From, ", "))
	}
	rules := table{{"RULE"}}
	for _, line := range t.Rules {
		rules.add(line)
	}
	candidates := table{{"SCORE", "WEIGHT", "LINKS", "BLOCKS", "ELEMENT"}}
	for _, c := range t.Candidates {
		candidates.add(fmt.Sprintf("%.2f", c.Score), fmt.Sprint(c.Weight), percent(c.Links), fmt.Sprint(c.Blocks), tail(plain(c.Path), wide-besidePath))
	}
	votes := table{{"WAY", "WEIGHT", "AGREES", "CHOSEN", "NOTE"}}
	for _, v := range t.Votes {
		chosen, agrees := "no", ""
		if v.Chosen {
			chosen = "yes"
		}
		if v.Agreement > 0 {
			agrees = percent(v.Agreement)
		}
		votes.add(v.Method, fmt.Sprint(v.Weight), agrees, chosen, v.Note)
	}
	blocks := table{{"", "SCORE", "WEIGHT", "LINKS", "WHY", "ELEMENT", "TEXT"}}
	unlikely := 0
	fold := func() {
		if unlikely > 0 {
			blocks.add("-", "", "", "", "", fmt.Sprintf("(%d more, unlikely)", unlikely), "")
			unlikely = 0
		}
	}
	for _, b := range t.Blocks {
		mark := "-"
		if b.Kept {
			mark = "+"
		}
		if !b.Kept && b.Score < worthShowing {
			unlikely++ // menus and lists of links: the JSON has them
			continue
		}
		fold()
		blocks.add(mark, fmt.Sprintf("%.2f", b.Score), fmt.Sprint(b.Weight), percent(b.Features["links"]), b.Why, tail(plain(b.Path), 30), clip(plain(b.Text), 70))
	}
	fold()
	return errors.Join(
		section("Titles that the page has: + is the article's", titles),
		section("What the rules select", rules),
		section("Elements that could hold the text, best first", candidates),
		section("Other ways to the text", votes),
		section("Text blocks in the order of the page: + is text of the article, - was cut", blocks),
	)
}

const (
	// besidePath and besideTitle are the columns that stand beside what is cut
	// to the width of the screen.
	besidePath  = 34
	besideTitle = 40
)

// worthShowing is the score from which a block that was cut is shown by itself.
const worthShowing = 0.03

// tail cuts s to its last n characters, the first of them an ellipsis.
func tail(s string, n int) string {
	if r := []rune(s); len(r) > n {
		return "…" + string(r[len(r)-n+1:])
	}
	return s
}

func percent(share float64) string { return fmt.Sprintf("%.0f%%", 100*share) }
