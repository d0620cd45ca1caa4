// Command newswatch monitors the world's news: it reads feeds day and night,
// tags every article with the companies, people, places and events its user
// tracks, keeps everything searchable, and tells when something new is said.
//
// This package is the command line: a file per command, no logic. What the
// commands do is in cmd/internal/app and the rooms below it.
package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/signal"
	"syscall"

	"github.com/spf13/cobra"

	"github.com/newswatch/newswatch/cmd/internal/client"
)

// Exit codes, the same for every command.
const (
	exitDone    = 0
	exitFailed  = 1
	exitUsage   = 2
	exitNothing = 3
)

// errNothing is nothing found, or a check that failed: exit code 3. What there
// is to say has been said.
var errNothing = errors.New("nothing found")

func main() { os.Exit(run(os.Args[1:])) }

// run is the program: it returns the exit code.
func run(args []string) int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	go func() { // the first signal stops in good order, the second at once
		<-ctx.Done()
		stop()
	}()
	return execute(ctx, newRoot(), args)
}

// execute runs the command that args name and says on standard error what went
// wrong.
func execute(ctx context.Context, root *cobra.Command, args []string) int {
	root.SetArgs(args)
	stderr := root.ErrOrStderr()
	usage := true // until a command runs, what goes wrong is wrong use
	onRun(root, func() { usage = false })
	cmd, err := root.ExecuteContextC(ctx)
	switch {
	case err == nil:
		return exitDone
	case errors.Is(err, errNothing):
		return exitNothing
	case usage:
		fmt.Fprintf(stderr, "newswatch: %v\nTry `%s --help`.\n", err, cmd.CommandPath())
		return exitUsage
	}
	fmt.Fprintf(stderr, "newswatch: %v\n", err)
	var p *client.Problem // only newswatch itself says so: nothing there has another error
	if errors.As(err, &p) && p.Status == http.StatusNotFound {
		return exitNothing
	}
	return exitFailed
}

// onRun calls fn before the function of any command, after its arguments and
// flags were found good.
func onRun(cmd *cobra.Command, fn func()) {
	if inner := cmd.RunE; inner != nil {
		cmd.RunE = func(cmd *cobra.Command, args []string) error {
			fn()
			return inner(cmd, args)
		}
	}
	for _, sub := range cmd.Commands() {
		onRun(sub, fn)
	}
}

func newRoot() *cobra.Command {
	root := &cobra.Command{
		Use:   "newswatch",
		Short: "Watch the news in every script",
		Long: `newswatch reads news feeds day and night, tags articles with the companies,
people, places and events you track, keeps everything searchable, and tells you
when something new is said.

Start with:   newswatch run       (or: newswatch demo)

Exit codes: 0 done, 1 failed, 2 wrong use, 3 nothing found or check failed.`,
		SilenceUsage:  true,
		SilenceErrors: true,
	}
	root.CompletionOptions.HiddenDefaultCmd = true
	root.AddCommand(
		newRun(), newDemo(),
		newSearch(), newApply(), newGet(), newDelete(), newLoad(), newFeeds(), newEntities(), newDead(), newReindex(), newRetag(),
		newBackup(), newRestore(), newRetention(),
		newDoctor(),
		newParse(), newExtract(), newTag(),
		newBench(), newVersion(),
	)
	return root
}

// server is the flags of a command that talks to a running newswatch.
type server struct {
	url   string
	token string
}

func (s *server) flags(cmd *cobra.Command) {
	cmd.Flags().StringVar(&s.url, "server", "http://127.0.0.1:8080", "the running newswatch to ask")
	cmd.Flags().StringVar(&s.token, "token-file", "", "file that holds the server's token")
}

func (s *server) client() (*client.Client, error) {
	if s.token == "" {
		return client.New(s.url, os.Getenv("NEWSWATCH_TOKEN")), nil
	}
	token, err := readSecret(s.token)
	if err != nil {
		return nil, err
	}
	return client.New(s.url, token), nil
}
