package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"

	"github.com/spf13/cobra"

	"github.com/newswatch/newswatch/cmd/internal/client"
	"github.com/newswatch/newswatch/web"
)

const reindexPath = apiPath + "reindex"

// reindexing is what the server says of it.
type reindexing struct {
	ID        string                `json:"id"`
	Processes []web.ReindexProgress `json:"processes"`
}

// reindexAll starts to make the index anew, and follows it to its end.
func reindexAll(cmd *cobra.Command, c *client.Client, all, wait bool) error {
	ctx, out := cmd.Context(), cmd.OutOrStdout()
	body, err := json.Marshal(map[string]bool{"all": all})
	if err != nil {
		return err
	}
	var run reindexing
	if err := c.Do(ctx, http.MethodPost, reindexPath, "application/json", bytes.NewReader(body), &run); err != nil {
		return err
	}
	if !wait {
		_, err := fmt.Fprintln(out, "begun; `newswatch get status` has how it goes")
		return err
	}
	id, begun, said := run.ID, time.Now(), ""
	live := terminal(cmd.ErrOrStderr())
	for {
		if err := c.Get(ctx, reindexPath, nil, &run); err != nil {
			return reindexLeft(cmd, err)
		}
		switch {
		case run.ID != id:
			return errors.New("another run has taken the place of this one")
		case len(run.Processes) == 0 && time.Since(begun) > reextractBegins:
			return errors.New("no process that has an index has begun; it will when one is there")
		}
		running := len(run.Processes) == 0
		for _, p := range run.Processes {
			running = running || p.State == web.ReindexRunning
		}
		if live {
			fmt.Fprint(cmd.ErrOrStderr(), "\r\x1b[K")
		}
		if !running {
			return reindexOutcome(out, run.Processes)
		}
		switch line := reindexLine(run.Processes); {
		case live:
			fmt.Fprint(cmd.ErrOrStderr(), line)
		case line != said:
			said = line
			fmt.Fprintln(cmd.ErrOrStderr(), line)
		}
		select {
		case <-ctx.Done():
			return reindexLeft(cmd, ctx.Err())
		case <-time.After(reextractEvery):
		}
	}
}

// reindexLeft says of an interruption what it did not stop.
func reindexLeft(cmd *cobra.Command, err error) error {
	if cmd.Context().Err() == nil {
		return err
	}
	return errors.New("interrupted; newswatch goes on with it: reindex --stop ends it")
}

// reindexLine is how far all processes are, in words.
func reindexLine(ps []web.ReindexProgress) string {
	sum := web.ReindexSum(ps)
	line := fmt.Sprintf("%d of %d partitions, %d of %d articles", sum.PartitionsDone, sum.Partitions, sum.DocumentsDone, sum.Documents)
	if sum.Partition != "" {
		line += ", now " + sum.Partition
	}
	if sum.Error != "" {
		line += "; tried again after: " + sum.Error
	}
	return line
}

// reindexOutcome prints the outcome.
func reindexOutcome(out io.Writer, ps []web.ReindexProgress) error {
	var errs []error
	for _, p := range ps {
		if p.State == web.ReindexFailed {
			errs = append(errs, fmt.Errorf("process %s: %s", p.Process, p.Error))
		}
	}
	sum := web.ReindexSum(ps)
	line := fmt.Sprintf("%d partitions with %d articles made anew", sum.PartitionsDone, sum.DocumentsDone)
	if sum.Partitions == 0 && len(errs) == 0 {
		line = "nothing to do: no partition was made by an older version (--all makes all anew)"
	}
	if _, err := fmt.Fprintln(out, line); err != nil {
		return err
	}
	return errors.Join(errs...)
}
