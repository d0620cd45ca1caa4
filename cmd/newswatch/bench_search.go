package main

import (
	"errors"
	"fmt"
	"log/slog"
	"os"

	"github.com/spf13/cobra"

	"github.com/newswatch/newswatch/cmd/internal/searchbench"
)

func newBenchSearch() *cobra.Command {
	o := searchbench.Options{Corpora: os.Getenv("NEWSWATCH_CORPORA")}
	cmd := &cobra.Command{
		Use:   "search",
		Short: "Measure indexing and searching",
		Long: `Makes articles of the titles and paragraphs of a news corpus, indexes them, and
times sixteen shapes of query. The table it prints is the one of BENCHMARKS.md.

  newswatch bench search --docs 10000,100000,1000000 --keep /var/tmp/nw

With --keep the indexes stay, and the next run only asks. A million articles
take some 10 GB and half an hour of two processors.

Exit codes: 0 done, 1 failed, 2 wrong use.`,
		Args: cobra.NoArgs,
		PreRunE: func(*cobra.Command, []string) error {
			var errs []error
			if o.Corpora == "" {
				errs = append(errs, errors.New("--corpora: the folder of the test corpora is needed (or NEWSWATCH_CORPORA)"))
			}
			for _, n := range o.Docs {
				if n < 1000 {
					errs = append(errs, fmt.Errorf("--docs %d: want 1000 or more", n))
				}
			}
			if o.Rounds < 1 {
				errs = append(errs, fmt.Errorf("--rounds %d: want 1 or more", o.Rounds))
			}
			return errors.Join(errs...)
		},
		RunE: func(cmd *cobra.Command, _ []string) error {
			o.Progress = cmd.ErrOrStderr()
			log := slog.New(slog.NewTextHandler(cmd.ErrOrStderr(), &slog.HandlerOptions{Level: slog.LevelWarn}))
			results, err := searchbench.Run(cmd.Context(), log, o)
			if err != nil {
				return err
			}
			return searchbench.Table(cmd.OutOrStdout(), results)
		},
	}
	cmd.Flags().StringVar(&o.Corpora, "corpora", o.Corpora, "folder of the test corpora")
	cmd.Flags().IntSliceVar(&o.Docs, "docs", []int{10_000}, "how many articles; several sizes set apart by commas")
	cmd.Flags().StringVar(&o.Keep, "keep", "", "folder to keep the indexes in, for the next run")
	cmd.Flags().IntVar(&o.Rounds, "rounds", 3, "how often each query is asked")
	return cmd
}
