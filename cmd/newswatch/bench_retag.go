package main

import (
	"errors"
	"fmt"
	"log/slog"
	"os"

	"github.com/spf13/cobra"

	"github.com/newswatch/newswatch/cmd/internal/retagbench"
)

func newBenchRetag() *cobra.Command {
	o := retagbench.Options{Corpora: os.Getenv("NEWSWATCH_CORPORA")}
	cmd := &cobra.Command{
		Use:   "retag",
		Short: "Measure how fast a new entity is applied to an archive",
		Long: `Runs a whole newswatch on an archive of articles made as bench search makes them,
saves an entity whose name about --hits of them have, and times until the first
and until all of them are found by it; then deletes it, and times until none is.
The table it prints is the one of BENCHMARKS.md.

  newswatch bench retag --docs 100000,1000000 --keep /var/tmp/nw

With --keep the indexes stay for the next run, and for bench search; they are not
changed. A million articles take some 10 GB and half an hour of two processors.

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
			if o.Hits < 1 {
				errs = append(errs, fmt.Errorf("--hits %d: want 1 or more", o.Hits))
			}
			return errors.Join(errs...)
		},
		RunE: func(cmd *cobra.Command, _ []string) error {
			o.Progress = cmd.ErrOrStderr()
			log := slog.New(slog.NewTextHandler(cmd.ErrOrStderr(), &slog.HandlerOptions{Level: slog.LevelWarn}))
			results, err := retagbench.Run(cmd.Context(), log, o)
			if err != nil {
				return err
			}
			return retagbench.Table(cmd.OutOrStdout(), results)
		},
	}
	cmd.Flags().StringVar(&o.Corpora, "corpora", o.Corpora, "folder of the test corpora")
	cmd.Flags().IntSliceVar(&o.Docs, "docs", []int{10_000}, "how many articles; several sizes set apart by commas")
	cmd.Flags().IntVar(&o.Hits, "hits", 1000, "about how many of them have the entity's name")
	cmd.Flags().StringVar(&o.Keep, "keep", "", "folder to keep the indexes in, for the next run")
	return cmd
}
