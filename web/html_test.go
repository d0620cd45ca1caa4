package web

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"golang.org/x/net/html"
	"golang.org/x/net/html/atom"
)

// A tree is a parsed page that can be asked about.
type tree struct{ root *html.Node }

func parsePage(t testing.TB, body string) tree {
	t.Helper()
	root, err := html.Parse(strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	return tree{root}
}

// all are the elements of a kind; a.class also asks for the class.
func (p tree) all(selector string) []*html.Node {
	tag, class, _ := strings.Cut(selector, ".")
	var out []*html.Node
	for n := range p.root.Descendants() {
		if n.Type == html.ElementNode && (tag == "" || n.Data == tag) && (class == "" || hasClass(n, class)) {
			out = append(out, n)
		}
	}
	return out
}

func (p tree) one(t testing.TB, selector string) *html.Node {
	t.Helper()
	found := p.all(selector)
	if len(found) != 1 {
		t.Fatalf("%d elements %q, want 1", len(found), selector)
	}
	return found[0]
}

// link is the address of the first link of the class whose text contains the
// words.
func (p tree) link(t testing.TB, selector, words string) string {
	t.Helper()
	for _, n := range p.all(selector) {
		if strings.Contains(text(n), words) {
			return attr(n, "href")
		}
	}
	t.Fatalf("no %s with %q", selector, words)
	return ""
}

func attr(n *html.Node, name string) string {
	for _, a := range n.Attr {
		if a.Key == name {
			return a.Val
		}
	}
	return ""
}

func hasClass(n *html.Node, class string) bool {
	return slices.Contains(strings.Fields(attr(n, "class")), class)
}

func text(n *html.Node) string {
	var b strings.Builder
	for d := range n.Descendants() {
		if d.Type == html.TextNode {
			b.WriteString(d.Data)
		}
	}
	return strings.Join(strings.Fields(b.String()), " ")
}

// checkPage holds every page to the rules: nested as written, one h1, labels,
// distinct ids, nothing inline, nothing from elsewhere.
func checkPage(t testing.TB, body string) tree {
	t.Helper()
	for _, fault := range faults(body) {
		t.Errorf("page: %s", fault)
	}
	return parsePage(t, body)
}

func faults(body string) []string {
	out := nesting(body)
	fault := func(format string, args ...any) { out = append(out, fmt.Sprintf(format, args...)) }
	root, err := html.Parse(strings.NewReader(body))
	if err != nil {
		return append(out, err.Error())
	}
	p := tree{root}
	if n := len(p.all("h1")); n != 1 {
		fault("%d h1, want 1", n)
	}
	if len(p.all("main")) != 1 || len((tree{p.all("head")[0]}).all("title")) != 1 {
		fault("want one main and one title")
	}
	ids := map[string]bool{}
	labels := map[string]bool{}
	for _, l := range p.all("label") {
		labels[attr(l, "for")] = true
	}
	for n := range root.Descendants() {
		if n.Type != html.ElementNode {
			continue
		}
		for _, a := range n.Attr {
			switch {
			case strings.HasPrefix(a.Key, "on"), a.Key == "style", a.Key == "srcdoc":
				fault("<%s %s=…>", n.Data, a.Key)
			case a.Key == "id":
				if ids[a.Val] {
					fault("id %q twice", a.Val)
				}
				ids[a.Val] = true
			case a.Key == "href" || a.Key == "src" || a.Key == "action":
				for _, f := range address(n, a) {
					fault("%s", f)
				}
			}
		}
		switch n.DataAtom {
		case atom.Script, atom.Style:
			if n.FirstChild != nil {
				fault("inline <%s>", n.Data)
			}
		case atom.Input, atom.Select, atom.Textarea:
			if attr(n, "type") != "hidden" && !labels[attr(n, "id")] {
				fault("<%s name=%q> without label", n.Data, attr(n, "name"))
			}
		case atom.Button, atom.A, atom.Summary:
			if text(n) == "" && attr(n, "aria-label") == "" {
				fault("<%s> without a name", n.Data)
			}
		case atom.Th:
			if attr(n, "scope") == "" {
				fault("th without scope: %s", text(n))
			}
		case atom.Iframe, atom.Object, atom.Embed, atom.Base, atom.Img:
			fault("<%s>", n.Data)
		}
	}
	for _, a := range p.all("a") {
		if to, ok := strings.CutPrefix(attr(a, "href"), "#"); ok && !ids[to] {
			fault("link to #%s, which is not there", to)
		}
	}
	return out
}

// address: only links of the content may leave the site, and then without a
// trace; nothing may be script.
func address(n *html.Node, a html.Attribute) []string {
	switch {
	case strings.HasPrefix(a.Val, "/") && !strings.HasPrefix(a.Val, "//"), strings.HasPrefix(a.Val, "#"):
		return nil
	case n.DataAtom != atom.A:
		return []string{fmt.Sprintf("<%s %s=%q>", n.Data, a.Key, a.Val)}
	case !strings.HasPrefix(a.Val, "http://") && !strings.HasPrefix(a.Val, "https://"):
		return []string{fmt.Sprintf("link to %q", a.Val)}
	case attr(n, "rel") != "noopener noreferrer nofollow":
		return []string{fmt.Sprintf("link to %q with rel=%q", a.Val, attr(n, "rel"))}
	}
	return nil
}

// nesting checks the tags as they are written; a parser would mend them.
func nesting(body string) []string {
	var out, open []string
	void := []string{"meta", "link", "input", "br", "hr", "img"}
	z := html.NewTokenizer(strings.NewReader(body))
	for {
		switch kind := z.Next(); kind {
		case html.ErrorToken:
			if len(open) > 0 {
				out = append(out, fmt.Sprintf("never closed: %v", open))
			}
			return out
		case html.StartTagToken:
			name, _ := z.TagName()
			if !slices.Contains(void, string(name)) {
				open = append(open, string(name))
			}
		case html.EndTagToken:
			name, _ := z.TagName()
			if len(open) == 0 || open[len(open)-1] != string(name) {
				return append(out, fmt.Sprintf("</%s> closes %v", name, open))
			}
			open = open[:len(open)-1]
		}
	}
}

func TestFaultsAreFound(t *testing.T) {
	const fine = `<!doctype html><html><head><title>t</title></head><body><main><h1>x</h1>%s</main></body></html>`
	for name, bad := range map[string]string{
		"handler":   `<p onclick="x()">a</p>`,
		"style":     `<p style="color:red">a</p>`,
		"script":    `<script>x()</script>`,
		"label":     `<input id="a" name="a">`,
		"h1":        `<h1>again</h1>`,
		"nesting":   `<p><b>a</p></b>`,
		"address":   `<a href="javascript:x()">a</a>`,
		"elsewhere": `<a href="https://e.example/">a</a>`,
		"image":     `<img src="https://e.example/i.png">`,
		"id":        `<p id="a">a</p><p id="a">b</p>`,
	} {
		if len(faults(fmt.Sprintf(fine, bad))) == 0 {
			t.Errorf("%s: no fault found", name)
		}
	}
	if got := faults(fmt.Sprintf(fine, `<label for="a">A</label><input id="a">`)); len(got) > 0 {
		t.Errorf("a good page: %v", got)
	}
}
