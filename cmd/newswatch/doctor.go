package main

import (
	"io"

	"github.com/spf13/cobra"

	"github.com/newswatch/newswatch/cmd/internal/doctor"
)

func newDoctor() *cobra.Command {
	var s server
	var data string
	cmd := &cobra.Command{
		Use:   "doctor",
		Short: "Check this machine, the data folder and the running server",
		Long: `Check what newswatch needs: the data folder, free disk, memory, the clock, and,
where a server is running, its parts: stages that fall behind, dead letters,
feeds that fail.

Without a server running its part is left out; that alone is a warning only.

Exit codes: 0 all well or warnings only, 1 failed, 2 wrong use, 3 something is
BAD.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			c, err := s.client()
			if err != nil {
				return err
			}
			well := true
			for _, check := range doctor.Run(cmd.Context(), c, data) {
				if err := printCheck(cmd.OutOrStdout(), check); err != nil {
					return err
				}
				well = well && check.Verdict != doctor.Bad
			}
			if !well {
				return errNothing
			}
			return nil
		},
	}
	s.flags(cmd)
	cmd.Flags().StringVar(&data, "data", "./newswatch-data", "data folder")
	return cmd
}

// printCheck prints a check and, below it, what to do.
func printCheck(w io.Writer, c doctor.Check) error {
	b := block{head: pad(c.Verdict, 5) + pad(c.Name, 14), title: plain(c.Detail)}
	if c.Advice != "" {
		b.details = []string{"→ " + c.Advice}
	}
	return b.write(w)
}
