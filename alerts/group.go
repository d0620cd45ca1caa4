package alerts

import (
	"strings"

	"github.com/newswatch/newswatch/pipeline"
	"github.com/newswatch/newswatch/pipeline/catalog"
)

// A group is what alerts once, and the places of the match that are in it.
type group struct {
	kind  string // of catalog.Groups, or groupFeed
	what  []string
	spans []pipeline.Span
}

// groups divides a match:
//
//	story   one alert per story, whichever articles, copies and revisions it has
//	entity  one per story and entity that the match mentions; one per story
//	        where it mentions none
//	source  one per story and source
//	none    one per text: a copy is its original, a revision its article
func groups(a *pipeline.Article, by string, spans []pipeline.Span) []group {
	story := storyOf(a)
	switch by {
	case catalog.GroupEntity:
		return byEntity(story, spans)
	case catalog.GroupSource:
		return []group{{by, []string{story, a.Source}, spans}}
	case catalog.GroupNone:
		return []group{{by, []string{originalKey(a)}, spans}}
	default:
		return []group{{by, []string{story}, spans}}
	}
}

func byEntity(story string, spans []pipeline.Span) []group {
	var entities []string
	of := make(map[string][]pipeline.Span)
	for _, s := range spans {
		if s.Entity != "" && of[s.Entity] == nil {
			entities = append(entities, s.Entity)
		}
		of[s.Entity] = append(of[s.Entity], s)
	}
	if len(entities) == 0 {
		return []group{{catalog.GroupEntity, []string{story, ""}, spans}}
	}
	var gs []group
	for _, id := range entities {
		// The entity's own places first: the sentence is round the first.
		own := append(of[id][:len(of[id]):len(of[id])], of[""]...)
		gs = append(gs, group{catalog.GroupEntity, []string{story, id}, own})
	}
	return gs
}

// storyOf is the article's story. An article that has none yet is its own.
func storyOf(a *pipeline.Article) string {
	if a.Story != "" {
		return a.Story
	}
	return originalKey(a)
}

// originalKey is the key of the article, or of what it is a copy of.
func originalKey(a *pipeline.Article) string {
	if _, key, err := pipeline.ParseID(a.CopyOf); err == nil {
		return key
	}
	return a.Key
}

// dedup is 16 hex digits over what must alert once.
func (g group) dedup(watch string) string {
	return pipeline.Key("alert\n" + watch + "\n" + g.kind + "\n" + strings.Join(g.what, "\n"))
}
