package content

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/net/html"
)

func TestOnce(t *testing.T) {
	one := "Huawei signed an agreement with Sberbank in Wuzhen on Wednesday, the second day of the conference, both companies said."
	two := "Under the agreement, which runs for five years, the two will build data centres in Moscow and Novosibirsk, and share the cost."
	three := "Analysts in Beijing called the deal a sign of things to come, though they warned that the sum, which was not disclosed, might be modest."
	p := func(texts ...string) string { return "<p>" + strings.Join(texts, "</p><p>") + "</p>" }
	tests := []struct {
		name, html string
		want       []string
	}{
		{"nothing twice", p(one, two, three), []string{one, two, three}},
		{"all again", p(one, two, one, two), []string{one, two}},
		{"all again in one block", p(one, two, three, one+" "+two+" "+three), []string{one, two, three}},
		{"all again in one block before", p(one+" "+two+" "+three, one, two, three), []string{one, two, three}},
		{"a sentence set large", p(one+" "+three, three, two), []string{one + " " + three, three, two}},
		{"an author who says it again", p(one, two, one, three), []string{one, two, one, three}},
		{"again in another place", p(one, two, three) + "<div>" + p(one) + "</div>", []string{one, two, three}},
		{"a refrain", p("La la la.", one, "La la la.", two), []string{"La la la.", one, "La la la.", two}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			root, err := html.Parse(strings.NewReader(tt.html))
			if err != nil {
				t.Fatal(err)
			}
			d := Read(root)
			kept := make([]bool, len(d.Blocks))
			for i := range kept {
				kept[i] = true
			}
			d.once(kept)
			var got []string
			for i, k := range kept {
				if k {
					got = append(got, d.Text(i))
				}
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestDivide(t *testing.T) {
	const page = "<article><p>___</p><p>One.</p><p>* * *</p><p>Two.</p><p>___</p></article><div>---</div><p>|</p>"
	root, err := html.Parse(strings.NewReader(page))
	if err != nil {
		t.Fatal(err)
	}
	d := Read(root)
	kept := make([]bool, len(d.Blocks))
	for i := range kept {
		kept[i] = d.Text(i) == "One." || d.Text(i) == "Two."
	}
	d.divide(kept)
	want := "One.\n\n* * *\n\nTwo.\n\n___"
	if diff := cmp.Diff(want, d.Join(func(i int) bool { return kept[i] })); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}
