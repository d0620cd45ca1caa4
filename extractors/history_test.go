package extractors

import (
	"fmt"
	"testing"
)

func TestLangHistory(t *testing.T) {
	var h langHistory
	add := func(lang string, n int) {
		for range n {
			h.add("daily", lang)
		}
	}
	check := func(when, want string) {
		t.Helper()
		if got := h.usual("daily"); got != want {
			t.Errorf("%s: got %q, want %q", when, got, want)
		}
	}
	check("nothing known", "")
	add("de", historySure-1)
	check("too few", "")
	add("de", 1)
	check("enough", "de")
	add("de", 1000)
	add("en", 5)
	check("some of another", "de")
	add("fr", historyMost)
	add("fr", historySure)
	check("changed for good", "fr")

	h.add("", "de")
	h.add("other", "")
	if got := h.usual("other") + h.usual(""); got != "" {
		t.Errorf("of nothing: %q", got)
	}
	for i := range historySources + 100 {
		h.add(fmt.Sprint(i), "en")
	}
	if len(h.of) != historySources {
		t.Errorf("%d sources remembered, want %d", len(h.of), historySources)
	}
}

// A short title that nothing is declared of is taken for the source's language.
func TestLanguageOfSource(t *testing.T) {
	const title = "Renuncia basquetbolista australiana"
	if got := Language(title, "", "", "es"); got != "es" {
		t.Errorf("got %q, want es", got)
	}
}
