package readable

import (
	"cmp"
	"net/url"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

// earliest is before anything that was published on the web.
var earliest = time.Date(1995, 1, 1, 0, 0, 0, 0, time.UTC)

// A dated is one date of a page and where it stands.
type dated struct {
	stamp
	from dateFrom
	hint hint
	pos  int  // line
	lone bool // the line is little more than the date
}

// A dateFrom is the way a date stands on a page.
type dateFrom int

const (
	fromLD dateFrom = iota
	fromMeta
	fromProp // itemprop; also of credits
	fromTime // the datetime of a time element
	fromData // a data- attribute
	fromText
	fromURL
	fromScript
	fromModified // published is not told, modified is
	fromClass    // of credits, as all that follow
	fromRel
	fromLine
	fromDateLine // a name beside the date under the title
	fromAgency   // a news agency on a line under the title
	fromLink     // a byline that is a link, mostly another article's
	fromTitle    // of dates: a part of the title element
	fromVague    // of dates: metadata that may as well be of the page
	fromSource   // whom a Chinese page has the article from
)

// publishedMeta are the names under which pages give their date, the surest first.
var publishedMeta = []string{
	"article:published_time", "datepublished", "og:article:published_time", "article:published", "og:published_time", "og:pubdate", "parsely-pub-date",
	"sailthru.date", "dc.date.issued", "dcterms.issued", "dc.issued", "citation_publication_date", "citation_date", "citation_online_date", "dcterms.created", "dc.date.created", "dc.created",
	"dcterms.date", "dc.date", "dcsext.articlefirstpublished", "article.published", "pubdate", "pub_date", "publishdate", "publish-date", "publish_date", "publication_date", "publication-date",
	"publicationdate", "published-date", "published_date", "datecreated", "article_date_original", "originalpublicationdate", "article.created", "article:created",
	"cxenseparse:recs:publishtime", "cse-pubdate", "bt:pubdate", "rbpubdate", "gentime", "firstpublished", "apub:time", "displaydate", "ptime", "shareaholic:article_published_time",
	"published_time_telegram", "published_at", "article.date", "date_published", "release_date", "dnd:date", "vr:published_time", "iso-8601-publish-date", "last-publish-date", "date", "created", "timestamp",
}

// vagueMeta are those of the names under which some pages give the day on which
// they were made or changed, without a time.
var vagueMeta = set("date dc.date dcterms.date created timestamp last-publish-date")

var modifiedMeta = []string{
	"article:modified_time", "og:updated_time", "datemodified", "dcterms.modified", "dc.date.modified", "dc.modified", "lastmod", "last-modified", "modified", "revision_date",
	"og:modified_time", "article:modified", "updated_time", "article.updated", "dateupdate", "utime",
}

func hostOf(page string) string {
	u, err := url.Parse(page)
	if err != nil {
		return ""
	}
	return strings.ToLower(u.Hostname())
}

// dayFirstTLDs are countries that write the day first in English.
var dayFirstTLDs = []string{".uk", ".au", ".nz", ".in", ".ie", ".za", ".ng", ".ke", ".gh", ".sg", ".my", ".pk", ".bd", ".lk", ".eu", ".de", ".fr", ".it", ".es", ".pt", ".br", ".hk", ".na"}

// zones are those of languages that are mostly written in one.
var langZones = map[string]*time.Location{"zh": fixed(8 * 3600), "ja": fixed(9 * 3600), "ko": fixed(9 * 3600)}

// order sets up the reader of dates, once the html element has told the language.
func (g *gathered) order() {
	lang := primary(g.lang)
	_, region, _ := strings.Cut(strings.ToLower(strings.ReplaceAll(g.lang, "_", "-")), "-")
	g.read.monthFirst = (lang == "en" || lang == "") && (region == "" || region == "us" || region == "ca" || region == "ph")
	for _, tld := range dayFirstTLDs {
		if strings.HasSuffix(g.host, tld) {
			g.read.monthFirst = false
		}
	}
	g.read.zone = langZones[lang]
}

// maxDated bounds the dates kept of a page.
const maxDated = 400

func (g *gathered) date(s string, from dateFrom, h hint) {
	if len(g.dated) >= maxDated {
		return
	}
	if st, ok := g.read.date(s); ok {
		g.dated = append(g.dated, dated{stamp: st, from: from, hint: h, pos: g.pos})
	}
}

// lineDates keeps the dates of a line.
func (g *gathered) lineDates(s string) {
	g.read.find(s, func(st stamp) bool {
		if len(g.dated) >= maxDated {
			return false
		}
		h := g.line.at(st.start)
		before := strings.ToLower(s[max(0, st.start-40):st.start])
		for _, w := range modifiedLabels {
			if strings.Contains(before, w) {
				h |= modifiedWord
			}
		}
		for _, w := range publishedLabels {
			if strings.Contains(before, w) {
				h = h&^modifiedWord | publishedWord
			}
		}
		if strings.ContainsAny(before, "©") || strings.Contains(before, "copyright") {
			h |= offside
		}
		lone := utf8.RuneCountInString(s)-utf8.RuneCountInString(s[st.start:st.end]) <= 60 && !g.line.long
		zoneless := st.clock && !st.zoned && g.read.zone == nil && st.t.Location() == time.UTC && strings.Contains(s[st.start:st.end], "年")
		if zoneless {
			t := st.t
			st.t = time.Date(t.Year(), t.Month(), t.Day(), t.Hour(), t.Minute(), t.Second(), 0, langZones["zh"])
		}
		g.dated = append(g.dated, dated{stamp: st, from: fromText, hint: h, pos: g.pos, lone: lone})
		return true
	})
}

var modifiedLabels = []string{"updat", "modif", "aktualis", "geändert", "обновл", "измен", "оновл", "更新", "修改", "最終更新", "수정", "mis à jour", "actualiz", "aggiornat", "atualiz", "güncelle", "zmieni", "zaktual", "edited", "reviewed", "bearbeitet"}

var publishedLabels = []string{"publi", "posted", "veröffentlich", "опубл", "发布", "發布", "发表", "公開", "入력", "입력", "등록", "created", "erstellt", "hochgeladen", "yayın", "first posted", "stand:", "дата"}

// dates sets when the page was published and changed.
func (g *gathered) dates(p *Page, opt Options) {
	add := func(s string, from dateFrom, h hint) { g.date(html5(s), from, h) }
	for _, s := range g.ld.dates {
		add(s, fromLD, 0)
	}
	if len(g.ld.dates) == 0 {
		add(g.ld.page, fromProp, 0)
	}
	for _, name := range publishedMeta {
		from := fromMeta
		if v := g.meta[name]; vagueMeta[name] && len(v) == len(time.DateOnly) && v[4] == '-' {
			from = fromVague
		}
		add(g.meta[name], from, 0)
	}
	g.titleDate()
	if st, ok := addressDate(opt.URL, cmp.Or(g.canon, g.meta["og:url"])); ok {
		g.dated = append(g.dated, dated{stamp: st, from: fromURL})
	}
	for _, s := range append([]string{g.ld.modified}, metaValues(g.meta, modifiedMeta)...) {
		if st, ok := g.read.date(html5(s)); ok && p.Modified.IsZero() && plausible(st, opt.Now) {
			p.Modified = st.t
		}
	}
	best, ok := g.chooseDate(opt)
	if !ok || best.weight < sureDate && opt.Published.IsZero() {
		g.scriptDates()
		best, ok = g.chooseDate(opt)
	}
	switch {
	case ok && (best.weight >= sureDate || opt.Published.IsZero()):
		p.Published = best.t
		if !opt.Now.IsZero() && p.Published.After(opt.Now) {
			p.Published = opt.Now.UTC()
		}
	case !ok && opt.Published.IsZero():
		p.Published = p.Modified
	}
	if !p.Modified.After(p.Published) {
		p.Modified = time.Time{}
	}
}

func html5(s string) string { return strings.ReplaceAll(s, "&#43;", "+") }

func metaValues(meta map[string]string, names []string) []string {
	var out []string
	for _, name := range names {
		if v := meta[name]; v != "" {
			out = append(out, v)
		}
	}
	return out
}

// plausible refuses what lies before the web or after now. A time without a
// zone may be as much as the widest zone ahead.
func plausible(st stamp, now time.Time) bool {
	if st.t.Before(earliest) {
		return false
	}
	if now.IsZero() {
		return true
	}
	if !st.zoned {
		now = now.Add(14 * time.Hour)
	}
	return !st.t.After(now)
}

// sureDate is the weight from which a date is as good as told by the metadata.
const sureDate = 8

type choice struct {
	dated
	weight float64
}

// chooseDate takes the day that has most weight.
func (g *gathered) chooseDate(opt Options) (choice, bool) {
	type day struct {
		best  choice
		total float64
		seen  [32]bool
	}
	days := make(map[string]*day)
	var order []*day
	var url *dated
	for i := range g.dated {
		d := g.dated[i]
		if !plausible(d.stamp, opt.Now) {
			continue
		}
		if d.from == fromURL {
			url = &g.dated[i]
		}
		w := g.dateWeight(d)
		key := d.t.Format("20060102")
		e := days[key]
		if e == nil {
			e = new(day)
			days[key] = e
			order = append(order, e)
		}
		if w > e.best.weight || w == e.best.weight && d.clock && !e.best.clock {
			e.best = choice{d, w}
		}
		if !e.seen[d.from] {
			e.seen[d.from] = true
			e.total += w * 0.25
		}
	}
	var best *day
	for _, e := range order {
		if best == nil || e.best.weight+e.total > best.best.weight+best.total {
			best = e
		}
	}
	if best == nil {
		return choice{}, false
	}
	c := best.best
	c.t = g.local(c, url)
	return c, true
}

// local puts a time given in UTC into the zone that the page itself writes its
// day in, where its address or its text show the day before or after.
func (g *gathered) local(c choice, url *dated) time.Time {
	if _, off := c.t.Zone(); off != 0 || !c.clock {
		return c.t
	}
	near := func(d dated) (int, bool) {
		y, m, dd := d.t.Date()
		if d.clock && !d.ambiguous {
			wall := time.Date(y, m, dd, d.t.Hour(), d.t.Minute(), 0, 0, time.UTC)
			off := wall.Sub(c.t).Round(15 * time.Minute)
			rest := wall.Sub(c.t) - off
			if off >= -12*time.Hour && off <= 14*time.Hour && rest.Abs() <= 2*time.Minute {
				return int(off.Seconds()), true
			}
			return 0, false
		}
		from := time.Date(y, m, dd, 0, 0, 0, 0, time.UTC)
		switch to := from.Add(24 * time.Hour); {
		case c.t.Before(from) && from.Sub(c.t) <= 10*time.Hour:
			return int((from.Sub(c.t) + time.Hour - 1).Truncate(time.Hour).Seconds()), true
		case !c.t.Before(to) && c.t.Sub(to) < 10*time.Hour:
			return -int((c.t.Sub(to) + time.Hour).Truncate(time.Hour).Seconds()), true
		}
		return 0, false
	}
	if url != nil {
		if off, ok := near(*url); ok && off != 0 {
			return c.t.In(fixed(off))
		}
	}
	if url != nil && url.t.Format("20060102") == c.t.Format("20060102") {
		return c.t
	}
	if c.t.Hour() >= 20 && c.t.Minute() == 0 && c.t.Second() == 0 { // midnight east of Greenwich
		day, next := c.t.Format("20060102"), c.t.Add(4*time.Hour).Format("20060102")
		said := false
		for _, d := range g.dated {
			if d.from == fromText && !d.clock && d.hint&modifiedWord == 0 {
				switch d.t.Format("20060102") {
				case day:
					return c.t
				case next:
					said = true
				}
			}
		}
		if said {
			return c.t.In(fixed((24 - c.t.Hour()) * 3600))
		}
	}
	for _, d := range g.dated {
		if d.from == fromText && d.hint&(offside|modifiedWord) == 0 && d.lone && g.head >= 0 && d.pos >= g.head-6 && d.pos <= g.head+12 {
			if off, ok := near(d); ok {
				return c.t.In(fixed(off))
			}
			return c.t
		}
	}
	return c.t
}

// dateWeight is how sure it is that a date is the page's own.
func (g *gathered) dateWeight(d dated) float64 {
	var w float64
	switch d.from {
	case fromLD:
		return 10
	case fromMeta:
		return 9
	case fromProp:
		return 8.2
	case fromURL:
		return 6.5
	case fromTitle:
		return 6
	case fromVague:
		return 5
	case fromScript:
		return 4
	case fromTime:
		w = 4.5
		if d.hint&(publishedProp|publishedWord) != 0 {
			w = 5.5
		}
		if d.hint&publishedProp != 0 && d.hint&offside == 0 {
			w = 8.5
		}
	case fromData:
		w = 3
	default:
		w = 2
		switch {
		case d.hint&publishedProp != 0:
			w = 6
		case d.hint&publishedWord != 0:
			w = 4.5
		case d.hint&(dateWord|timeElement) != 0:
			w = 4
		case d.hint&(authorWord|infoWord) != 0:
			w = 3.5
		}
		if !d.lone {
			w *= 0.6
		}
	}
	if d.hint&offside != 0 {
		w *= 0.35
	}
	if d.hint&modifiedWord != 0 {
		w *= 0.6
	}
	if d.hint&inLink != 0 && d.hint&inHeading == 0 {
		w *= 0.75
	}
	if d.ambiguous {
		w *= 0.8
	}
	if d.clock {
		w += 0.3
	}
	if g.head >= 0 {
		switch gap := d.pos - g.head; {
		case gap < 0 && d.hint&offside != 0: // today's, over all pages of the site
			w *= 0.4
		case gap >= 0 && gap <= 6:
			w += 2
		case gap >= -4 && gap <= 15:
			w += 1.2
		case gap > 15:
			w -= min(1.2, float64(gap-15)/60)
		default:
			w -= 0.4
		}
	} else {
		w -= min(1.2, float64(d.pos)/80)
	}
	return max(w, 0.1)
}

// titleDate keeps a date that is a whole part of the title element.
func (g *gathered) titleDate() {
	parts := strings.FieldsFunc(g.title, func(c rune) bool { return c == '|' || c == '–' || c == '—' || c == '·' })
	for _, part := range parts[min(1, len(parts)):] {
		part = strings.TrimSpace(part)
		g.read.find(part, func(st stamp) bool {
			if st.start == 0 && st.end == len(part) {
				g.dated = append(g.dated, dated{stamp: st, from: fromTitle})
			}
			return false
		})
	}
}

// addressDate is the date in the path of an address: /2024/05/12/, /2024-05-12/, /20240512/.
func addressDate(addresses ...string) (stamp, bool) {
	for _, a := range addresses {
		if i := strings.IndexAny(a, "?#"); i >= 0 {
			a = a[:i]
		}
		for i := strings.LastIndex(a, "//") + 2; i+8 <= len(a); i++ {
			if a[i] != '1' && a[i] != '2' || i > 0 && '0' <= a[i-1] && a[i-1] <= '9' {
				continue
			}
			if i > 0 && a[i-1] == '-' {
				continue // part of a name or number
			}
			if st, ok := pathDate(a[i:]); ok {
				return st, true
			}
		}
	}
	return stamp{}, false
}

func pathDate(s string) (stamp, bool) {
	n := 0
	for n < len(s) && isDigit(s[n]) {
		n++
	}
	switch {
	case n == 8:
		return packedTime(s[:8])
	case n >= 14 && (len(s) == n || s[n] == '.'): // an article's number that begins with when it was made
		if _, ok := packedTime(s[:14]); ok {
			return packedTime(s[:8])
		}
	}
	if n != 4 {
		return stamp{}, false
	}
	sep := s[4]
	if sep != '/' && sep != '-' && sep != '_' {
		// 2024/0512 is /2024/ followed by four digits, handled below
		return stamp{}, false
	}
	rest := s[5:]
	m, k := leadingDigits(rest)
	if k == 4 && sep != '_' && (len(rest) == 4 || rest[4] == '/') {
		return dayStamp(s[:4], m/100, m%100)
	}
	if k < 1 || k > 2 || k >= len(rest) || rest[k] != '/' && rest[k] != '-' && rest[k] != '_' || rest[k] == '-' && sep == '/' {
		return stamp{}, false
	}
	d, j := leadingDigits(rest[k+1:])
	if j < 1 || j > 2 {
		return stamp{}, false
	}
	return dayStamp(s[:4], m, d)
}

func dayStamp(year string, m, d int) (stamp, bool) {
	y, err := strconv.Atoi(year)
	if err != nil || !validDay(y, m, d) {
		return stamp{}, false
	}
	return stamp{t: time.Date(y, time.Month(m), d, 0, 0, 0, 0, time.UTC)}, true
}

func isDigit(c byte) bool { return '0' <= c && c <= '9' }

func leadingDigits(s string) (n, digits int) {
	for digits < len(s) && isDigit(s[digits]) && digits < 8 {
		n = n*10 + int(s[digits]-'0')
		digits++
	}
	return n, digits
}

// scriptKeys are the names of published dates in the data of scripts.
var scriptKeys = []string{"datePublished", "publishedAt", "published_at", "publishDate", "publish_date", "pubDate", "publishedDate", "published_date", "publicationDate", "date_published", "publishTime", "pubtime", "firstPublished", "publish_time", "datePublication"}

// scriptDates looks for dates in the scripts of a page that tells of none.
func (g *gathered) scriptDates() {
	for _, n := range g.scripts {
		s := content(n)
		if len(s) > 1<<20 {
			s = s[:1<<20]
		}
		if !strings.Contains(s, "ublish") && !strings.Contains(s, "ubDate") && !strings.Contains(s, "ubtime") {
			continue
		}
		for _, key := range scriptKeys {
			i := strings.Index(s, key)
			if i < 0 {
				continue
			}
			v := strings.TrimLeft(s[i+len(key):min(len(s), i+len(key)+60)], `\"': =`)
			if end := strings.IndexAny(v, `"'\,}`); end > 0 {
				g.date(v[:end], fromScript, 0)
			}
		}
	}
	g.scripts = nil
}

// parseTime reads a date as one of a page's metadata. The answer is zero for one
// that can't be read, lies before the web, or after now where now is set.
func parseTime(s string, now time.Time) time.Time {
	var r dateReader
	if st, ok := r.date(s); ok && plausible(st, now) {
		return st.t
	}
	return time.Time{}
}
