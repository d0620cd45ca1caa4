package app_test

import (
	"fmt"
	"math/rand/v2"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// Whoever is killed while a backup is written, the server or the command, no
// file is there that verifies and is not whole; the server goes on as after any
// kill, and the next backup is good.
func TestBackupKilled(t *testing.T) {
	bin := newswatch.build(t, "newswatch", "github.com/newswatch/newswatch/cmd/newswatch")
	dir := t.TempDir()
	catalog := writeFile(t, filepath.Join(dir, "catalog.yaml"), "sources: [ { id: a, name: A, home: \"https://a.example/\" } ]\n")
	addr := fmt.Sprintf("127.0.0.1:%d", freePort(t))
	s := server{t, "http://" + addr}
	run := func() *proc {
		p := start(t, "newswatch", bin, "run", "--data", filepath.Join(dir, "data"), "--catalog", catalog, "--listen", addr)
		s.ready(p)
		return p
	}
	p := run()
	const articles = 600
	var lines strings.Builder
	for n := range articles {
		fmt.Fprintf(&lines, `{"url":"https://a.example/%d","title":"Day %[1]d","text":"%s","published":"2015-%02d-16T09:00:00Z"}`+"\n",
			n, strings.Repeat(fmt.Sprintf("On day %d town %d wrote. ", n, n*7), 60), 1+n%12)
	}
	resp, err := http.Post(s.url+"/api/v1/articles", "application/jsonl", strings.NewReader(lines.String()))
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	until(t, time.Minute, "searchable", func() (string, bool) { n := s.total(""); return fmt.Sprint(n), n == articles })

	verify := func(file string) error {
		return exec.Command(bin, "backup", "--verify", file).Run()
	}
	file := filepath.Join(dir, "saved.nwb")
	begun := time.Now()
	if out, err := exec.Command(bin, "backup", file, "--server", s.url).CombinedOutput(); err != nil {
		t.Fatalf("backup: %v: %s", err, out)
	}
	took := time.Since(begun)
	if err := verify(file); err != nil {
		t.Fatalf("the backup nobody disturbed: %v", err)
	}
	rng := rand.New(rand.NewPCG(4, 4))
	cut := 0
	for round := range 6 {
		if err := os.Remove(file); err != nil && !os.IsNotExist(err) {
			t.Fatal(err)
		}
		cmd := exec.Command(bin, "backup", file, "--server", s.url, "--force")
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Duration(rng.Int64N(int64(took))))
		if round%2 == 0 {
			cmd.Process.Kill()
			cmd.Wait()
		} else {
			p.kill()
			cmd.Wait()
			p = run()
		}
		if _, err := os.Stat(file); err == nil { // it was done before
			if err := verify(file); err != nil {
				t.Errorf("round %d: a file that does not verify has the name of a backup: %v", round, err)
			}
			continue
		}
		cut++
		if _, err := os.Stat(file + ".partial"); err == nil && verify(file+".partial") == nil {
			// Killed between the last byte and the new name: whole, then.
			t.Logf("round %d: killed just before the end", round)
		}
	}
	t.Logf("%d of 6 cut off; a backup takes %v", cut, took.Round(time.Millisecond))
	if err := exec.Command(bin, "backup", file, "--server", s.url, "--force").Run(); err != nil {
		t.Errorf("backup after the kills: %v", err)
	}
	restored := filepath.Join(dir, "restored")
	if out, err := exec.Command(bin, "restore", file, "--data", restored).CombinedOutput(); err != nil {
		t.Fatalf("restore: %v: %s", err, out)
	}
	p.stop()
	p = start(t, "restored", bin, "run", "--data", restored, "--catalog", catalog, "--listen", addr)
	s.ready(p)
	until(t, time.Minute, "searchable", func() (string, bool) { n := s.total(""); return fmt.Sprint(n), n == articles })
	if n := len(s.urls("")); n != articles {
		t.Errorf("%d articles, want %d", n, articles)
	}
	p.stop()
}
