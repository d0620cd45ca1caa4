package main

import "github.com/spf13/cobra"

// newBench is the parent of the commands that measure, each in its own file.
func newBench() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "bench",
		Short: "Measure quality and speed on pages, texts and stories with known answers",
		Long: `Measure quality and speed on test data with known answers. See the commands
below, each of which says what it measures.

Exit codes: 0 done, 1 failed, 2 wrong use.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(newBenchExtraction(), newBenchRetag(), newBenchSearch(), newBenchTagging())
	return cmd
}
