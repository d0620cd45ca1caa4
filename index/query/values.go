package query

import (
	"net/url"
	"slices"
	"strings"

	"github.com/newswatch/newswatch/extractors/textnorm"
	"github.com/newswatch/newswatch/pipeline"
)

// AuthorWords is the most words in a row of an author line that author: finds.
const AuthorWords = 6

// maxAuthorWords bounds what a malformed author line costs.
const maxAuthorWords = 48

// Values are the values a has for the keyword field, normalised, each once. A
// [Keyword] matches a when its Value is one of them.
func Values(a *pipeline.Article, field string) []string {
	switch field {
	case FieldEntity:
		return distinct(a.Mentions, func(m pipeline.Mention) string { return m.Entity })
	case FieldAbout:
		salience := a.Salience()
		return distinct(a.Mentions, func(m pipeline.Mention) string {
			if salience[m.Entity] < pipeline.AboutSalience {
				return ""
			}
			return m.Entity
		})
	case FieldKind:
		return distinct(a.Mentions, func(m pipeline.Mention) string { return m.Kind })
	case FieldSource:
		return one(fold(a.Source))
	case FieldStory:
		return one(fold(a.Story))
	case FieldKey:
		return one(fold(a.Key))
	case FieldCountry:
		return one(fold(a.Country))
	case FieldLang:
		return langs(a.Lang)
	case FieldSite:
		return sites(a.URL)
	case FieldAuthor:
		return authors(a.Author)
	case FieldTag:
		var tags []string
		for _, t := range a.Tags {
			tags = appendNew(tags, fold(t))
		}
		return tags
	default:
		return nil
	}
}

// fold is s folded, with single spaces and none at the ends.
func fold(s string) string {
	return strings.Join(strings.Fields(textnorm.Fold(s)), " ")
}

func one(v string) []string {
	if v == "" {
		return nil
	}
	return []string{v}
}

func appendNew(vs []string, v string) []string {
	if v == "" {
		return vs
	}
	if slices.Contains(vs, v) {
		return vs
	}
	return append(vs, v)
}

func distinct(ms []pipeline.Mention, value func(pipeline.Mention) string) []string {
	var vs []string
	for _, m := range ms {
		if m.Counts() {
			vs = appendNew(vs, fold(value(m)))
		}
	}
	return vs
}

// langs is a language tag and what it is a kind of: zh-hans-cn, zh-hans, zh.
func langs(tag string) []string {
	tag = strings.ReplaceAll(fold(tag), "_", "-")
	var vs []string
	for tag != "" {
		vs = append(vs, tag)
		i := strings.LastIndexByte(tag, '-')
		if i < 0 {
			break
		}
		tag = tag[:i]
	}
	return vs
}

// sites is the host of an address and every domain above it, the top one
// included. An IP address has none above it.
func sites(raw string) []string {
	u, err := url.Parse(raw)
	if err != nil {
		return nil
	}
	host := hostForm(u.Hostname())
	if host == "" {
		return nil
	}
	vs := []string{host}
	if last := host[strings.LastIndexByte(host, '.')+1:]; strings.Contains(host, ":") || last == "" || last[0] >= '0' && last[0] <= '9' {
		return vs
	}
	for {
		_, above, ok := strings.Cut(host, ".")
		if !ok || above == "" {
			return vs
		}
		vs, host = append(vs, above), above
	}
}

// authors is every run of one to AuthorWords words of an author line.
func authors(line string) []string {
	words := authorWords(line)
	words = words[:min(len(words), maxAuthorWords)]
	var vs []string
	seen := make(map[string]bool)
	for i := range words {
		for j := i + 1; j <= min(i+AuthorWords, len(words)); j++ {
			if v := strings.Join(words[i:j], " "); !seen[v] {
				seen[v] = true
				vs = append(vs, v)
			}
		}
	}
	return vs
}

// authorWords is the words of an author line, folded and not stemmed; each Han
// character is one.
func authorWords(line string) []string {
	var words []string
	for _, t := range textnorm.Analyze(nil, line) {
		if !t.Beside() {
			words = append(words, textnorm.Fold(line[t.Start:t.End]))
		}
	}
	return words
}
