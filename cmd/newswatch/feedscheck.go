package main

import (
	"encoding/json"
	"fmt"
	"io"
	"net/url"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/spf13/cobra"

	"github.com/newswatch/newswatch/cmd/internal/config"
	"github.com/newswatch/newswatch/pipeline/catalog"
	"github.com/newswatch/newswatch/pipeline/feeds"
	"github.com/newswatch/newswatch/pipeline/fetch"
	"github.com/newswatch/newswatch/web"
)

func newFeedsCheck() *cobra.Command {
	var format string
	var src catalog.Source
	var s server
	var kept bool
	cmd := &cobra.Command{
		Use:   "check URL",
		Short: "Explain step by step what is behind an address; no server needed",
		Long: `Ask an address as a poll would and say what was found: each redirect, the
answer, its validators and whether asking again with them works, format, charset
and how it is known, what was repaired, items and their dates, hub, further
pages, whether the articles' pages may be fetched, and how often newswatch would
ask. Of a page, the addresses that may be feeds of its site are listed.

With --kept nothing is asked: the running server prints the last body of its feed
URL that it could not read, as it came. It keeps one until the feed can be read.

Exit codes: 0 a usable feed, 1 failed, 2 wrong use, 3 not a usable feed, or no
body kept.`,
		Args:    cobra.ExactArgs(1),
		PreRunE: func(*cobra.Command, []string) error { return oneOf("output", format, "text", "json") },
		RunE: func(cmd *cobra.Command, args []string) error {
			if kept {
				return printKept(cmd, &s, args[0])
			}
			lg, err := newLogger(config.Default().Log)
			if err != nil {
				return err
			}
			c, err := fetch.New(lg, prometheus.NewRegistry(), fetch.Config{Version: version()})
			if err != nil {
				return err
			}
			defer c.Close()
			r := feeds.Check(cmd.Context(), c, args[0], &src, feeds.Config{})
			if err := cmd.Context().Err(); err != nil {
				return err
			}
			out := cmd.OutOrStdout()
			if format == "json" {
				enc := json.NewEncoder(out)
				enc.SetIndent("", "  ")
				enc.SetEscapeHTML(false)
				err = enc.Encode(r)
			} else {
				err = writeReport(out, r)
			}
			if err == nil && !r.Usable {
				return errNothing
			}
			return err
		},
	}
	cmd.Flags().StringVarP(&format, "output", "o", "text", "text or json")
	s.flags(cmd)
	cmd.Flags().BoolVar(&kept, "kept", false, "print the last body of URL that the running server could not read")
	cmd.Flags().BoolVar(&src.AllowPrivate, "allow-private", false, "let URL be on a private network or this machine")
	cmd.Flags().BoolVar(&src.HTTP1, "http1", false, "ask without HTTP/2, as a source with http1: true")
	cmd.Flags().StringVar(&src.UserAgent, "user-agent", "", "ask under this User-Agent, as a source with user_agent")
	cmd.Flags().StringVar(&src.Proxy, "proxy", "", "ask through this proxy, as a source with proxy, such as socks5://localhost:1080")
	return cmd
}

// printKept prints the body as it came, and what is known of it beside.
func printKept(cmd *cobra.Command, s *server, address string) error {
	c, err := s.client()
	if err != nil {
		return err
	}
	var k web.KeptBody
	if err := c.Get(cmd.Context(), keptPath, url.Values{"url": {address}}, &k); err != nil {
		return err
	}
	note := fmt.Sprintf("%s, %s, %s: %s", stamp(k.At), size(uint64(k.Bytes)), orNone(plain(k.ContentType), "no content type"), plain(k.Error))
	if k.Bytes > len(k.Body) {
		note += fmt.Sprintf(" (its first %s follow)", size(uint64(len(k.Body))))
	}
	fmt.Fprintln(cmd.ErrOrStderr(), note)
	_, err = cmd.OutOrStdout().Write(k.Body)
	return err
}

// writeReport prints a report as names and values, and its verdict.
func writeReport(w io.Writer, r *feeds.Report) error {
	var rows []string
	add := func(name, format string, args ...any) { rows = append(rows, name, fmt.Sprintf(format, args...)) }
	add("address", "%s", r.URL)
	if r.UserAgent != "" {
		add("asked as", "%s", r.UserAgent)
	}
	if r.Proxy != "" {
		add("through", "%s", r.Proxy)
	}
	for _, h := range r.Redirects {
		add("redirect", "%d to %s", h.Status, h.To)
	}
	if r.Status != 0 {
		add("answer", "%d, %s, %s in %d ms over %s", r.Status, orNone(r.ContentType, "no content type"), size(uint64(r.Bytes)), r.TookMS, r.Proto)
	}
	if r.Usable {
		add("validators", "%s", validators(r))
		for _, line := range r.Explain {
			name, value, _ := strings.Cut(line, ": ")
			add(name, "%s", value)
		}
		if r.Items > 0 {
			add("carried", "%d with an address, %d with their own date, %d with their text", r.Linked, r.Dated, r.Whole)
		}
		add("newest", "%s", stamp(r.Newest))
		add("oldest", "%s", stamp(r.Oldest))
		if r.Self != "" && r.Self != r.Final {
			add("calls itself", "%s", r.Self)
		}
		if r.Page != "" {
			add("pages", "%s: %s", orNone(r.PageSays, "not asked"), r.Page)
		}
		add("interval", "%s to begin with, then by how often it lists something new", r.Interval.Round(time.Minute))
	}
	if err := fields(w, rows...); err != nil {
		return err
	}
	if r.Usable {
		_, err := fmt.Fprintln(w, "\nA feed that newswatch can follow.")
		return err
	}
	fmt.Fprintf(w, "\nNot a usable feed: %s. %s\n", plain(r.Problem), plain(r.Advice))
	if len(r.Feeds) == 0 {
		return nil
	}
	fmt.Fprintln(w, "\nWhat may be feeds of the site:")
	for _, f := range r.Feeds {
		fmt.Fprintf(w, "  %s  (%s)\n", plain(f.URL), f.Why)
	}
	return nil
}

func orNone(s, none string) string {
	if s == "" {
		return none
	}
	return s
}

// validators says what a server gave to ask again with, and whether it works.
func validators(r *feeds.Report) string {
	var have []string
	if r.ETag != "" {
		have = append(have, "ETag "+r.ETag)
	}
	if r.LastModified != "" {
		have = append(have, "Last-Modified "+r.LastModified)
	}
	switch r.Validators {
	case "none":
		return "none: every poll gets the whole document"
	case "work":
		return "they work, asking again gave 304: " + strings.Join(have, ", ")
	case "ignored":
		return "ignored, asking again gave the same document: " + strings.Join(have, ", ")
	}
	return r.Validators + ": " + strings.Join(have, ", ")
}
