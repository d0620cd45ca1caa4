package pipeline

import "testing"

func TestCanonicalURL(t *testing.T) {
	tests := []struct{ in, want string }{
		{"HTTP://Example.COM:80/a?utm_source=x&id=7#top", "http://example.com/a?id=7"},
		{"https://example.com:443", "https://example.com/"},
		{"https://user:pw@example.com:8443/x", "https://example.com:8443/x"},
		{" https://example.com./a ", "https://example.com/a"},
		{"https://example.com/a?b=1&a=2&fbclid=q", "https://example.com/a?b=1&a=2"},
		{"https://example.com/a?UTM_Medium=x", "https://example.com/a"},
		{"https://example.com/news/amp", "https://example.com/news"},
		{"https://example.com/news/amp/", "https://example.com/news/"},
		{"https://example.com/story.amp.html", "https://example.com/story.html"},
		{"https://example.com/story?outputType=amp", "https://example.com/story"},
		{"https://example.com/champ", "https://example.com/champ"},
		{"https://www.google.com/amp/s/example.com/x?id=1", "https://example.com/x?id=1"},
		{"https://example-com.cdn.ampproject.org/c/s/example.com/x", "https://example.com/x"},
		{"https://www.google.com/amp/broken", "https://www.google.com/amp/broken"},
		{"https://[2001:DB8::1]/x", "https://[2001:db8::1]/x"},
		{"https://例え.jp/новости?q=华为", "https://%E4%BE%8B%E3%81%88.jp/%D0%BD%D0%BE%D0%B2%D0%BE%D1%81%D1%82%D0%B8?q=华为"},
		{"https://example.com/?q=a b\u00a0c&d= #e", "https://example.com/?q=a%20b%C2%A0c&d=%20"},
		{"ftp://example.com/", ""},
		{"javascript:alert(1)", ""},
		{"/relative", ""},
		{"http://", ""},
		{"", ""},
		{"http://%zz/", ""},
	}
	for _, tt := range tests {
		got, ok := CanonicalURL(tt.in)
		if got != tt.want || ok != (tt.want != "") {
			t.Errorf("CanonicalURL(%q) = %q, %v; want %q", tt.in, got, ok, tt.want)
		}
	}
}

// The canonical form is a fixed point: identity must not drift when an address
// passes through it twice.
func FuzzCanonicalURL(f *testing.F) {
	for _, s := range []string{
		"https://example.com/a?utm_source=x#y", "http://EXAMPLE.com:80/amp/", "https://www.google.com/amp/s/a.b/c/amp",
		"https://x.y//amp//amp?amp&amp", "http://a.b/?;=&%zz", "http://a.b/%2Famp", "http://0?0 #",
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		once, ok := CanonicalURL(s)
		if !ok {
			return
		}
		twice, ok := CanonicalURL(once)
		if !ok || twice != once {
			t.Errorf("CanonicalURL(%q) = %q, then %q, %v", s, once, twice, ok)
		}
	})
}
