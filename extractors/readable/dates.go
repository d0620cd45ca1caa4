package readable

import (
	"regexp"
	"strconv"
	"strings"
	"time"

	htmldate "github.com/markusmobius/go-htmldate"
	"golang.org/x/net/html"
)

// layouts are the forms of dates in metadata. Those without a zone are UTC.
var layouts = []string{
	time.RFC3339Nano, "2006-01-02T15:04:05.999999999Z0700", "2006-01-02T15:04Z07:00", "2006-01-02T15:04Z0700",
	"2006-01-02T15:04:05", "2006-01-02T15:04:05.999999999", "2006-01-02T15:04",
	"2006-01-02 15:04:05 Z07:00", "2006-01-02 15:04:05 -0700", "2006-01-02 15:04:05Z07:00", "2006-01-02 15:04:05",
	"2006-01-02 15:04", "2006-01-02", "2006/01/02 15:04:05", "2006/01/02 15:04", "2006/01/02", "2006-1-2 15:04:05",
	"2006-1-2", "20060102T150405Z", "20060102150405", "20060102",
	"2006年1月2日 15:04:05", "2006年1月2日 15:04", "2006年1月2日15:04", "2006年1月2日",
	time.RFC1123Z, time.RFC1123, "Mon, 2 Jan 2006 15:04:05 -0700", "Mon, 2 Jan 2006 15:04:05 MST", time.ANSIC,
	time.UnixDate, "Mon Jan 2 15:04:05 MST 2006", "January 2, 2006", "January 2, 2006 3:04 PM", "Jan 2, 2006", "2 January 2006", "2 Jan 2006",
	"02.01.2006 15:04", "02.01.2006",
}

// earliest is before anything that was published on the web.
var earliest = time.Date(1990, 1, 1, 0, 0, 0, 0, time.UTC)

// parseTime reads a date of the metadata. The answer is zero for one that
// can't be read, lies before the web, or after now where now is set.
func parseTime(s string, now time.Time) time.Time {
	s = strings.TrimSpace(s)
	for _, layout := range layouts {
		t, err := time.Parse(layout, s)
		if err != nil {
			continue
		}
		if t.Before(earliest) || !now.IsZero() && t.After(now) {
			return time.Time{}
		}
		return t.UTC()
	}
	return time.Time{}
}

// dates sets when the page was published and changed, from its metadata. Where
// neither they nor the feed tell, the page is searched.
func (g *gathered) dates(p *Page, root *html.Node, opt Options) {
	published := []string{
		g.ld.published, g.meta["article:published_time"], g.meta["datepublished"], g.props["datePublished"],
		g.meta["og:article:published_time"], g.meta["parsely-pub-date"], g.meta["sailthru.date"], g.meta["dc.date.issued"],
		g.meta["dcterms.created"], g.meta["dc.date"], g.meta["pubdate"], g.meta["publishdate"], g.meta["publish-date"],
		g.meta["publication_date"], g.meta["article.published"], g.meta["og:published_time"], g.meta["date"],
	}
	for _, s := range published {
		if p.Published.IsZero() && s != "" {
			p.Published = parseTime(s, opt.Now)
		}
	}
	modified := []string{
		g.ld.modified, g.meta["article:modified_time"], g.meta["og:updated_time"], g.meta["datemodified"], g.props["dateModified"],
		g.meta["dcterms.modified"], g.meta["lastmod"],
	}
	for _, s := range modified {
		if p.Modified.IsZero() && s != "" {
			p.Modified = parseTime(s, opt.Now)
		}
	}
	if p.Published.IsZero() && opt.Published.IsZero() {
		p.Published = searchDate(root, opt)
		if newYear := p.Published.YearDay() == 1; g.years && (newYear || p.Published.IsZero()) {
			if t := easternDate(root, opt); !t.IsZero() {
				p.Published = t
			}
		}
	}
	if p.Modified.Before(p.Published) {
		p.Modified = time.Time{}
	}
}

// eastern is a date as Chinese and Japanese pages write it beside the title.
var eastern = regexp.MustCompile(`((?:19|20)\d\d)\s?年\s?(\d{1,2})\s?月\s?(\d{1,2})\s?日(?:[^\d\n]{0,6}?(\d{1,2})[:：](\d\d))?`)

// easternDate is the first such date of the page, one with a time of day
// before one without. It is in Chinese time. Of some of these htmldate takes no
// more than the year, and answers the first of January.
func easternDate(root *html.Node, opt Options) time.Time {
	var day time.Time
	for _, m := range eastern.FindAllStringSubmatch(render(root), 20) {
		n := make([]int, len(m))
		for i := range m {
			n[i], _ = strconv.Atoi(m[i]) // what is not there is 0
		}
		t := time.Date(n[1], time.Month(n[2]), n[3], n[4], n[5], 0, 0, chinaTime)
		if int(t.Month()) != n[2] || t.Day() != n[3] || t.Before(earliest) || !opt.Now.IsZero() && t.After(opt.Now) {
			continue
		}
		if m[4] != "" {
			return t.UTC()
		}
		if day.IsZero() {
			day = time.Date(n[1], time.Month(n[2]), n[3], 0, 0, 0, 0, time.UTC)
		}
	}
	return day
}

var chinaTime = time.FixedZone("", 8*60*60)

// searchDate looks for a date anywhere on the page.
func searchDate(root *html.Node, opt Options) time.Time {
	latest := time.Date(9000, 1, 1, 0, 0, 0, 0, time.UTC)
	if !opt.Now.IsZero() {
		latest = opt.Now
	}
	res, err := htmldate.FromDocument(root, htmldate.Options{
		ExtractTime:     true,
		UseOriginalDate: true,
		URL:             opt.URL,
		MinDate:         earliest,
		MaxDate:         latest,
	})
	if err != nil || res.IsZero() {
		return time.Time{}
	}
	t := res.DateTime
	if !res.HasTimezone { // the machine's zone says nothing of the page's
		t = time.Date(t.Year(), t.Month(), t.Day(), t.Hour(), t.Minute(), t.Second(), 0, time.UTC)
	}
	if t.Before(earliest) || t.After(latest) {
		return time.Time{}
	}
	return t.UTC()
}
