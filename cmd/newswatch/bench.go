package main

import "github.com/spf13/cobra"

// newBench is the parent of the commands that measure, each in its own file.
func newBench() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "bench",
		Short: "Measure quality and speed on pages, texts and stories with known answers",
		Args:  cobra.NoArgs,
		RunE:  func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(newBenchExtraction())
	return cmd
}
