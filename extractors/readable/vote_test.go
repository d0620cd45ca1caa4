package readable

import (
	"strings"
	"testing"

	"golang.org/x/net/html"

	textblocks "github.com/newswatch/newswatch/extractors/readable/internal/content"
)

// Where the blocks are sure of themselves nobody is asked; where they are not, a
// vote that agrees with them at least a little changes the choice, and says so.
func TestVotes(t *testing.T) {
	page := "<html><body><div>" + article(sentences...) + "</div></body></html>"
	root, err := parse(strings.NewReader(page))
	if err != nil {
		t.Fatal(err)
	}
	e := textblocks.Escalate()
	if e.Below <= 0 || e.Below >= 1 || e.Out <= 0 {
		t.Fatalf("the fitted escalation is %+v", e)
	}
	tests := []struct {
		name     string
		expected float64
		vote     string
		method   string
		votes    int
	}{
		{"sure", 1, "", MethodBlocks, 0},
		{"not sure, and nothing is found", e.Below - .01, "", MethodBlocks, 0},
		{"not sure, and all agree", e.Below - .01, strings.Join(sentences, "\n\n"), MethodBlocks, 1},
		{"not sure, and another has half", e.Below - .01, strings.Join(sentences[:2], "\n\n"), MethodVote, 1},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			d := textblocks.Read(root)
			kept := make([]bool, len(d.Blocks))
			for i := range d.Blocks {
				d.Blocks[i].Probability = .4
				kept[i] = true
			}
			p := Page{Method: MethodBlocks}
			var trace Trace
			b := booth{g: &gathered{}, page: &p, trace: &trace, ask: func(*html.Node, string) (string, string, error) {
				return tt.vote, "", nil
			}}
			b.weigh(d, kept, tt.expected, nil)
			if p.Method != tt.method || len(trace.Votes) != tt.votes {
				t.Errorf("method %s, votes %+v, want %s, %d", p.Method, trace.Votes, tt.method, tt.votes)
			}
			for _, v := range trace.Votes {
				if v.Agreement <= 0 || v.Agreement > 1 || v.Weight == 0 || v.Chosen != (tt.method == MethodVote) {
					t.Errorf("vote %+v", v)
				}
			}
		})
	}
}

// The Wayback Machine's banner is no text, nor is what is shown beside a word.
func TestCut(t *testing.T) {
	body := article(sentences...)
	tests := []struct{ name, page string }{
		{"Wayback Machine", `<!-- BEGIN WAYBACK TOOLBAR INSERT --><div id="wm-ipp-base" lang="en"><div id="wm-ipp"><a href="/web/">Wayback Machine</a>
			<p>123 captures 16 Dec 2015 - 25 Nov 2026. Please, if you find all these bits and bytes useful, pitch in, whatever the sum.</p></div></div>
			<div id="wm-ipp-print">The Wayback Machine - https://web.archive.org/web/2015/http://wuzhen.example/a</div>
			<div id="donato"><p>The Internet Archive is a library of all that ever was, and lives by what its readers give to it, today as ever.</p></div><!-- END WAYBACK TOOLBAR INSERT -->
			<article>` + body + `</article>`},
		{"card", `<article>` + strings.Replace(body, "Huawei", `<span class="rollover"><a href="/h">Huawei</a><span class="rollover-block"><a href="/1">Huawei opens a plant</a> <a href="/2">Huawei closes one</a></span></span>`, 1) + `</article>`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, err := Extract([]byte("<html><body>"+tt.page+"</body></html>"), Options{URL: "https://wuzhen.example/a"})
			if err != nil {
				t.Fatal(err)
			}
			if want := strings.Join(sentences, "\n\n"); got.Text != want {
				t.Errorf("got %q, want %q", got.Text, want)
			}
		})
	}
}
