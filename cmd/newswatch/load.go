package main

import (
	"fmt"
	"io"
	"net/http"
	"os"

	"github.com/spf13/cobra"
)

func newLoad() *cobra.Command {
	var s server
	var alert bool
	cmd := &cobra.Command{
		Use:   "load FILE.jsonl|-",
		Short: "Put whole articles into the running server (backfill)",
		Long: `Put whole articles into the running server, one JSON object a line:

  {"url","title","text","lang"?,"published","source"?,"author"?}

They need no page; they are tagged, clustered and indexed, and raise alerts only
with --alert. The answer says how many were new, changed, known and refused,
with line and reason.

Exit codes: 0 all taken, 1 failed, 2 wrong use, 3 some lines refused.`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			c, err := s.client()
			if err != nil {
				return err
			}
			in := cmd.InOrStdin()
			if args[0] != "-" {
				f, err := os.Open(args[0])
				if err != nil {
					return err
				}
				defer f.Close()
				in = newProgress(cmd.ErrOrStderr(), f)
			}
			path := "/api/v1/articles"
			if alert {
				path += "?alert=true"
			}
			var res struct {
				New, Changed, Known int
				Refused             []struct {
					Line   int    `json:"line"`
					Reason string `json:"reason"`
				}
			}
			if err := c.Do(cmd.Context(), http.MethodPost, path, "application/jsonl", io.NopCloser(in), &res); err != nil {
				return err
			}
			fmt.Fprintf(cmd.OutOrStdout(), "%d new, %d changed, %d known, %d refused\n", res.New, res.Changed, res.Known, len(res.Refused))
			for _, r := range res.Refused {
				fmt.Fprintf(cmd.ErrOrStderr(), "%s:%d: %s\n", args[0], r.Line, r.Reason)
			}
			if len(res.Refused) > 0 {
				return errNothing
			}
			return nil
		},
	}
	s.flags(cmd)
	cmd.Flags().BoolVar(&alert, "alert", false, "let the watches alert on them")
	return cmd
}
