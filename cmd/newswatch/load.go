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
			in, name := cmd.InOrStdin(), "stdin"
			if args[0] != "-" {
				f, err := os.Open(args[0])
				if err != nil {
					return err
				}
				defer f.Close()
				in, name = newProgress(cmd.ErrOrStderr(), f), args[0]
			}
			path := articlesPath
			if alert {
				path += "?alert=true"
			}
			var res struct {
				New, Changed, Known int
				Refused             []struct {
					Line   int
					Reason string
				}
				RefusedMore int `json:"refused_more"` // beyond those listed
			}
			if err := c.Do(cmd.Context(), http.MethodPost, path, "application/jsonl", io.NopCloser(in), &res); err != nil {
				return err
			}
			fmt.Fprintf(cmd.OutOrStdout(), "%d new, %d changed, %d known, %d refused\n", res.New, res.Changed, res.Known, len(res.Refused)+res.RefusedMore)
			for _, r := range res.Refused {
				fmt.Fprintf(cmd.ErrOrStderr(), "%s:%d: %s\n", name, r.Line, plain(r.Reason))
			}
			if res.RefusedMore > 0 {
				fmt.Fprintf(cmd.ErrOrStderr(), "%s: and %d more\n", name, res.RefusedMore)
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
