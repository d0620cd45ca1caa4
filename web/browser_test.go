package web

import (
	"context"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/input"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
)

// chromium finds a browser: $CHROMIUM, or one under its usual names. Without
// one the test is skipped, except in CI, where it fails.
func chromium(t *testing.T) string {
	t.Helper()
	names := []string{os.Getenv("CHROMIUM"), "chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "headless-shell"}
	for _, name := range names {
		if name == "" {
			continue
		}
		if path, err := exec.LookPath(name); err == nil {
			return path
		}
	}
	const missing = "no Chromium here (set CHROMIUM to one): the pages were not tried in a browser"
	if os.Getenv("CI") == "true" {
		t.Fatal(missing)
	}
	t.Skip(missing)
	return ""
}

// browser starts a browser of its own and returns a tab of it.
func browser(t *testing.T) context.Context {
	t.Helper()
	opts := append(chromedp.DefaultExecAllocatorOptions[:],
		chromedp.ExecPath(chromium(t)),
		chromedp.NoSandbox, // containers have no user namespaces; the pages are our own
		chromedp.DisableGPU,
		chromedp.Flag("disable-background-networking", true),
		chromedp.WSURLReadTimeout(time.Minute),
	)
	ctx, cancel := chromedp.NewExecAllocator(t.Context(), opts...)
	t.Cleanup(cancel)
	ctx, cancel = chromedp.NewContext(ctx)
	t.Cleanup(cancel)
	if err := chromedp.Do(ctx); err != nil { // starts it: its life is that of this context
		t.Fatal(err)
	}
	ctx, cancel = context.WithTimeout(ctx, 2*time.Minute)
	t.Cleanup(cancel)
	return ctx
}

// read is the value of a reading action.
func read[T any](t *testing.T, tab context.Context, a chromedp.Action[T]) T {
	t.Helper()
	v, err := chromedp.Run(tab, a)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// follow runs actions, each of which leads to another page.
func follow(t *testing.T, tab context.Context, actions ...chromedp.Action[chromedp.Void]) {
	t.Helper()
	for _, a := range actions {
		res, err := chromedp.RunResponse(tab, a)
		if err != nil {
			t.Fatal(err)
		}
		if res.Status != 200 {
			t.Fatalf("%s: %d", res.URL, res.Status)
		}
	}
}

// withScript switches script on or off for the pages that follow.
func withScript(on bool) chromedp.Action[chromedp.Void] {
	return chromedp.Func(func(ctx context.Context, t *chromedp.Target) error {
		_, err := cdp.Call(ctx, t, emulation.SetScriptExecutionDisabled, emulation.SetScriptExecutionDisabledParams{Value: !on})
		return err
	})
}

// In a browser, with script and without: search, narrow by a facet, open an
// article, see the original's link and the marked mentions.
func TestInBrowser(t *testing.T) {
	tab := browser(t)
	srv := httptest.NewServer(serverOf(t, newWorld(t).deps(), Config{}).Handler())
	defer srv.Close()
	for _, script := range []bool{true, false} {
		name := map[bool]string{true: "with script", false: "without script"}[script]
		t.Run(name, func(t *testing.T) {
			if err := chromedp.Do(tab, withScript(script), chromedp.EmulateViewport(1200, 900)); err != nil {
				t.Fatal(err)
			}
			follow(t, tab,
				chromedp.Navigate(srv.URL+"/"),
				chromedp.SendKeys(chromedp.ID("q"), "huawei OR Хуавей"+kb.Enter),
				chromedp.Click(`//aside[@id="filters"]//a[contains(., "Вестник связи")]`),
			)
			box := read(t, tab, chromedp.AttributeValue(chromedp.ID("q"), "value")).Value
			if want := "(huawei OR Хуавей) source:vestnik"; box != want {
				t.Errorf("box %q, want %q", box, want)
			}
			if sum := read(t, tab, chromedp.TextContent(chromedp.CSS(".sum"))); !strings.HasPrefix(sum, "2 articles") {
				t.Errorf("sum %q", sum)
			}
			follow(t, tab, chromedp.Click(chromedp.CSS("ol.hits h2 a")))
			if title := read(t, tab, chromedp.TextContent(chromedp.CSS("h1"))); !strings.HasPrefix(title, "Медведев в Учжэне") {
				t.Errorf("title %q", title)
			}
			if to := read(t, tab, chromedp.AttributeValue(chromedp.CSS(`a[rel~="nofollow"]`), "href")).Value; !strings.HasPrefix(to, "https://www.vestnik.example/") {
				t.Errorf("original %q", to)
			}
			if marks := read(t, tab, chromedp.Nodes(chromedp.CSSAll(".text mark"))); len(marks) != 2 {
				t.Errorf("%d mentions marked, want 2", len(marks))
			}
		})
	}
	t.Run("slash", func(t *testing.T) {
		if err := chromedp.Do(tab, withScript(true)); err != nil {
			t.Fatal(err)
		}
		follow(t, tab, chromedp.Navigate(srv.URL+"/"))
		// One event with its text, as a keyboard sends it.
		key := chromedp.Func(func(ctx context.Context, t *chromedp.Target) error {
			_, err := cdp.Call(ctx, t, input.DispatchKeyEvent, input.DispatchKeyEventParams{Type: input.DispatchKeyEventTypeKeyDown, Key: "/", Text: "/"})
			return err
		})
		if err := chromedp.Do(tab, key); err != nil {
			t.Fatal(err)
		}
		if at := read(t, tab, chromedp.Evaluate[string](`document.activeElement.id + document.activeElement.value`)); at != "q" {
			t.Errorf("/ leads to %q, want the empty box", at)
		}
	})
}

// No page is wider than a small phone, whatever it shows.
func TestPagesFitASmallScreen(t *testing.T) {
	tab := browser(t)
	w := newWorld(t)
	w.articles[0].Title = strings.Repeat("Donaudampfschifffahrtsgesellschaft", 8)
	w.articles[0].Text = strings.Repeat("https://very-long-address.example/", 20)
	w.articles[0].Mentions = nil
	w.feeds[2].Reason = strings.Repeat("0123456789abcdef", 20)
	w.feeds[2].Suggestions = []string{"https://vestnik.example/" + strings.Repeat("x", 200)}
	w.alerts[2].Feed.Feed = "https://jiangnan.example/" + strings.Repeat("y", 200)
	w.dead[0].Error = strings.Repeat("0123456789abcdef", 30)
	srv := httptest.NewServer(serverOf(t, w.deps(), Config{}).Handler())
	defer srv.Close()
	if err := chromedp.Do(tab, chromedp.EmulateViewport(360, 800)); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{
		"/", "/?q=" + strings.Repeat("x", 300), "/?q=huawei+AND+%28" + strings.Repeat("y", 300), "/articles/" + w.articles[0].ID, "/articles/" + w.articles[1].ID + "?entity=huawei&watch=huawei-news",
		"/alerts", "/alerts/" + w.alerts[0].ID, "/alerts/" + w.alerts[2].ID, "/sources", "/sources/" + w.feeds[2].Source, "/entities", "/entities/huawei", "/entities:new", "/entities/huawei/edit", "/status", "/nowhere",
	} {
		if err := chromedp.Do(tab, chromedp.Navigate(srv.URL+path)); err != nil {
			t.Fatalf("%s: %v", path, err)
		}
		width := read(t, tab, chromedp.Evaluate[int](`document.documentElement.scrollWidth`))
		if width <= 360 {
			continue
		}
		file := filepath.Join(t.ArtifactDir(), "wide.png")
		if err := os.WriteFile(file, read(t, tab, chromedp.CaptureScreenshot()), 0o600); err != nil {
			t.Error(err)
		}
		t.Errorf("%s is %d px wide on a screen of 360; see %s with -artifacts", path, width, file)
	}
}
