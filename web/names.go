package web

import (
	"strings"

	"golang.org/x/text/language"
	"golang.org/x/text/language/display"

	"github.com/newswatch/newswatch/pipeline/catalog"
)

// names shows catalog ids as names, as the catalog is now.
type names struct {
	catalog *catalog.Catalog
}

func (s *Server) names() names {
	if s.deps.Catalog == nil {
		return names{&catalog.Catalog{}}
	}
	return names{s.deps.Catalog.Snapshot()}
}

func (n names) source(id string) string {
	if s := n.catalog.Source(id); s != nil && s.Name != "" {
		return s.Name
	}
	return id
}

// sourcePage is the address of a source's page; of a source the catalog no
// longer has, that of a search for its articles.
func (n names) sourcePage(id string) string {
	if n.catalog.Source(id) == nil {
		return searchState{Query: term("source", id)}.url()
	}
	return sourceURL(id)
}

func (n names) entity(id string) string {
	if e := n.catalog.Entity(id); e != nil && e.Name != "" {
		return e.Name
	}
	return id
}

// facet is how a value of a facet is shown.
func (n names) facet(field, value string) string {
	switch field {
	case "source":
		return n.source(value)
	case "entity":
		return n.entity(value)
	case "lang":
		return langName(value)
	case "country":
		return countryName(value)
	default:
		return value
	}
}

// langName is the English name of a language, or its code.
func langName(code string) string {
	tag, err := language.Parse(code)
	if err != nil {
		return code
	}
	if name := display.English.Languages().Name(tag); name != "" {
		return name
	}
	return code
}

// countryName is the English name of a country, or its code.
func countryName(code string) string {
	region, err := language.ParseRegion(strings.ToUpper(code))
	if err != nil {
		return code
	}
	if name := display.English.Regions().Name(region); name != "" {
		return name
	}
	return code
}
