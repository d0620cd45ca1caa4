package main

import (
	"cmp"
	"errors"
	"os"

	"github.com/spf13/cobra"

	"github.com/newswatch/newswatch/cmd/internal/bench"
)

func newBenchExtraction() *cobra.Command {
	var corpora string
	cmd := &cobra.Command{
		Use:   "extraction",
		Short: "Score the extraction on pages with known text",
		Long: `Score the extraction on pages with known text, by set and by language:
precision, recall and F1 over runs of four words, the share of texts that are
right word for word, segments found and wrongly found, titles, authors and dates
that are right, pages a second of processor time (garbage collection included),
the 99th percentile of the processor time a page takes, and allocations a page.

The models are fitted on these pages: on hosts that they have not seen they do
somewhat less well, by how much stands in BENCHMARKS.md. Other extractors are
measured beside this one, in the same run, by a program of its own module, so
that none of them is linked: go run -C cmd/internal/bench/peers . in the source.

Exit codes: 0 done, 1 failed, 2 wrong use.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			dir := cmp.Or(corpora, os.Getenv("NEWSWATCH_CORPORA"))
			if dir == "" {
				return errors.New("no corpora: give --corpora or set NEWSWATCH_CORPORA")
			}
			return bench.Extraction(cmd.OutOrStdout(), dir)
		},
	}
	cmd.Flags().StringVar(&corpora, "corpora", "", "folder of the corpora (default $NEWSWATCH_CORPORA)")
	return cmd
}
