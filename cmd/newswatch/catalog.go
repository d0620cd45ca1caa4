package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"
)

// kinds are the catalog's kinds as the command line takes them, singular or
// plural, and their API paths.
var kinds = map[string]string{
	"source": "sources", "sources": "sources",
	"entity": "entities", "entities": "entities",
	"watch": "watches", "watches": "watches",
	"channel": "channels", "channels": "channels",
}

func kindPath(kind string) (string, error) {
	if p, ok := kinds[strings.ToLower(kind)]; ok {
		return "/api/v1/" + p, nil
	}
	if kind == "alerts" || kind == "articles" || kind == "status" {
		return "/api/v1/" + kind, nil
	}
	return "", fmt.Errorf("unknown kind %q: want sources, entities, watches, channels, alerts, articles or status", kind)
}

func newApply() *cobra.Command {
	var s server
	var files []string
	cmd := &cobra.Command{
		Use:   "apply -f FILE…",
		Short: "Put a catalog file (YAML or OPML) into the running server",
		Long: `Put sources, entities, watches and channels into the running server. What the
file no longer holds since it was last applied is removed. A bad file changes
nothing and says which line. FILE may be - for standard input.

Exit codes: 0 done, 1 failed or refused, 2 wrong use.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			c, err := s.client()
			if err != nil {
				return err
			}
			for _, file := range files {
				data, name, err := readInput(cmd.InOrStdin(), file)
				if err != nil {
					return err
				}
				var res struct{ Added, Changed, Unchanged, Removed int }
				path := "/api/v1/apply?name=" + url.QueryEscape(name)
				if err := c.Do(cmd.Context(), http.MethodPost, path, "application/yaml", bytes.NewReader(data), &res); err != nil {
					return err
				}
				fmt.Fprintf(cmd.OutOrStdout(), "%s: %d added, %d changed, %d unchanged, %d removed\n", file, res.Added, res.Changed, res.Unchanged, res.Removed)
			}
			return nil
		},
	}
	s.flags(cmd)
	cmd.Flags().StringArrayVarP(&files, "file", "f", nil, "file to apply; may be given several times")
	_ = cmd.MarkFlagRequired("file") // it exists
	return cmd
}

func readInput(stdin io.Reader, file string) (data []byte, name string, err error) {
	if file == "-" {
		data, err = io.ReadAll(stdin)
		return data, "stdin", err
	}
	data, err = os.ReadFile(file)
	return data, filepath.Base(file), err
}

func newGet() *cobra.Command {
	var s server
	var format string
	cmd := &cobra.Command{
		Use:   "get KIND [ID]",
		Short: "Show what the running server has: sources, entities, watches, channels, alerts, articles, status",
		Long: `Show an object, or all of a kind, of the running server.

  newswatch get entities
  newswatch get entity huawei
  newswatch get article 20151216093000-0123456789abcdef
  newswatch get status

Exit codes: 0 found, 1 failed, 2 wrong use, 3 nothing found.`,
		Args: cobra.RangeArgs(1, 2),
		PreRunE: func(_ *cobra.Command, args []string) error {
			_, err := kindPath(plural(args[0]))
			if err != nil {
				return err
			}
			return oneOf("output", format, "table", "json", "jsonl")
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			c, err := s.client()
			if err != nil {
				return err
			}
			path, err := kindPath(plural(args[0]))
			if err != nil {
				return err
			}
			out := cmd.OutOrStdout()
			if len(args) == 2 || strings.HasSuffix(path, "/status") {
				if len(args) == 2 {
					path += "/" + url.PathEscape(args[1])
				}
				var one json.RawMessage
				if err := c.Get(cmd.Context(), path, nil, &one); err != nil {
					return err
				}
				return printJSON(out, one, format != "jsonl")
			}
			n := 0
			for cursor := ""; ; {
				var page struct {
					Items []json.RawMessage `json:"items"`
					Next  string            `json:"next_cursor"`
				}
				q := url.Values{}
				if cursor != "" {
					q.Set("cursor", cursor)
				}
				if err := c.Get(cmd.Context(), path, q, &page); err != nil {
					return err
				}
				for _, it := range page.Items {
					n++
					if err := printObject(out, it, format); err != nil {
						return err
					}
				}
				if cursor = page.Next; cursor == "" {
					break
				}
			}
			if n == 0 {
				return errNothing
			}
			return nil
		},
	}
	s.flags(cmd)
	cmd.Flags().StringVarP(&format, "output", "o", "table", "table, json or jsonl")
	return cmd
}

func plural(kind string) string {
	switch kind {
	case "alert", "article":
		return kind + "s"
	}
	return kind
}

// printObject prints one object of a list: a line of a table, or JSON.
func printObject(w io.Writer, raw json.RawMessage, format string) error {
	if format != "table" {
		return printJSON(w, raw, format == "json")
	}
	var o struct {
		ID, Name, Kind, Query, Lang, Country, State, Home string
		ManagedBy                                         string `json:"managed_by"`
		WatchName                                         string `json:"watch_name"`
		Article                                           struct{ Title string }
	}
	if err := json.Unmarshal(raw, &o); err != nil {
		return err
	}
	rest := []string{}
	for _, s := range []string{o.WatchName, o.Name, o.Kind, o.State, o.Lang, o.Country, o.Query, o.Home, o.Article.Title} {
		if s != "" {
			rest = append(rest, plain(s))
		}
	}
	_, err := fmt.Fprintf(w, "%-28s  %s\n", o.ID, strings.Join(rest, "  "))
	return err
}

func printJSON(w io.Writer, raw json.RawMessage, indent bool) error {
	var b bytes.Buffer
	var err error
	if indent {
		err = json.Indent(&b, bytes.TrimSpace(raw), "", "  ")
	} else {
		err = json.Compact(&b, raw)
	}
	if err != nil {
		return err
	}
	_, err = fmt.Fprintln(w, b.String())
	return err
}

func newDelete() *cobra.Command {
	var s server
	cmd := &cobra.Command{
		Use:   "delete KIND ID",
		Short: "Delete a source, entity, watch or channel of the running server",
		Long: `Delete a source, entity, watch or channel. What is managed by a file can only
be deleted there.

Exit codes: 0 done, 1 failed or refused, 2 wrong use, 3 no such object.`,
		Args: cobra.ExactArgs(2),
		PreRunE: func(_ *cobra.Command, args []string) error {
			_, ok := kinds[args[0]]
			if !ok {
				return fmt.Errorf("unknown kind %q: want source, entity, watch or channel", args[0])
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			c, err := s.client()
			if err != nil {
				return err
			}
			path := "/api/v1/" + kinds[args[0]] + "/" + url.PathEscape(args[1])
			if err := c.Do(cmd.Context(), http.MethodDelete, path, "", nil, nil); err != nil {
				return err
			}
			fmt.Fprintf(cmd.OutOrStdout(), "deleted %s %s\n", args[0], args[1])
			return nil
		},
	}
	s.flags(cmd)
	return cmd
}
