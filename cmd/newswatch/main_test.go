package main

import (
	"bytes"
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/rogpeppe/go-internal/testscript"

	"github.com/newswatch/newswatch/cmd/internal/config"
	"github.com/newswatch/newswatch/pipeline"
	"github.com/newswatch/newswatch/pipeline/jet"
)

// patience bounds every wait of a script: far more than it ever takes.
const patience = 60 * time.Second

func TestMain(m *testing.M) {
	// Times are printed in local time. It is read when first needed, so this
	// comes early enough, and holds for the processes that scripts start.
	if err := os.Setenv("TZ", "UTC"); err != nil {
		panic(err)
	}
	testscript.Main(m, map[string]func(){
		"newswatch": func() { os.Exit(run(os.Args[1:])) },
	})
}

// The scripts in testdata are what a person types and sees. Beyond the commands
// of testscript they have
//
//	freeport VAR          an address of this machine nobody listens on
//	ready ADDR            waits until newswatch is ready there
//	code N newswatch ARG… [<FILE]
//	                      runs it in the test's process; the exit code must be N
//	status N COMMAND ARG… runs it in a process of its own; the exit code must be N
//	until REGEXP URL|FILE waits until what is there matches
//	badmessage DIR        puts a message nobody can read into the items of a data folder
//	serve VAR DIR         serves a folder's files over HTTP, at an address of this machine
func TestScripts(t *testing.T) {
	dir, err := filepath.Abs("testdata") // the process's folder changes
	if err != nil {
		t.Fatal(err)
	}
	testscript.Run(t, testscript.Params{
		Dir: dir,
		Setup: func(env *testscript.Env) error {
			env.Setenv("TZ", "UTC")
			return nil
		},
		Cmds: map[string]func(ts *testscript.TestScript, neg bool, args []string){
			"freeport":   cmdFreeport,
			"ready":      cmdReady,
			"code":       cmdCode,
			"status":     cmdStatus,
			"until":      cmdUntil,
			"badmessage": cmdBadMessage,
			"serve":      cmdServe,
		},
		RequireUniqueNames: true,
	})
}

func wantArgs(ts *testscript.TestScript, neg bool, ok bool, usage string) {
	if neg || !ok {
		ts.Fatalf("usage: %s", usage)
	}
}

func cmdFreeport(ts *testscript.TestScript, neg bool, args []string) {
	wantArgs(ts, neg, len(args) == 1, "freeport VAR")
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	ts.Check(err)
	ts.Check(ln.Close())
	ts.Setenv(args[0], ln.Addr().String())
}

func cmdReady(ts *testscript.TestScript, neg bool, args []string) {
	wantArgs(ts, neg, len(args) == 1, "ready ADDR")
	last := ""
	for end := time.Now().Add(patience); time.Now().Before(end); time.Sleep(20 * time.Millisecond) {
		req, err := http.NewRequest(http.MethodGet, "http://"+args[0]+"/readyz?verbose", nil)
		ts.Check(err)
		if token := ts.Getenv("NEWSWATCH_TOKEN"); token != "" {
			req.Header.Set("Authorization", "Bearer "+token)
		}
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			last = err.Error()
			continue
		}
		resp.Body.Close()
		if last = resp.Status; resp.StatusCode == http.StatusOK {
			return
		}
	}
	ts.Fatalf("not ready after %v: %s", patience, last)
}

func cmdCode(ts *testscript.TestScript, neg bool, args []string) {
	wantArgs(ts, neg, len(args) >= 2 && args[1] == "newswatch", "code N newswatch ARG… [<FILE]")
	want, err := strconv.Atoi(args[0])
	ts.Check(err)
	args = args[2:]
	var stdin []byte
	if n := len(args) - 1; n >= 0 && strings.HasPrefix(args[n], "<") {
		stdin, err = os.ReadFile(ts.MkAbs(args[n][1:]))
		ts.Check(err)
		args = args[:n]
	}
	if got := here(ts, bytes.NewReader(stdin), args); got != want {
		ts.Fatalf("exit code %d, want %d", got, want)
	}
}

// inScript is held by the script whose folder and environment the test's
// process has.
var inScript sync.Mutex

// here runs newswatch in this process: starting one costs a good part of a
// second.
func here(ts *testscript.TestScript, stdin io.Reader, args []string) int {
	inScript.Lock()
	defer inScript.Unlock()
	ts.Check(os.Chdir(ts.MkAbs(".")))
	ts.Check(os.Setenv("NEWSWATCH_TOKEN", ts.Getenv("NEWSWATCH_TOKEN")))
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	root := newRoot()
	root.SetIn(stdin)
	root.SetOut(ts.Stdout())
	root.SetErr(ts.Stderr())
	return execute(ctx, root, args)
}

func cmdStatus(ts *testscript.TestScript, neg bool, args []string) {
	wantArgs(ts, neg, len(args) >= 2, "status N COMMAND ARG…")
	want, err := strconv.Atoi(args[0])
	ts.Check(err)
	got := 0
	if err := ts.Exec(args[1], args[2:]...); err != nil {
		var exit *exec.ExitError
		if !errors.As(err, &exit) {
			ts.Fatalf("%v", err)
		}
		got = exit.ExitCode()
	}
	if got != want {
		ts.Fatalf("exit code %d, want %d", got, want)
	}
}

func cmdUntil(ts *testscript.TestScript, neg bool, args []string) {
	wantArgs(ts, neg, len(args) == 2, "until REGEXP URL|FILE")
	re, err := regexp.Compile(args[0])
	ts.Check(err)
	last := ""
	for end := time.Now().Add(patience); time.Now().Before(end); time.Sleep(20 * time.Millisecond) {
		if strings.HasPrefix(args[1], "http://") {
			last = body(ts, args[1])
		} else {
			last = ts.ReadFile(args[1])
		}
		if re.MatchString(last) {
			return
		}
	}
	ts.Fatalf("%s: after %v no match in %s", args[1], patience, last)
}

func body(ts *testscript.TestScript, url string) string {
	resp, err := http.Get(url)
	ts.Check(err)
	defer resp.Body.Close()
	data, err := io.ReadAll(resp.Body)
	ts.Check(err)
	return string(data)
}

func cmdBadMessage(ts *testscript.TestScript, neg bool, args []string) {
	wantArgs(ts, neg, len(args) == 1, "badmessage DIR")
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	cfg := config.Default().NATS
	cfg.Dir = ts.MkAbs(args[0])
	node, err := jet.Open(ctx, slog.New(slog.DiscardHandler), prometheus.NewRegistry(), cfg)
	ts.Check(err)
	_, err = node.Publish(ctx, pipeline.StreamItems, pipeline.Message{
		Subject: "item.0.0123456789abcdef.01234567", Data: []byte("no JSON\x1b[31m, no item"),
	})
	ts.Check(errors.Join(err, node.Close(ctx)))
}

func cmdServe(ts *testscript.TestScript, neg bool, args []string) {
	wantArgs(ts, neg, len(args) == 2, "serve VAR DIR")
	srv := httptest.NewServer(http.FileServer(http.Dir(ts.MkAbs(args[1]))))
	ts.Defer(srv.Close)
	ts.Setenv(args[0], srv.URL)
}
