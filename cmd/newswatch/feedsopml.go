package main

import (
	"errors"
	"fmt"
	"os"
	"slices"

	"github.com/spf13/cobra"

	"github.com/newswatch/newswatch/cmd/internal/client"
	"github.com/newswatch/newswatch/pipeline/catalog"
)

func newFeedsImport() *cobra.Command {
	var s server
	var own bool
	cmd := &cobra.Command{
		Use:   "import FILE.opml",
		Short: "Add the feeds of an OPML file to the running server",
		Long: `Add the feeds of an OPML file, as other feed readers export it. Folders become
tags, the feeds of one site become one source. What is imported can be changed
and deleted like anything else; nothing that is there is removed. To keep a file
and the server the same, use newswatch apply. FILE may be - for standard input.

A file that newswatch feeds export has written also says how its sources are asked
for and read (http1, user_agent, pages, extract). The proxies it names are taken
only with --own: behind a proxy nothing guards private networks.

Exit codes: 0 done, 1 failed or some were refused, 2 wrong use.`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			c, err := s.client()
			if err != nil {
				return err
			}
			data, name, err := readInput(cmd.InOrStdin(), args[0])
			if err != nil {
				return err
			}
			parse := catalog.ParseOPML
			if own {
				parse = catalog.ParseOwnOPML
			}
			read, err := parse(name, data)
			if err != nil {
				return err
			}
			return importSources(cmd, c, read.Sources)
		},
	}
	s.flags(cmd)
	cmd.Flags().BoolVar(&own, "own", false, "the file is one's own: take its proxies, too")
	return cmd
}

// importSources adds what is new of the sources and says what became of each.
func importSources(cmd *cobra.Command, c *client.Client, sources []catalog.Source) error {
	have, err := allSources(cmd, c)
	if err != nil {
		return err
	}
	known := make(map[string]bool)
	byID := make(map[string]catalog.Source)
	for _, src := range have {
		byID[src.ID] = src
		for _, f := range src.Feeds {
			known[catalog.FeedKey(f.URL)] = true
		}
	}
	var added, changed, same, refused int
	for _, src := range sources {
		fresh := slices.DeleteFunc(src.Feeds, func(f catalog.Feed) bool { return known[catalog.FeedKey(f.URL)] })
		if len(fresh) == 0 {
			same++
			continue
		}
		src.Feeds = fresh
		old, there := byID[src.ID]
		if there {
			src = extended(old, src)
		}
		err := putSource(cmd.Context(), c, src)
		var p *client.Problem
		switch {
		case errors.As(err, &p) && p.Status < 500:
			refused++
			fmt.Fprintf(cmd.ErrOrStderr(), "refused: source %s: %v\n", src.ID, err)
		case err != nil:
			return err
		case there:
			changed++
		default:
			added++
		}
	}
	fmt.Fprintf(cmd.OutOrStdout(), "sources: %d added, %d changed, %d known, %d refused\n", added, changed, same, refused)
	if refused > 0 {
		return fmt.Errorf("%d sources were refused", refused)
	}
	return nil
}

// extended is a source with the feeds and tags of another of its id.
func extended(src, more catalog.Source) catalog.Source {
	src.Feeds = append(src.Feeds, more.Feeds...)
	for _, t := range more.Tags {
		if !slices.Contains(src.Tags, t) {
			src.Tags = append(src.Tags, t)
		}
	}
	return src
}

func allSources(cmd *cobra.Command, c *client.Client) ([]catalog.Source, error) {
	raw, _, err := list(cmd, c, sourcesPath, nil, 0)
	if err != nil {
		return nil, err
	}
	var all []catalog.Source
	err = each(raw, func(s catalog.Source) error {
		all = append(all, s)
		return nil
	})
	return all, err
}

func newFeedsExport() *cobra.Command {
	var s server
	var file string
	cmd := &cobra.Command{
		Use:   "export [-o FILE]",
		Short: "Write the feeds of the running server as OPML",
		Long: `Write every feed as OPML 2.0, for other feed readers and for newswatch feeds
import: in folders named by the first tag of their source. How newswatch asks for
and reads a source stands in attributes of its own, which others pass over; that
it may be on a private network does not.

Exit codes: 0 done, 1 failed, 2 wrong use, 3 there are no feeds.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			c, err := s.client()
			if err != nil {
				return err
			}
			all, err := allSources(cmd, c)
			if err != nil {
				return err
			}
			if !slices.ContainsFunc(all, func(s catalog.Source) bool { return len(s.Feeds) > 0 }) {
				fmt.Fprintln(cmd.ErrOrStderr(), "nothing found")
				return errNothing
			}
			data, err := catalog.MarshalOPML(&catalog.Catalog{Sources: all}, "newswatch feeds")
			if err != nil {
				return err
			}
			if file == "" || file == "-" {
				_, err = cmd.OutOrStdout().Write(data)
				return err
			}
			return os.WriteFile(file, data, 0o644)
		},
	}
	s.flags(cmd)
	cmd.Flags().StringVarP(&file, "output", "o", "", "file to write; none: standard output")
	return cmd
}
