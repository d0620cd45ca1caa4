package main

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"time"

	"github.com/spf13/cobra"

	"github.com/newswatch/newswatch/cmd/internal/client"
	"github.com/newswatch/newswatch/pipeline"
)

func newDead() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "dead",
		Short: "Dead letters: messages set aside, with their reasons",
		Long: `Dead letters are messages that could not be handled, kept with their reason for
90 days. List them, look at one, mend the cause and replay, or drop.

Exit codes: 0 done, 1 failed, 2 wrong use, 3 there are none.`,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) > 0 {
				return fmt.Errorf("unknown command %q: want dead list, show, replay or drop", args[0])
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(newDeadList(), newDeadShow(),
		newDeadEach("replay", "Hand dead letters to their stage again", http.MethodPost, ":replay"),
		newDeadEach("drop", "Throw dead letters away", http.MethodDelete, ""))
	return cmd
}

// deadLetters asks for all dead letters of a stage and reason; empty: any.
func deadLetters(cmd *cobra.Command, c *client.Client, stage, reason string) ([]json.RawMessage, error) {
	q := url.Values{}
	if stage != "" {
		q.Set("stage", stage)
	}
	if reason != "" {
		q.Set("reason", reason)
	}
	letters, _, err := list(cmd, c, deadPath, q, 0)
	return letters, err
}

const deadPath = apiPath + "dead"

func newDeadList() *cobra.Command {
	var s server
	var stage, reason, format string
	cmd := &cobra.Command{
		Use:     "list",
		Short:   "List dead letters, newest first",
		Args:    cobra.NoArgs,
		PreRunE: func(*cobra.Command, []string) error { return oneOf("output", format, "table", "json", "jsonl") },
		RunE: func(cmd *cobra.Command, _ []string) error {
			c, err := s.client()
			if err != nil {
				return err
			}
			letters, err := deadLetters(cmd, c, stage, reason)
			if err != nil {
				return err
			}
			out := cmd.OutOrStdout()
			if format == "table" && len(letters) > 0 {
				err = showTable(out, letters, []string{"ID", "SET ASIDE", "STAGE", "REASON", "ERROR"}, func(d pipeline.DeadLetter) []string {
					return []string{d.ID, d.At.Local().Format(time.DateTime), d.Stage, d.Reason, d.Error}
				})
			} else {
				err = showList(out, deadPath, letters, format)
			}
			if err != nil {
				return err
			}
			if len(letters) == 0 {
				if format == "table" {
					fmt.Fprintln(cmd.ErrOrStderr(), "no dead letters")
				}
				return errNothing
			}
			return nil
		},
	}
	s.flags(cmd)
	cmd.Flags().StringVar(&stage, "stage", "", "only of this stage")
	cmd.Flags().StringVar(&reason, "reason", "", "only with this reason")
	cmd.Flags().StringVarP(&format, "output", "o", "table", "table, json or jsonl")
	return cmd
}

func newDeadShow() *cobra.Command {
	var s server
	cmd := &cobra.Command{
		Use:   "show ID",
		Short: "Show a dead letter with its message",
		Args:  cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			c, err := s.client()
			if err != nil {
				return err
			}
			var one json.RawMessage
			if err := c.Get(cmd.Context(), deadPath+"/"+url.PathEscape(args[0]), nil, &one); err != nil {
				return err
			}
			return printJSON(cmd.OutOrStdout(), one, true)
		},
	}
	s.flags(cmd)
	return cmd
}

// newDeadEach is replay or drop: one request for each letter named, or for all
// of a stage or reason.
func newDeadEach(name, short, method, suffix string) *cobra.Command {
	var s server
	var all bool
	var stage, reason string
	cmd := &cobra.Command{
		Use:   name + " ID… | --all [--stage S] [--reason R]",
		Short: short,
		Long: short + `: those named, or all of a stage or reason. The
dead letters stay as they are where it fails.

Exit codes: 0 done, 1 failed, 2 wrong use, 3 there are none, or not that one.`,
		Args: func(_ *cobra.Command, args []string) error {
			if all == (len(args) > 0) {
				return fmt.Errorf("%s: name the dead letters, or say --all", name)
			}
			if !all && (stage != "" || reason != "") {
				return fmt.Errorf("%s: --stage and --reason go with --all", name)
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			c, err := s.client()
			if err != nil {
				return err
			}
			if all {
				letters, err := deadLetters(cmd, c, stage, reason)
				if err != nil {
					return err
				}
				err = each(letters, func(d pipeline.DeadLetter) error {
					args = append(args, d.ID)
					return nil
				})
				if err != nil {
					return err
				}
			}
			if len(args) == 0 {
				fmt.Fprintln(cmd.ErrOrStderr(), "no dead letters")
				return errNothing
			}
			for i, id := range args {
				if err := c.Do(cmd.Context(), method, deadPath+"/"+url.PathEscape(id)+suffix, "", nil, nil); err != nil {
					return fmt.Errorf("after %d done: %s: %w", i, id, err)
				}
			}
			fmt.Fprintf(cmd.OutOrStdout(), "%s: %d\n", name, len(args))
			return nil
		},
	}
	s.flags(cmd)
	cmd.Flags().BoolVar(&all, "all", false, "all there are")
	cmd.Flags().StringVar(&stage, "stage", "", "with --all: only of this stage")
	cmd.Flags().StringVar(&reason, "reason", "", "with --all: only with this reason")
	return cmd
}
