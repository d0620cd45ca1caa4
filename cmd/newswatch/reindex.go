package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"

	"github.com/spf13/cobra"

	"github.com/newswatch/newswatch/cmd/internal/client"
	"github.com/newswatch/newswatch/web"
)

const reextractPath = apiPath + "reextract"

// reextractFlags are the flags of reindex --extract.
type reextractFlags struct {
	Since  string `json:"since,omitempty"`
	Source string `json:"source,omitempty"`
	DryRun bool   `json:"dry_run,omitempty"`
}

// reextraction is what the server says of it.
type reextraction struct {
	ID        string                  `json:"id"`
	Processes []web.ReextractProgress `json:"processes"`
}

func newReindex() *cobra.Command {
	var s server
	var f reextractFlags
	var extract, stop, all, wait bool
	cmd := &cobra.Command{
		Use:   "reindex [--all | --extract]",
		Short: "Make the index anew, or read the kept pages anew, by the rules of today",
		Long: `reindex makes the index anew from the articles in it: the partitions that an older
version of newswatch made in another way, or, with --all, every one. They are made
from the newest to the oldest, one at a time, beside the index that is searched and
written to meanwhile; what was made is checked and takes the old one's place. It
needs as much free disk as the largest partition takes and half as much again.
Without it, partitions of an older version stay searchable as they are. An index
that is gone makes itself anew from the stream of articles, without being asked.

reindex --extract reads the pages that newswatch has kept (extract.archive in
newswatch.yaml) anew, without asking their sites for anything, and revises each
article whose text is another by the rules of today. Such a revision raises no
alert. Skipped are pages whose article was edited or fetched since or was deleted.
With --dry-run it is counted what would change, and nothing changed.

The running newswatch does the work: when the command is interrupted, it goes on,
also after a restart. --stop ends it; partitions made anew stay so.

Exit codes: 0 done, 1 failed, 2 wrong use, 3 there is nothing to stop.`,
		Example: `  newswatch reindex
  newswatch reindex --all --wait=false
  newswatch reindex --extract --source wuzhen-daily --dry-run
  newswatch reindex --extract --since 2026-03-01`,
		Args: cobra.NoArgs,
		PreRunE: func(cmd *cobra.Command, _ []string) error {
			switch {
			case !extract && f != (reextractFlags{}):
				return errors.New("--since, --source and --dry-run go with --extract")
			case extract && all:
				return errors.New("--all is for the index: it does not go with --extract")
			case extract && cmd.Flags().Changed("wait"):
				return errors.New("--wait does not go with --extract, which waits")
			case stop && (all || f != (reextractFlags{})):
				return errors.New("--stop goes with no other selection: one run at a time is under way")
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, _ []string) error {
			c, err := s.client()
			if err != nil {
				return err
			}
			path := reindexPath
			if extract {
				path = reextractPath
			}
			switch {
			case stop:
				return c.Do(cmd.Context(), http.MethodDelete, path, "", nil, nil)
			case extract:
				return reextract(cmd, c, f)
			}
			return reindexAll(cmd, c, all, wait)
		},
	}
	s.flags(cmd)
	cmd.Flags().BoolVar(&all, "all", false, "make all partitions anew, not only those of an older version")
	cmd.Flags().BoolVar(&wait, "wait", true, "show how it goes until it is done")
	cmd.Flags().BoolVar(&extract, "extract", false, "read the kept pages anew, instead of the index")
	cmd.Flags().StringVar(&f.Since, "since", "", "only pages fetched since then: a day or an RFC 3339 time")
	cmd.Flags().StringVar(&f.Source, "source", "", "only pages of the source with this id")
	cmd.Flags().BoolVar(&f.DryRun, "dry-run", false, "count what would change, and change nothing")
	cmd.Flags().BoolVar(&stop, "stop", false, "end the run under way")
	return cmd
}

// reextract starts a run and follows it to its end.
func reextract(cmd *cobra.Command, c *client.Client, f reextractFlags) error {
	ctx, out := cmd.Context(), cmd.OutOrStdout()
	body, err := json.Marshal(f)
	if err != nil {
		return err
	}
	var run reextraction
	if err := c.Do(ctx, http.MethodPost, reextractPath, "application/json", bytes.NewReader(body), &run); err != nil {
		return err
	}
	id := run.ID
	err = follow(cmd, "no process that extracts has begun; it will when one is there",
		"interrupted; newswatch goes on with it: reindex --extract --stop ends it",
		func(ctx context.Context) (course, error) {
			if err := c.Get(ctx, reextractPath, nil, &run); err != nil {
				return course{}, err
			}
			if run.ID != id {
				return course{}, errAnother
			}
			going := slices.ContainsFunc(run.Processes, func(p web.ReextractProgress) bool { return p.State == web.ReextractRunning })
			begun := len(run.Processes) > 0
			return course{begun, begun && !going, sumOf(run.Processes, f.DryRun)}, nil
		})
	if err != nil {
		return err
	}
	return reextracted(out, run.Processes, f.DryRun)
}

// sumOf is what all processes have done, in words.
func sumOf(ps []web.ReextractProgress, dry bool) string {
	var sum web.ReextractProgress
	for _, p := range ps {
		sum.Pages += p.Pages
		sum.Changed += p.Changed
		sum.Same += p.Same
		sum.Skipped += p.Skipped
	}
	verb := "changed"
	if dry {
		verb = "would change"
	}
	return fmt.Sprintf("%d pages read: %d %s, %d same, %d skipped", sum.Pages, sum.Changed, verb, sum.Same, sum.Skipped)
}

// reextracted prints the outcome.
func reextracted(out io.Writer, ps []web.ReextractProgress, dry bool) error {
	some := false
	var errs []error
	for _, p := range ps {
		some = some || p.State != web.ReextractNone
		if p.State == web.ReextractFailed {
			errs = append(errs, fmt.Errorf("process %s: %s", p.Process, p.Error))
		}
	}
	if !some {
		return errors.New("no pages are kept: extract.archive.enabled is off in newswatch.yaml")
	}
	if _, err := fmt.Fprintln(out, sumOf(ps, dry)); err != nil {
		return err
	}
	return errors.Join(errs...)
}
