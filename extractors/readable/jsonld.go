package readable

import (
	"bytes"
	"cmp"
	"encoding/json"
	"slices"
	"strings"

	"golang.org/x/net/html"
)

// ldDepth is how deep an article may lie in the JSON-LD of a page.
const ldDepth = 6

// linked is what a page's JSON-LD says of its article.
type linked struct {
	headline, body, summary string
	authors                 []string
	ids                     []string          // of authors that are told elsewhere
	names                   map[string]string // by @id
	dates                   []string          // when it was published, the surest first
	page                    string            // the date of the page that the article is on
	modified                string
	lang, section, image    string
	site, url               string
	paid                    bool // isAccessibleForFree is false
	found                   bool
	news                    bool // the type is one of news
	newsroom                bool // the publisher is a news organization
	priced                  bool // whether it is free is said

	others       []string // headlines, that of the article among them
	called       []string // names of articles and pages
	alternatives []string // other titles of the same
}

// add reads the content of one script element. What isn't JSON is passed over.
func (l *linked) add(script string) {
	var v any
	s := unwrapScript(script)
	if json.Unmarshal([]byte(s), &v) != nil && json.Unmarshal([]byte(mendJSON(s)), &v) != nil {
		return
	}
	l.walk(v, 0)
}

// walk looks for articles; the first that says something is believed, and
// later ones fill what it lacks only where they are about the same headline.
func (l *linked) walk(v any, depth int) {
	if depth > ldDepth {
		return
	}
	switch x := v.(type) {
	case []any:
		for _, e := range x {
			l.walk(e, depth+1)
		}
	case map[string]any:
		if id, ok := x["@id"].(string); ok && len(l.names) < 200 {
			if name := ldText(x["name"]); name != "" {
				if l.names == nil {
					l.names = make(map[string]string)
				}
				l.names[id] = name
			}
		}
		article := isArticleType(x["@type"])
		if article || isPageType(x["@type"]) {
			l.title(x)
		}
		switch {
		case article:
			l.take(x)
		case len(l.dates) == 0 && l.page == "":
			l.page = ldText(x["datePublished"])
		}
		for _, k := range []string{"@graph", "mainEntity", "mainEntityOfPage", "hasPart"} {
			if e, ok := x[k]; ok {
				l.walk(e, depth+1)
			}
		}
	}
}

// title notes what an article or a page calls itself.
func (l *linked) title(x map[string]any) {
	note := func(list *[]string, key string) {
		if t := line(ldText(x[key])); t != "" && len(t) <= maxTitle && len(*list) < maxHeads && !slices.Contains(*list, t) {
			*list = append(*list, t)
		}
	}
	note(&l.others, "headline")
	note(&l.called, "name")
	note(&l.alternatives, "alternativeHeadline")
	note(&l.alternatives, "alternateName")
}

func (l *linked) take(x map[string]any) {
	headline := ldText(x["headline"])
	if headline == "" {
		headline = ldText(x["name"])
	}
	if l.found && headline != "" && l.headline != "" && headline != l.headline {
		return
	}
	l.found = true
	l.news = l.news || isNewsType(x["@type"]) || isNewsType(x["publisher"])
	set := func(field *string, v string) {
		if *field == "" {
			*field = v
		}
	}
	set(&l.headline, headline)
	set(&l.body, ldText(x["articleBody"]))
	set(&l.summary, ldText(x["description"]))
	if len(l.dates) == 0 {
		if s := cmp.Or(ldText(x["datePublished"]), ldText(x["dateCreated"])); s != "" {
			l.dates = append(l.dates, s)
		}
	}
	set(&l.modified, ldText(x["dateModified"]))
	set(&l.lang, ldText(x["inLanguage"]))
	set(&l.section, ldText(first(x["articleSection"])))
	set(&l.image, ldURL(x["image"]))
	set(&l.site, ldText(x["publisher"]))
	set(&l.url, ldURL(x["url"]))
	if len(l.authors) == 0 && len(l.ids) == 0 {
		l.authors, l.ids = ldNames(x["author"]), ldIDs(x["author"])
		if len(l.authors) == 0 && len(l.ids) == 0 {
			l.authors, l.ids = ldNames(x["creator"]), ldIDs(x["creator"])
		}
	}
	l.newsroom = l.newsroom || isNewsType(x["publisher"])
	l.priced = l.priced || x["isAccessibleForFree"] != nil
	l.paid = l.paid || isFalse(x["isAccessibleForFree"]) || isFalse(x["isAccessibleForfree"])
}

// people are the names of the authors.
func (l *linked) people() []string {
	names := l.authors
	for _, id := range l.ids {
		if n := l.names[id]; n != "" {
			names = append(names, n)
		}
	}
	return names
}

