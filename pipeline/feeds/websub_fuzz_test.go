package feeds

import (
	"net/http"
	"strings"
	"testing"
)

func FuzzSignature(f *testing.F) {
	for _, s := range []string{"", "sha1=", "sha256=00", "SHA1 = ab", "sha1=da39a3ee5e6b4b0d3255bfef95601890afd80709", "=", "sha512=é", strings.Repeat("sha1=", 9)} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, header string) {
		method, sum, ok := readSignature(header)
		if ok && len(sum) != method().Size() {
			t.Errorf("%q: a sum of %d bytes for a method of %d", header, len(sum), method().Size())
		}
		// Nobody can sign without the secret.
		if got := signed(header, "c0ffee00c0ffee00c0ffee00", []byte("body")); got == "" {
			t.Errorf("%q passed for a signature", header)
		}
	})
}

func FuzzVerification(f *testing.F) {
	for _, s := range []string{
		"hub.mode=subscribe&hub.topic=http%3A%2F%2Fe.com%2F&hub.challenge=abc&hub.lease_seconds=864000",
		"hub.mode=denied&hub.reason=no", "hub.mode=unsubscribe&hub.challenge=x", "", "%", "hub.mode=subscribe&hub.challenge=x&hub.lease_seconds=-1",
		"hub.mode=subscribe&hub.challenge=x&hub.lease_seconds=99999999999999999", "hub.mode=subscribe;hub.challenge=x",
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, query string) {
		v, err := readVerification(query)
		if err != nil {
			return
		}
		if v.lease < 0 || v.lease > maxLease || len(v.challenge) > maxChallenge {
			t.Errorf("%q: lease %v, challenge of %d bytes", query, v.lease, len(v.challenge))
		}
		if v.mode != "denied" && v.challenge == "" {
			t.Errorf("%q was taken without a challenge", query)
		}
	})
}

func FuzzLinks(f *testing.F) {
	for _, s := range []string{`<http://h/>; rel=hub`, `<a>; rel="self hub", <b>;rel=hub`, "<", "<>;rel=hub", `<a;b,c>; x=y; REL = "SELF"`, ">;<"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, header string) {
		hub, self := links(http.Header{"Link": {header}})
		for _, got := range []string{hub, self} {
			if !strings.Contains(header, got) {
				t.Errorf("%q: %q is not in it", header, got)
			}
		}
	})
}

func TestLinks(t *testing.T) {
	for _, tt := range []struct{ header, hub, self string }{
		{`<https://hub.example/>; rel="hub"`, "https://hub.example/", ""},
		{`<https://e.com/f>; rel="self", <https://a.example/>; rel=hub, <https://b.example/>; rel=hub`, "https://a.example/", "https://e.com/f"},
		{`<https://e.com/a,b;c>; title="x"; rel="alternate self"`, "", "https://e.com/a,b;c"},
		{`<https://e.com/style.css>; rel=preload`, "", ""},
	} {
		hub, self := links(http.Header{"Link": {tt.header}})
		if hub != tt.hub || self != tt.self {
			t.Errorf("%s: hub %q, self %q, want %q, %q", tt.header, hub, self, tt.hub, tt.self)
		}
	}
}
