package main

import (
	"fmt"

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

Exit codes: 0 all well, 1 failed, 2 wrong use, 3 something is wrong.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			c, err := s.client()
			if err != nil {
				return err
			}
			well := true
			for _, check := range doctor.Run(cmd.Context(), c, data) {
				fmt.Fprintf(cmd.OutOrStdout(), "%-5s %-16s %s\n", check.Verdict, check.Name, plain(check.Detail))
				if check.Advice != "" {
					fmt.Fprintf(cmd.OutOrStdout(), "%-22s → %s\n", "", check.Advice)
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
