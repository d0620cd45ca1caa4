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
right word for word, segments found and wrongly found, pages a second of one
goroutine, the 99th percentile of the time a page takes, and allocations a page.

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
