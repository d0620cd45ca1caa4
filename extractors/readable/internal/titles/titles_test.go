package titles

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestCandidates(t *testing.T) {
	p := Page{Said: []Said{
		{Place: Element, Text: "HUAWEI OPENS A PLANT | Wuzhen Daily", Bare: "HUAWEI OPENS A PLANT"},
		{Place: H1, Text: "Business Huawei opens a plant", Bare: "Business Huawei opens a plant", Parts: []string{"Business", "Huawei opens a plant"}},
		{Place: Ruled, Text: "Huawei opens a plant", Bare: "Huawei opens a plant"},
		{Place: H2, Text: "—", Bare: "—"},
	}}
	var got []string
	for _, c := range p.Candidates() {
		got = append(got, c.Text)
	}
	want := []string{"HUAWEI OPENS A PLANT | Wuzhen Daily", "Huawei opens a plant", "Business Huawei opens a plant", "Wuzhen Daily", "Business"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("candidates (-want +got):\n%s", diff)
	}
}

// TestFeatures holds the features that say where a candidate stands among what
// the places say.
func TestFeatures(t *testing.T) {
	p := Page{
		Said: []Said{
			{Place: OpenGraph, Text: "Huawei opens a plant - Daily", Bare: "Huawei opens a plant"},
			{Place: H1, Text: "Huawei opens a plant in Wuzhen", Bare: "Huawei opens a plant in Wuzhen", Standing: Called},
		},
		Sites: []string{"daily"},
		Path:  "/news/huawei-opens-plant",
	}
	cs := p.Candidates()
	rows := p.Features(cs)
	at := func(text string, place Place, feature int) float32 {
		t.Helper()
		for i, c := range cs {
			if c.Text == text {
				if place == places {
					return rows[i][int(places)*perPlace+feature]
				}
				return rows[i][int(place)*perPlace+feature]
			}
		}
		t.Fatalf("no candidate %q", text)
		return 0
	}
	for _, tt := range []struct {
		text    string
		place   Place
		feature int
		want    float32
	}{
		{"Huawei opens a plant", OpenGraph, whole, 1},
		{"Huawei opens a plant - Daily", OpenGraph, whole, 2},
		{"Huawei opens a plant", H1, within, 3},
		{"Huawei opens a plant in Wuzhen", OpenGraph, around, 3},
		{"Huawei opens a plant in Wuzhen", H1, standing, float32(Called)},
		{"Huawei opens a plant", Twitter, whole, -1},
		{"Daily", places, isSite, 1},
		{"Huawei opens a plant - Daily", places, hasSite, 1},
		{"Huawei opens a plant", places, ofSlug, .75},
		{"Huawei opens a plant", places, agreeing, 1},
	} {
		if got := at(tt.text, tt.place, tt.feature); got != tt.want {
			t.Errorf("%q, place %d, feature %d: %v, want %v", tt.text, tt.place, tt.feature, got, tt.want)
		}
	}
}

func TestChooseNothing(t *testing.T) {
	if got := (&Page{}).Choose(); got != "" {
		t.Errorf("of a page that says nothing: %q", got)
	}
}
