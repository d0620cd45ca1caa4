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

const reindexPath = apiPath + "reindex"

var errAnother = errors.New("another run has taken the place of this one")

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
	id := run.ID
	err = follow(cmd, "no process that has an index has begun; it will when one is there",
		"interrupted; newswatch goes on with it: reindex --stop ends it",
		func(ctx context.Context) (course, error) {
			if err := c.Get(ctx, reindexPath, nil, &run); err != nil {
				return course{}, err
			}
			if run.ID != id {
				return course{}, errAnother
			}
			going := slices.ContainsFunc(run.Processes, func(p web.ReindexProgress) bool { return p.State == web.ReindexRunning })
			begun := len(run.Processes) > 0
			return course{begun, begun && !going, reindexLine(run.Processes)}, nil
		})
	if err != nil {
		return err
	}
	return reindexOutcome(out, run.Processes)
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
