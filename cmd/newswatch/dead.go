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
	}
	cmd.AddCommand(newDeadList(), newDeadShow(),
		newDeadEach("replay", "Hand dead letters to their stage again", http.MethodPost, ":replay"),
		newDeadEach("drop", "Throw dead letters away", http.MethodDelete, ""))
	return cmd
}

// deadLetters asks for all dead letters of a stage and reason; empty: any.
func deadLetters(cmd *cobra.Command, c *client.Client, stage, reason string) ([]pipeline.DeadLetter, error) {
	var all []pipeline.DeadLetter
	q := url.Values{}
	for name, v := range map[string]string{"stage": stage, "reason": reason} {
		if v != "" {
			q.Set(name, v)
		}
	}
	for {
		var page struct {
			Items []pipeline.DeadLetter `json:"items"`
			Next  string                `json:"next_cursor"`
		}
		if err := c.Get(cmd.Context(), "/api/v1/dead", q, &page); err != nil {
			return nil, err
		}
		all = append(all, page.Items...)
		if page.Next == "" {
			return all, nil
		}
		q.Set("cursor", page.Next)
	}
}

func newDeadList() *cobra.Command {
	var s server
	var stage, reason, format string
	cmd := &cobra.Command{
		Use:     "list",
		Short:   "List dead letters",
		Args:    cobra.NoArgs,
		PreRunE: func(*cobra.Command, []string) error { return oneOf("output", format, "table", "jsonl") },
		RunE: func(cmd *cobra.Command, _ []string) error {
			c, err := s.client()
			if err != nil {
				return err
			}
			letters, err := deadLetters(cmd, c, stage, reason)
			if err != nil {
				return err
			}
			for _, d := range letters {
				if format == "jsonl" {
					if err := json.NewEncoder(cmd.OutOrStdout()).Encode(d); err != nil {
						return err
					}
					continue
				}
				fmt.Fprintf(cmd.OutOrStdout(), "%-8s  %s  %-10s  %-12s  %s\n", d.ID, d.At.Local().Format(time.DateTime), d.Stage, d.Reason, clip(plain(d.Error), 120))
			}
			if len(letters) == 0 {
				return errNothing
			}
			return nil
		},
	}
	s.flags(cmd)
	cmd.Flags().StringVar(&stage, "stage", "", "only of this stage")
	cmd.Flags().StringVar(&reason, "reason", "", "only with this reason")
	cmd.Flags().StringVarP(&format, "output", "o", "table", "table or jsonl")
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
			if err := c.Get(cmd.Context(), "/api/v1/dead/"+url.PathEscape(args[0]), nil, &one); err != nil {
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
		Args: func(_ *cobra.Command, args []string) error {
			if all == (len(args) > 0) {
				return fmt.Errorf("%s: name the dead letters, or say --all", name)
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
				for _, d := range letters {
					args = append(args, d.ID)
				}
			}
			if len(args) == 0 {
				return errNothing
			}
			for _, id := range args {
				if err := c.Do(cmd.Context(), method, "/api/v1/dead/"+url.PathEscape(id)+suffix, "", nil, nil); err != nil {
					return fmt.Errorf("%s: %w", id, err)
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
