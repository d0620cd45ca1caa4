// Package newsroom is the world that `newswatch demo` watches: made-up outlets
// in English, Russian and Chinese with articles written for it, served over
// HTTP on loopback as feeds and pages. Articles appear over time; wire copies,
// updates and feeds of several formats are among them.
//
// In go the embedded files content/*.yaml, one an outlet; out come a handler
// that serves every outlet under its own host name NAME.localhost, and the
// catalog that watches them.
package newsroom

import (
	"bytes"
	"embed"
	"fmt"
	"io/fs"
	"slices"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"
)

//go:embed content/*.yaml
var content embed.FS

// An Outlet is a made-up publisher.
type Outlet struct {
	ID       string    `yaml:"id"`
	Name     string    `yaml:"name"`
	About    string    `yaml:"about"`
	Lang     string    `yaml:"lang"`
	Country  string    `yaml:"country"`
	Tags     []string  `yaml:"tags"`
	Format   string    `yaml:"format"` // rss, rss-full, atom or json
	Articles []Article `yaml:"articles"`
}

// An Article is one piece of an outlet.
type Article struct {
	Slug   string `yaml:"slug"`
	Title  string `yaml:"title"`
	Author string `yaml:"author"`
	// Ago is how long before the start it was published; At how long after.
	// An article with At appears only then.
	Ago  Span   `yaml:"ago"`
	At   Span   `yaml:"at"`
	Text string `yaml:"text"` // paragraphs set apart by a blank line
	// Wire takes title and text from OUTLET/SLUG: a wire copy.
	Wire string `yaml:"wire"`
	// Update is a later version of the same page.
	Update *Update `yaml:"update"`
}

// An Update replaces an article's title or text.
type Update struct {
	At    Span   `yaml:"at"`
	Title string `yaml:"title"`
	Text  string `yaml:"text"`
}

// A Span is a time.Duration written as such, or in days: 90s, 36h, 3d.
type Span time.Duration

// UnmarshalYAML reads a span.
func (s *Span) UnmarshalYAML(n *yaml.Node) error {
	text := n.Value
	unit := time.Duration(1)
	if days, ok := strings.CutSuffix(text, "d"); ok {
		text, unit = days+"h", 24
	}
	d, err := time.ParseDuration(text)
	if err != nil {
		return fmt.Errorf("line %d: %w", n.Line, err)
	}
	*s = Span(d * unit)
	return nil
}

// Load reads the outlets, with wire copies resolved.
func Load() ([]Outlet, error) {
	files, err := fs.Glob(content, "content/*.yaml")
	if err != nil {
		return nil, err
	}
	var outlets []Outlet
	for _, file := range files {
		data, err := content.ReadFile(file)
		if err != nil {
			return nil, err
		}
		var o Outlet
		dec := yaml.NewDecoder(bytes.NewReader(data))
		dec.KnownFields(true)
		if err := dec.Decode(&o); err != nil {
			return nil, fmt.Errorf("%s: %w", file, err)
		}
		outlets = append(outlets, o)
	}
	return outlets, resolveWire(outlets)
}

func resolveWire(outlets []Outlet) error {
	bySlug := make(map[string]Article)
	for _, o := range outlets {
		for _, a := range o.Articles {
			bySlug[o.ID+"/"+a.Slug] = a
		}
	}
	for i := range outlets {
		for j := range outlets[i].Articles {
			a := &outlets[i].Articles[j]
			if a.Wire == "" {
				continue
			}
			from, ok := bySlug[a.Wire]
			if !ok || from.Wire != "" {
				return fmt.Errorf("%s/%s: no original %q", outlets[i].ID, a.Slug, a.Wire)
			}
			a.Title, a.Text = from.Title, from.Text
		}
	}
	return nil
}

// version is what an article says at the time since the start, and whether it
// is out yet.
func (a Article) version(since time.Duration) (title, text string, updated, out bool) {
	if since < time.Duration(a.At) {
		return "", "", false, false
	}
	title, text = a.Title, a.Text
	if a.Update != nil && since >= time.Duration(a.Update.At) {
		updated = true
		if a.Update.Title != "" {
			title = a.Update.Title
		}
		if a.Update.Text != "" {
			text = a.Update.Text
		}
	}
	return title, text, updated, true
}

// published is when an article says it was published.
func (a Article) published(start time.Time) time.Time {
	return start.Add(time.Duration(a.At) - time.Duration(a.Ago))
}

// out lists the articles that are out, newest first.
func (o Outlet) out(start time.Time, since time.Duration) []Article {
	var as []Article
	for _, a := range o.Articles {
		if _, _, _, ok := a.version(since); ok {
			as = append(as, a)
		}
	}
	slices.SortStableFunc(as, func(x, y Article) int { return y.published(start).Compare(x.published(start)) })
	return as
}
