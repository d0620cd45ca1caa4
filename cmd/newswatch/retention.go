package main

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"time"

	"github.com/spf13/cobra"

	"github.com/newswatch/newswatch/cmd/internal/client"
	"github.com/newswatch/newswatch/pipeline"
)

const (
	retentionPath  = apiPath + "retention"
	retentionEvery = 500 * time.Millisecond
)

// retention is what the server says of it.
type retention struct {
	pipeline.RetentionStatus
	Preview *pipeline.RetentionReport `json:"preview"`
}

func newRetention() *cobra.Command {
	var s server
	var now bool
	cmd := &cobra.Command{
		Use:   "retention",
		Short: "Show what retention would remove from the index, or remove it now",
		Long: `retention shows what the rules in newswatch.yaml (index.retention) would remove from
the index now, and what was removed last. It changes nothing.

Retention runs once a day by itself; with --now it runs at once, and the command
waits for it. An article's age counts from its publication. What was removed does
not come back, be it sent late or replayed. For the present it takes the clock, but
no later than a week after the newest articles: a clock that is years ahead
removes nothing.

Exit codes: 0 done, 1 failed, 2 wrong use, 3 there are no rules.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			c, err := s.client()
			if err != nil {
				return err
			}
			if now {
				return retainNow(cmd, c)
			}
			var r retention
			if err := c.Get(cmd.Context(), retentionPath, url.Values{"preview": {"true"}}, &r); err != nil {
				return err
			}
			out := cmd.OutOrStdout()
			if !r.On || r.Preview == nil {
				return noRules(out)
			}
			if r.Last != nil {
				if err := printRetention(out, "last", r.Last); err != nil {
					return err
				}
			}
			return printRetention(out, "now", r.Preview)
		},
	}
	s.flags(cmd)
	cmd.Flags().BoolVar(&now, "now", false, "remove it now")
	return cmd
}

func noRules(out io.Writer) error {
	_, err := fmt.Fprintln(out, "everything is kept: there are no rules (index.retention in newswatch.yaml)")
	return errors.Join(err, errNothing)
}

// retainNow has retention run and waits for it.
func retainNow(cmd *cobra.Command, c *client.Client) error {
	ctx, out := cmd.Context(), cmd.OutOrStdout()
	var r retention
	if err := c.Do(ctx, http.MethodPost, retentionPath, "", nil, &r); err != nil {
		return err
	}
	if !r.On {
		return noRules(out)
	}
	var before time.Time
	if r.Last != nil {
		before = r.Last.At
	}
	for {
		r = retention{}
		if err := c.Get(ctx, retentionPath, nil, &r); err != nil {
			return err
		}
		if !r.Running && r.Last != nil && !r.Last.At.Equal(before) {
			break
		}
		select {
		case <-ctx.Done():
			return errors.New("interrupted; newswatch goes on with it")
		case <-time.After(retentionEvery):
		}
	}
	if err := printRetention(out, "now", r.Last); err != nil {
		return err
	}
	if r.Last.Error != "" {
		return errors.New(r.Last.Error)
	}
	return nil
}

// printRetention prints a report, a thing removed a line.
func printRetention(out io.Writer, when string, r *pipeline.RetentionReport) error {
	verb := "removed"
	if r.DryRun {
		verb = "would remove"
	}
	head := fmt.Sprintf("%s: %s %d articles", when, verb, r.Articles)
	if when == "last" {
		head = fmt.Sprintf("last, %s: %s %d articles", r.At.Local().Format("2006-01-02 15:04"), verb, r.Articles)
	}
	if r.Bytes > 0 {
		head += ", " + megabytes(r.Bytes) + " of " + megabytes(r.Total)
	}
	if _, err := fmt.Fprintln(out, head); err != nil {
		return err
	}
	if r.Now.IsZero() {
		if _, err := fmt.Fprintln(out, "  there are no articles with a date to tell the present by: nothing goes by age"); err != nil {
			return err
		}
	} else if lag := r.At.Sub(r.Now); lag > 24*time.Hour {
		if _, err := fmt.Fprintf(out, "  by the newest articles it is %s, not %s as the clock has it\n", r.Now.Format(time.DateOnly), r.At.Format(time.DateOnly)); err != nil {
			return err
		}
	}
	for _, p := range r.Partitions {
		if _, err := fmt.Fprintf(out, "  %-8s whole: %d articles, %s (%s)\n", p.Name, p.Articles, megabytes(p.Bytes), p.Why); err != nil {
			return err
		}
	}
	for _, rule := range r.Rules {
		match := rule.Match
		if match == "" {
			match = "every other article"
		}
		line := fmt.Sprintf("  %s, kept %s: %d articles", match, rule.Keep, rule.Articles)
		if rule.Articles > 0 {
			line += ", the oldest of " + rule.Oldest.Format(time.DateOnly)
		}
		if _, err := fmt.Fprintln(out, line); err != nil {
			return err
		}
	}
	if r.Error != "" {
		_, err := fmt.Fprintf(out, "  ended early: %s\n", r.Error)
		return err
	}
	return nil
}
