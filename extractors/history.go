package extractors

import "sync"

const (
	historySources = 20_000 // sources remembered
	historySure    = 3      // articles in one language after which a source is known for it
	historyMost    = 20     // articles that weigh: a source that changes is believed after as many
)

// A langHistory remembers which language each source mostly writes, for what
// comes without a declaration and is too short to tell. It is held in memory
// only: a process that begins anew learns it from the first articles.
type langHistory struct {
	mu sync.Mutex
	of map[string]langTally // by source
}

// A langTally is the language that leads and by how many articles, as in the
// majority vote of Boyer and Moore.
type langTally struct {
	lang string
	lead int
}

// add counts an article of a source whose language was plain.
func (h *langHistory) add(source, lang string) {
	if source == "" || lang == "" {
		return
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	t, known := h.of[source]
	switch {
	case t.lang == lang:
		t.lead = min(t.lead+1, historyMost)
	case t.lead > 0:
		t.lead--
	default:
		t = langTally{lang, 1}
	}
	if h.of == nil {
		h.of = make(map[string]langTally)
	}
	if !known && len(h.of) >= historySources {
		for s := range h.of { // any: it is learnt again
			delete(h.of, s)
			break
		}
	}
	h.of[source] = t
}

// usual is the language that a source is known for; "" for none.
func (h *langHistory) usual(source string) string {
	h.mu.Lock()
	defer h.mu.Unlock()
	if t := h.of[source]; t.lead >= historySure {
		return t.lang
	}
	return ""
}
