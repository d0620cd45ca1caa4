package main

import (
	"encoding/json"
	"fmt"
	"net/url"
	"strconv"
	"time"

	"github.com/spf13/cobra"

	"github.com/newswatch/newswatch/web"
)

const (
	sourcesPath  = apiPath + "sources"
	feedsPath    = apiPath + "feeds"
	discoverPath = apiPath + "feeds:discover"
	keptPath     = apiPath + "feeds:kept"
)

func newFeeds() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "feeds",
		Short: "Feeds: check, find and add, import, export, list",
		Long: `Find out what is behind an address, add the feeds of a site to the running
server, bring the list of another feed reader, or take yours there.

  newswatch feeds check https://site.example/rss.xml
  newswatch feeds add https://site.example
  newswatch feeds import subscriptions.opml
  newswatch feeds export -o feeds.opml
  newswatch feeds list --state failing

Exit codes: 0 done, 1 failed, 2 wrong use, 3 no feed found or not a usable one.`,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) > 0 {
				return fmt.Errorf("unknown command %q: want feeds check, add, import, export or list", args[0])
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(newFeedsCheck(), newFeedsAdd(), newFeedsImport(), newFeedsExport(), newFeedsList())
	return cmd
}

func newFeedsList() *cobra.Command {
	var s server
	var format, state string
	var limit int
	cmd := &cobra.Command{
		Use:   "list",
		Short: "List the feeds of the running server and how they do",
		Long: `List every feed with its state, its last answer that was of use, when it is due
next, what it has brought, and what is wrong with it.

Exit codes: 0 done, 1 failed, 2 wrong use, 3 there are none.`,
		Args: cobra.NoArgs,
		PreRunE: func(*cobra.Command, []string) error {
			if limit < 0 {
				return fmt.Errorf("--limit %d: want 1 or more, or 0 for all", limit)
			}
			return oneOf("output", format, "table", "json", "jsonl")
		},
		RunE: func(cmd *cobra.Command, _ []string) error {
			c, err := s.client()
			if err != nil {
				return err
			}
			q := url.Values{}
			if state != "" {
				q.Set("state", state)
			}
			feeds, more, err := list(cmd, c, feedsPath, q, limit)
			if err != nil {
				return err
			}
			if err := showFeeds(cmd, feeds, format); err != nil {
				return err
			}
			if more && format == "table" {
				fmt.Fprintln(cmd.ErrOrStderr(), "There are more: --limit 0 shows all.")
			}
			return nil
		},
	}
	s.flags(cmd)
	cmd.Flags().StringVar(&state, "state", "", "only those in this state: new, ok, failing, quiet…")
	cmd.Flags().StringVarP(&format, "output", "o", "table", "table, json or jsonl")
	cmd.Flags().IntVar(&limit, "limit", 0, "most to print; 0: all")
	return cmd
}

func showFeeds(cmd *cobra.Command, feeds []json.RawMessage, format string) error {
	out := cmd.OutOrStdout()
	if format != "table" {
		if err := showList(out, feedsPath, feeds, format); err != nil {
			return err
		}
	} else if len(feeds) > 0 {
		names := []string{"SOURCE", "STATE", "LAST GOOD", "NEXT", "ITEMS", "URL", "REASON"}
		err := showTable(out, feeds, names, func(f web.FeedStatus) []string {
			return []string{f.Source, f.State, short(f.LastOK), short(f.NextDue), strconv.FormatInt(f.Items, 10), f.URL, f.Reason}
		})
		if err != nil {
			return err
		}
	}
	if len(feeds) == 0 {
		if format == "table" {
			fmt.Fprintln(cmd.ErrOrStderr(), "nothing found")
		}
		return errNothing
	}
	return nil
}

// short is a time for a column; empty: it never was.
func short(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.Local().Format("2006-01-02 15:04")
}
