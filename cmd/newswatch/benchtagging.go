package main

import (
	"errors"
	"fmt"
	"os"

	"github.com/spf13/cobra"

	"github.com/newswatch/newswatch/cmd/internal/tagbench"
)

func newBenchTagging() *cobra.Command {
	o := tagbench.Options{Corpora: os.Getenv("NEWSWATCH_CORPORA")}
	var write string
	megabytes := 0
	cmd := &cobra.Command{
		Use:   "tagging",
		Short: "Measure how well and how fast names are found",
		Long: `Scores the tagger on gold documents in Russian, Ukrainian, Polish, English and
Chinese, per document and per mention, with exact matching and the search
analysis beside it, and measures folding, tagging and compiling. It prints the
table of BENCHMARKS.md, or writes it there.

  newswatch bench tagging --write BENCHMARKS.md

Exit codes: 0 done, 1 failed, 2 wrong use.`,
		Args: cobra.NoArgs,
		PreRunE: func(*cobra.Command, []string) error {
			var errs []error
			if o.Corpora == "" {
				errs = append(errs, errors.New("--corpora: the folder of the test corpora is needed (or NEWSWATCH_CORPORA)"))
			}
			if megabytes < 1 {
				errs = append(errs, fmt.Errorf("--megabytes %d: want 1 or more", megabytes))
			}
			if o.Rounds < 1 {
				errs = append(errs, fmt.Errorf("--rounds %d: want 1 or more", o.Rounds))
			}
			return errors.Join(errs...)
		},
		RunE: func(cmd *cobra.Command, _ []string) error {
			o.NewsBytes, o.Progress = megabytes<<20, cmd.ErrOrStderr()
			r, err := tagbench.Run(cmd.Context(), o)
			if err != nil {
				return err
			}
			if write != "" {
				return tagbench.Write(write, r)
			}
			return tagbench.Table(cmd.OutOrStdout(), r)
		},
	}
	cmd.Flags().StringVar(&o.Corpora, "corpora", o.Corpora, "folder of the test corpora")
	cmd.Flags().StringVar(&write, "write", "", "write the table into this file, between its marks")
	cmd.Flags().IntVar(&megabytes, "megabytes", 4, "how much news of each language speed is measured on")
	cmd.Flags().IntVar(&o.Rounds, "rounds", 5, "how often each speed is measured; the fastest counts")
	return cmd
}
