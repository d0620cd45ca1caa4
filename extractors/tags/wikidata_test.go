package tags

import (
	"errors"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/newswatch/newswatch/pipeline/catalog"
)

func TestSuggest(t *testing.T) {
	data, err := os.ReadFile("testdata/wikidata-item.json")
	if err != nil {
		t.Fatal(err)
	}
	got, notes, err := Suggest(data, []string{"en", "ru", "zh", "uk"})
	if err != nil {
		t.Fatal(err)
	}
	want := catalog.Entity{
		ID: "northlight", Name: "Northlight", Kind: "organization", Wikidata: "Q999000001",
		Names: []catalog.Name{
			{Text: "Northlight"}, {Text: "Northlight Ltd."}, {Text: "NL"}, {Text: "North light Group"},
			{Text: "Нортлайт", Lang: "ru"}, {Text: "Нортлайт Групп", Lang: "ru"}, {Text: "Northlight Telecom"}, {Text: "Нортлайта", Lang: "ru"},
			{Text: "北光", Lang: "zh"}, {Text: "北光电信", Lang: "zh"}, {Text: "北光科技", Lang: "zh"}, {Text: "北光集团", Lang: "zh"},
		},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if notes != nil {
		t.Errorf("notes %q", notes)
	}
	if err := got.Validate(); err != nil {
		t.Error(err)
	}
	if got, _, _ = Suggest(data, []string{"de"}); len(got.Names) != 2 || got.Names[0].Text != "Nordlicht" || got.Names[0].Lang != "de" {
		t.Errorf("in German: %+v", got.Names)
	}
}

func TestSuggestOddDocuments(t *testing.T) {
	for _, tt := range []struct{ name, doc, id, kind, want string }{
		{"empty lists for maps", `{"entities":{"Q7":{"id":"Q7","labels":{"ru":{"value":"Утро"}},"aliases":[],"claims":[]}}}`, "q7", "topic", ""},
		{"a redirect", `{"entities":{"Q8":{"id":"Q9","labels":{"en":{"value":"Ökö & Co"}}}}}`, "oko-co", "topic", ""},
		{"no names", `{"entities":{"Q7":{"id":"Q7","labels":{"fr":{"value":"Matin"}}}}}`, "", "", "no label or alias in en, ru"},
		{"missing", `{"entities":{"Q7":{"id":"Q7","missing":""}}}`, "", "", "there is no"},
		{"a property", `{"entities":{"P31":{"id":"P31","labels":{"en":{"value":"instance of"}}}}}`, "", "", "is no item"},
		{"two", `{"entities":{"Q1":{},"Q2":{}}}`, "", "", "2 entities"},
		{"none", `{"entities":[]}`, "", "", "0 entities"},
		{"a page", `<html>`, "", "", "not a Wikidata entity document"},
		{"no object", `[]`, "", "", "not a Wikidata entity document"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			e, notes, err := Suggest([]byte(tt.doc), []string{"en", "ru"})
			if tt.want != "" {
				if err == nil || !strings.Contains(err.Error(), tt.want) {
					t.Errorf("%v, want %q", err, tt.want)
				}
				return
			}
			if err != nil || e.ID != tt.id || e.Kind != tt.kind || len(notes) != 1 {
				t.Errorf("%+v, %q, %v", e, notes, err)
			}
		})
	}
}

// Whatever the document, what is suggested can be saved.
func FuzzSuggest(f *testing.F) {
	data, err := os.ReadFile("testdata/wikidata-item.json")
	if err != nil {
		f.Fatal(err)
	}
	f.Add(data)
	f.Add([]byte(`{"entities":{"Q7":{"id":"Q7","labels":[],"aliases":{"en":[{"value":"a"}]},"claims":{"P31":[{"mainsnak":{"datavalue":{"value":"x"}}}]}}}}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		e, _, err := Suggest(data, []string{"en", "ru", "zh"})
		if err != nil {
			if e.ID != "" && errors.Is(err, ErrWikidata) {
				t.Errorf("an entity with an error: %+v", e)
			}
			return
		}
		if err := e.Validate(); err != nil {
			t.Errorf("%v\n%s", err, data)
		}
		Lint(e, nil)
	})
}
