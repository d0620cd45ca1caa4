package feeds

import "testing"

func TestJSONHubs(t *testing.T) {
	for _, tc := range []struct{ name, hubs, want string }{
		{"the first of WebSub", `[{"type":"rssCloud","url":"https://cloud.example/"},{"type":"WebSub","url":"https://hub.example/"},{"type":"WebSub","url":"https://two.example/"}]`, "https://hub.example/"},
		{"relative, in lower case", `[{"type":"websub","url":"/hub"}]`, "https://site.example/hub"},
		{"not in a list", `{"type":"WebSub","url":"https://hub.example/"}`, "https://hub.example/"},
		{"of another kind", `[{"type":"rssCloud","url":"https://cloud.example/"}]`, ""},
		{"no address", `[{"type":"WebSub"}]`, ""},
		{"not the web's", `[{"type":"WebSub","url":"javascript:alert(1)"}]`, ""},
		{"strings", `["https://hub.example/"]`, ""},
		{"nothing", `null`, ""},
	} {
		for _, broken := range []string{"", ` and more`} { // mended ones too
			doc := `{"version":"https://jsonfeed.org/version/1.1","title":"T","feed_url":"https://site.example/feed.json","hubs":` + tc.hubs +
				`,"items":[{"id":"1","url":"https://site.example/1","title":"one"}]}` + broken
			p, err := Parse([]byte(doc), "https://site.example/feed.json", "application/feed+json", ParseOptions{})
			if err != nil {
				t.Fatalf("%s: %v", tc.name, err)
			}
			if p.Hub != tc.want || len(p.Items) != 1 {
				t.Errorf("%s: hub %q of %d items, want %q of one", tc.name, p.Hub, len(p.Items), tc.want)
			}
		}
	}
}
