package app

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"

	"github.com/newswatch/newswatch/cmd/internal/config"
)

// A hub finds the callback on the server's own address, by a name the server
// does not answer to otherwise, and what it pushes becomes an article.
func TestWebSubEndToEnd(t *testing.T) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	addr := ln.Addr().String()
	if err := ln.Close(); err != nil {
		t.Fatal(err)
	}
	// call asks the server by the name hubs know it by.
	call := func(method, address, body string, header http.Header) (int, string) {
		req, err := http.NewRequest(method, address, strings.NewReader(body))
		if err != nil {
			t.Error(err)
			return 0, ""
		}
		req.Host = "news.example"
		for k, v := range header {
			req.Header[k] = v
		}
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			return 0, err.Error()
		}
		defer resp.Body.Close()
		b, _ := io.ReadAll(resp.Body)
		return resp.StatusCode, string(b)
	}
	asked := make(chan url.Values, 10)
	var verifying sync.WaitGroup
	hub := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_ = r.ParseForm()
		form := r.PostForm
		w.WriteHeader(http.StatusAccepted)
		verifying.Go(func() {
			q := url.Values{"hub.mode": form["hub.mode"], "hub.topic": form["hub.topic"], "hub.challenge": {"yes"}, "hub.lease_seconds": {"86400"}}
			if code, said := call(http.MethodGet, form.Get("hub.callback")+"?"+q.Encode(), "", nil); code != 200 || said != "yes" {
				t.Errorf("verification: %d %s", code, said)
			}
			asked <- form
		})
	}))
	defer hub.Close()
	defer verifying.Wait()
	item := func(n int, title string) string {
		return fmt.Sprintf(`<item><title>%s</title><link>/news/%d</link><description>Huawei said so.</description></item>`, title, n)
	}
	feed := func(items string) string {
		return `<rss version="2.0" xmlns:atom="http://www.w3.org/2005/Atom"><channel><title>t</title><atom:link rel="hub" href="` + hub.URL + `"/>` + items + `</channel></rss>`
	}
	site := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/feed" {
			http.NotFound(w, r)
			return
		}
		_, _ = io.WriteString(w, feed(item(1, "Polled news of Huawei")))
	}))
	defer site.Close()

	r := runApp(t, t.TempDir(), func(o *Options) {
		o.Logger = slog.New(slog.DiscardHandler)
		o.Config.Web.Listen = addr
		o.Config.Feeds.WebSub.Callback = "http://" + addr + "/websub"
	})
	body := fmt.Sprintf(`{"id":"site","name":"Site","allow_private":true,"gap":"1ms","feeds":[{"url":%q}]}`, site.URL+"/feed")
	if code := r.do("PUT", "/api/v1/sources/site", body, nil); code != http.StatusCreated {
		t.Fatalf("PUT: %d", code)
	}
	form := <-asked
	push := feed(item(2, "Pushed news of Huawei"))
	mac := hmac.New(sha256.New, []byte(form.Get("hub.secret")))
	mac.Write([]byte(push))
	signature := http.Header{"X-Hub-Signature": {"sha256=" + hex.EncodeToString(mac.Sum(nil))}}
	if code, said := call(http.MethodPost, form.Get("hub.callback"), push, signature); code != http.StatusAccepted {
		t.Fatalf("push: %d %s", code, said)
	}
	eventually(t, "pushed article", func() bool { return r.search("title:pushed").Total == 1 })
	if code, _ := call(http.MethodGet, "http://"+addr+"/api/v1/status", "", nil); code != http.StatusMisdirectedRequest {
		t.Errorf("another path by that name: %d, want 421", code)
	}
}

func TestWebSubConfig(t *testing.T) {
	for _, callback := range []string{"news.example", "https://news.example/"} {
		o := Options{Logger: slog.New(slog.DiscardHandler), Config: config.Default(), Version: "test"}
		o.Config.Data, o.Config.Web.Listen = t.TempDir(), "127.0.0.1:0"
		o.Config.Feeds.WebSub.Callback = callback
		a, err := New(t.Context(), o)
		if err == nil {
			_ = a.close()
			t.Errorf("%s: taken for a callback", callback)
		} else if !strings.Contains(err.Error(), "feeds.websub.callback") {
			t.Errorf("%s: %v, want the setting named", callback, err)
		}
	}
}