// ldIDs are the authors that stand elsewhere in the script.
func ldIDs(v any) []string {
	list, ok := v.([]any)
	if !ok {
		list = []any{v}
	}
	var ids []string
	for _, e := range list {
		if m, ok := e.(map[string]any); ok && m["name"] == nil {
			if id, ok := m["@id"].(string); ok {
				ids = append(ids, id)
			}
		}
	}
	return ids
}

// isFalse reads a truth value in the spellings of pages.
func isFalse(v any) bool {
	switch x := v.(type) {
	case bool:
		return !x
	case string:
		x = strings.ToLower(strings.TrimSpace(x))
		return x == "false" || x == "no" || x == "0" || strings.HasSuffix(x, "/false")
	case float64:
		return x == 0
	}
	return false
}

func isArticleType(v any) bool {
	switch x := v.(type) {
	case string:
		return strings.HasSuffix(x, "Article") || strings.HasSuffix(x, "Posting") || x == "Report" || x == "Review"
	case []any:
		if slices.ContainsFunc(x, isArticleType) {
			return true
		}
	}
	return false
}

// isPageType says whether a type is that of a web page.
func isPageType(v any) bool {
	switch x := v.(type) {
	case string:
		return x == "WebPage" || x == "ItemPage"
	case []any:
		return slices.ContainsFunc(x, isPageType)
	}
	return false
}

// isNewsType says whether a type is NewsArticle or one of its kinds, or a thing
// is a news organization.
func isNewsType(v any) bool {
	switch x := v.(type) {
	case string:
		return strings.HasSuffix(x, "NewsArticle") || x == "LiveBlogPosting" || x == "NewsMediaOrganization"
	case map[string]any:
		return isNewsType(x["@type"])
	case []any:
		return slices.ContainsFunc(x, isNewsType)
	}
	return false
}

func first(v any) any {
	if list, ok := v.([]any); ok {
		if len(list) == 0 {
			return nil
		}
		return list[0]
	}
	return v
}

// ldText is the text of a value, or the name of a thing.
func ldText(v any) string {
	switch x := v.(type) {
	case string:
		return strings.TrimSpace(html.UnescapeString(x))
	case map[string]any:
		if s, ok := first(x["name"]).(string); ok {
			return strings.TrimSpace(html.UnescapeString(s))
		}
		if s, ok := x["@value"].(string); ok {
			return strings.TrimSpace(html.UnescapeString(s))
		}
	}
	return ""
}

func ldNames(v any) []string {
	list, ok := v.([]any)
	if !ok {
		list = []any{v}
	}
	var names []string
	for _, e := range list {
		if m, ok := e.(map[string]any); ok {
			if inner, ok := m["name"].([]any); ok { // {"name": ["A", "B"]}
				names = append(names, ldNames(inner)...)
				continue
			}
		}
		if n := ldText(e); n != "" {
			names = append(names, n)
		}
	}
	return names
}

func ldURL(v any) string {
	switch x := first(v).(type) {
	case string:
		return strings.TrimSpace(x)
	case map[string]any:
		for _, k := range []string{"url", "contentUrl", "@id"} {
			if s, ok := first(x[k]).(string); ok && s != "" {
				return strings.TrimSpace(s)
			}
		}
	}
	return ""
}

// unwrapScript takes off what some pages wrap JSON-LD in.
func unwrapScript(s string) string {
	s = strings.TrimSpace(s)
	for _, w := range [][2]string{{"<!--", "-->"}, {"//<![CDATA[", "//]]>"}, {"<![CDATA[", "]]>"}} {
		s = strings.TrimSpace(strings.TrimSuffix(strings.TrimPrefix(s, w[0]), w[1]))
	}
	return strings.TrimRight(s, "; \n\r\t")
}

// mendJSON escapes the control characters in strings that many pages leave
// raw in articleBody, and drops commas before a closing bracket.
func mendJSON(s string) string {
	b := make([]byte, 0, len(s)+64)
	quoted := false
	for i := 0; i < len(s); i++ {
		c := s[i]
		switch {
		case quoted && c == '\\' && i+1 < len(s):
			b = append(b, c, s[i+1])
			i++
			continue
		case c == '"':
			quoted = !quoted
		case quoted && c == '\n':
			b = append(b, '\\', 'n')
			continue
		case quoted && c < 0x20:
			b = append(b, ' ')
			continue
		case !quoted && (c == '}' || c == ']'):
			b = bytes.TrimSuffix(bytes.TrimRight(b, " \t\r\n"), []byte(","))
		}
		b = append(b, c)
	}
	return string(b)
}
