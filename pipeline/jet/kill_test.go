package jet

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/newswatch/newswatch/pipeline"
)

// child is the process that is killed: the test binary with JET_TEST_CHILD.
func child(role string) {
	ctx := context.Background()
	lg := slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelError}))
	n, err := Open(ctx, lg, prometheus.NewRegistry(), short(Config{Dir: os.Getenv("JET_TEST_DIR"), MaxCrashes: 2}))
	if err != nil {
		fmt.Println("error", err)
		os.Exit(1)
	}
	handle := func(ctx context.Context, d pipeline.Delivery) error {
		if string(d.Data) == "poison" || role == "fast" {
			os.Exit(3)
		}
		_, err := n.Publish(ctx, pipeline.StreamArticles, pipeline.Message{Subject: "article.0." + string(d.Data)})
		return err
	}
	if role == "work" {
		// Feeds itself: items out of one goroutine, through a stage, until killed.
		go func() {
			for i := 0; ; i++ {
				name := fmt.Sprintf("%s-%d", os.Getenv("JET_TEST_RUN"), i)
				_, err := n.Publish(ctx, pipeline.StreamItems, pipeline.Message{
					Subject: "item.0." + name + ".c", Data: []byte(name), Expect: new(uint64),
				})
				if err == nil {
					fmt.Println("stored", name) // confirmed: must never be lost
				}
			}
		}()
	} else {
		go exitWhenOver(ctx, n, map[string]uint64{"crash": 19, "fast": 0}[role])
	}
	c := pipeline.Consumer{Name: "work", Stream: pipeline.StreamItems, Workers: 4, Handle: handle}
	if role == "fast" {
		c.Workers, c.Pending = 1, 1 // the fastest crash there is
	}
	err = n.Consume(ctx, c)
	fmt.Println("error", err)
	os.Exit(1)
}

func startChild(t *testing.T, role, dir, run string) (*exec.Cmd, io.Reader) {
	t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), "JET_TEST_CHILD="+role, "JET_TEST_DIR="+dir, "JET_TEST_RUN="+run)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	cmd.Stderr = os.Stderr
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	return cmd, out
}

// TestKill: what was confirmed comes through, over three kills midway.
func TestKill(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	stored := make(map[string]bool)
	for run := range 3 {
		cmd, out := startChild(t, "work", dir, fmt.Sprint("run", run))
		before := len(stored)
		for lines := bufio.NewScanner(out); lines.Scan(); {
			if name, ok := strings.CutPrefix(lines.Text(), "stored "); ok {
				stored[name] = true
			} else {
				t.Error(lines.Text())
			}
			if len(stored) == before+200 {
				if err := cmd.Process.Kill(); err != nil {
					t.Fatal(err)
				}
			}
		}
		if err := cmd.Wait(); err == nil || err.Error() != "signal: killed" {
			t.Fatalf("child ended with %v", err)
		}
	}
	n := openNode(t, Config{Dir: dir})
	if !n.Unclean() {
		t.Error("not unclean after a kill")
	}
	consume(t, n, pipeline.Consumer{Name: "work", Stream: pipeline.StreamItems, Handle: func(ctx context.Context, d pipeline.Delivery) error {
		_, err := n.Publish(ctx, pipeline.StreamArticles, pipeline.Message{Subject: "article.0." + string(d.Data)})
		return err
	}})
	missing := func() (list []string) {
		out := make(map[string]bool)
		err := n.Read(t.Context(), pipeline.StreamArticles, "", 0, func(d pipeline.Delivery) error {
			out[strings.TrimPrefix(d.Subject, "article.0.")] = true
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		for name := range stored {
			if !out[name] {
				list = append(list, name)
			}
		}
		return list
	}
	eventually(t, "every confirmed item as an article", func() bool { return len(missing()) == 0 })
	t.Logf("%d confirmed, none lost", len(stored))
}

// TestCrashLoop: a message that kills the process each time ends among the
// dead letters, and takes no other with it.
func TestCrashLoop(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	n := openNode(t, Config{Dir: dir})
	for i := range 20 {
		data := fmt.Sprint("good", i)
		if i == 7 {
			data = "poison"
		}
		publish(t, n, pipeline.StreamItems, fmt.Sprintf("item.0.k%d.c", i), data)
	}
	closeNode(t, n)

	crashes := crashUntilOver(t, "crash", dir)
	n = openNode(t, Config{Dir: dir})
	dead, _, err := n.DeadLetters(t.Context(), "", 0, "", "")
	if err != nil {
		t.Fatal(err)
	}
	if len(dead) != 1 || dead[0].Reason != "crash_loop" || dead[0].Key != "k7" || dead[0].Stage != "work" {
		t.Errorf("dead letters: %+v", dead)
	}
	// Handed out twice without an outcome, then started alone twice; more
	// where the server's count went down with it.
	if crashes < 4 {
		t.Errorf("%d crashes, want at least 4", crashes)
	}
	_, streams, err := n.Status(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range streams {
		if s.Stream == pipeline.StreamArticles && s.Messages != 19 {
			t.Errorf("%d articles, want 19", s.Messages)
		}
	}
}

// exitWhenOver ends the child in good order when one message is dead and the
// others are articles.
func exitWhenOver(ctx context.Context, n *Node, articles uint64) {
	for {
		time.Sleep(20 * time.Millisecond)
		dead, _, err := n.DeadLetters(ctx, "", 0, "", "")
		if err != nil || len(dead) == 0 {
			continue
		}
		_, streams, err := n.Status(ctx)
		for _, s := range streams {
			if err == nil && s.Stream == pipeline.StreamArticles && s.Messages == articles {
				os.Exit(0)
			}
		}
	}
}

// crashUntilOver starts children on the folder until one ends in good order,
// and returns how many crashed before.
func crashUntilOver(t *testing.T, role, dir string) int {
	t.Helper()
	for crashes := range 12 {
		cmd, out := startChild(t, role, dir, "")
		if text, err := io.ReadAll(out); err != nil || len(text) > 0 {
			t.Errorf("child says %q, %v", text, err)
		}
		err := cmd.Wait()
		if err == nil {
			return crashes
		}
		if err.Error() != "exit status 3" {
			t.Fatalf("child ended with %v", err)
		}
	}
	t.Fatal("still crashing")
	return 0
}

// TestNearStart: with the server's count of deliveries lost at each crash,
// our own count makes a message a suspect.
func TestNearStart(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	n := openNode(t, Config{Dir: dir})
	publish(t, n, pipeline.StreamItems, "item.0.k.c", "x")
	closeNode(t, n)
	// At most: the first, which was clean, two counted near a start, two alone.
	if crashes := crashUntilOver(t, "fast", dir); crashes > 5 {
		t.Errorf("%d crashes, want at most 5", crashes)
	}
	n = openNode(t, Config{Dir: dir})
	dead, _, err := n.DeadLetters(t.Context(), "", 0, "work", "crash_loop")
	if err != nil || len(dead) != 1 {
		t.Errorf("dead letters: %+v, %v", dead, err)
	}
}
