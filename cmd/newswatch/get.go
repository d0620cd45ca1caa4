package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/url"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/newswatch/newswatch/cmd/internal/client"
	"github.com/newswatch/newswatch/pipeline"
	"github.com/newswatch/newswatch/pipeline/catalog"
)

// defaultAlerts is how many alerts are listed: there may be years of them.
const defaultAlerts = 50

func newGet() *cobra.Command {
	var s server
	var format string
	var limit int
	var explain []string
	cmd := &cobra.Command{
		Use:   "get KIND [ID]",
		Short: "Show what the running server has: catalog, alerts, an article, its status",
		Long: `Show one thing of the running server, or all of a kind.

  newswatch get entities
  newswatch get entity huawei
  newswatch get alerts
  newswatch get article 20151216093000-0123456789abcdef
  newswatch get article 20151216093000-0123456789abcdef --explain entity=huawei
  newswatch get status

KIND is sources, entities, watches, channels, alerts, article or status, singular
or plural.
Sources, entities, watches and channels are printed one by one as JSON. For
articles there is newswatch search. --explain says why the article mentions an
entity or matches a watch (--explain watch=ID), or why not.

Exit codes: 0 found, 1 failed, 2 wrong use, 3 nothing found.`,
		Args: cobra.RangeArgs(1, 2),
		PreRunE: func(_ *cobra.Command, args []string) error {
			if _, err := getPath(args); err != nil {
				return err
			}
			if limit < 0 {
				return fmt.Errorf("--limit %d: want 1 or more, or 0 for all", limit)
			}
			if _, err := explainQuery(args[0], explain); err != nil {
				return err
			}
			return oneOf("output", format, "table", "json", "jsonl")
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			c, err := s.client()
			if err != nil {
				return err
			}
			path, err := getPath(args)
			if err != nil {
				return err
			}
			out := cmd.OutOrStdout()
			if len(explain) > 0 {
				return explainArticle(cmd, c, path, explain, format)
			}
			if len(args) == 2 || path == statusPath {
				var one json.RawMessage
				if err := c.Get(cmd.Context(), path, nil, &one); err != nil {
					return err
				}
				return showOne(out, path, one, format)
			}
			if path == alertsPath && !cmd.Flags().Changed("limit") {
				limit = defaultAlerts
			}
			items, more, err := list(cmd, c, path, nil, limit)
			if err != nil {
				return err
			}
			if err := showList(out, path, items, format); err != nil {
				return err
			}
			if len(items) == 0 {
				if format == "table" {
					fmt.Fprintln(cmd.ErrOrStderr(), "nothing found")
				}
				return errNothing
			}
			if more && format == "table" {
				fmt.Fprintf(cmd.ErrOrStderr(), "There are more: --limit N shows N of them, --limit 0 all.\n")
			}
			return nil
		},
	}
	s.flags(cmd)
	cmd.Flags().StringVarP(&format, "output", "o", "table", "table, json or jsonl")
	cmd.Flags().IntVar(&limit, "limit", 0, "most to print of a kind; 0: all (alerts: 50 if not given)")
	cmd.Flags().StringArrayVar(&explain, "explain", nil, "of an article: entity=ID or watch=ID, why or why not")
	return cmd
}

const (
	apiPath      = "/api/v1/"
	statusPath   = apiPath + "status"
	alertsPath   = apiPath + "alerts"
	articlesPath = apiPath + "articles"
)

// getPath is the API path of what is asked for.
func getPath(args []string) (string, error) {
	kind := strings.ToLower(args[0])
	path := apiPath + kinds[kind]
	switch {
	case kinds[kind] != "":
	case kind == "alert" || kind == "alerts":
		path = alertsPath
	case (kind == "article" || kind == "articles") && len(args) == 1:
		return "", errors.New("get article: which one? Give its id; newswatch search shows ids")
	case kind == "article" || kind == "articles":
		path = articlesPath
	case kind == "status" && len(args) == 2:
		return "", fmt.Errorf("get status: what is %q for?", args[1])
	case kind == "status":
		return statusPath, nil
	default:
		return "", fmt.Errorf("unknown kind %q: want sources, entities, watches, channels, alerts, article or status", args[0])
	}
	if len(args) == 2 {
		if args[1] == "" {
			return "", errors.New("the id is empty")
		}
		path += "/" + url.PathEscape(args[1])
	}
	return path, nil
}

// list asks for the objects at a path, at most limit of them (0: all), and
// says whether there are more.
func list(cmd *cobra.Command, c *client.Client, path string, q url.Values, limit int) (items []json.RawMessage, more bool, err error) {
	if q == nil {
		q = url.Values{}
	}
	for {
		want := pageSize
		if limit > 0 {
			want = min(limit-len(items), pageSize)
		}
		q.Set("limit", strconv.Itoa(want))
		var page struct {
			Items []json.RawMessage `json:"items"`
			Next  string            `json:"next_cursor"`
		}
		if err := c.Get(cmd.Context(), path, q, &page); err != nil {
			return nil, false, err
		}
		items = append(items, page.Items...)
		if page.Next == "" || limit > 0 && len(items) >= limit {
			return items, page.Next != "", nil
		}
		q.Set("cursor", page.Next)
	}
}

// showList prints objects of a kind: a table for people, one JSON array, or a
// line of JSON each.
func showList(w io.Writer, path string, items []json.RawMessage, format string) error {
	switch format {
	case "json":
		all, err := json.Marshal(append([]json.RawMessage{}, items...))
		if err != nil {
			return err
		}
		return printJSON(w, all, true)
	case "jsonl":
		for _, it := range items {
			if err := printJSON(w, it, false); err != nil {
				return err
			}
		}
		return nil
	}
	if len(items) == 0 {
		return nil
	}
	switch path {
	case apiPath + "sources":
		return showTable(w, items, []string{"ID", "LANG", "COUNTRY", "FEEDS", "MANAGED BY", "NAME", "HOME"}, func(o catalog.Source) []string {
			return []string{o.ID, o.Lang, o.Country, strconv.Itoa(len(o.Feeds)), o.ManagedBy, o.Name, o.Home}
		})
	case apiPath + "entities":
		return showTable(w, items, []string{"ID", "KIND", "WIKIDATA", "MANAGED BY", "NAME", "NAMES"}, func(o catalog.Entity) []string {
			var names []string
			for _, n := range o.Names {
				names = append(names, n.Text)
			}
			return []string{o.ID, o.Kind, o.Wikidata, o.ManagedBy, o.Name, strings.Join(names, ", ")}
		})
	case apiPath + "watches":
		return showTable(w, items, []string{"ID", "KIND", "TO", "MANAGED BY", "NAME", "QUERY"}, func(o catalog.Watch) []string {
			return []string{o.ID, o.Kind, strings.Join(o.To, ","), o.ManagedBy, o.Name, o.Query}
		})
	case apiPath + "channels":
		return showTable(w, items, []string{"ID", "KIND", "MANAGED BY", "URL"}, func(o catalog.Channel) []string {
			where := o.URL
			if where == "" && o.URLFile != "" {
				where = "in " + o.URLFile
			}
			return []string{o.ID, o.Kind, o.ManagedBy, where}
		})
	}
	return each(items, func(a pipeline.Alert) error { return alertBlock(a).write(w) })
}

// each decodes the objects and calls fn with one after the other.
func each[T any](items []json.RawMessage, fn func(T) error) error {
	for _, it := range items {
		var o T
		if err := json.Unmarshal(it, &o); err != nil {
			return err
		}
		if err := fn(o); err != nil {
			return err
		}
	}
	return nil
}

func showTable[T any](w io.Writer, items []json.RawMessage, names []string, row func(T) []string) error {
	t := table{names}
	err := each(items, func(o T) error {
		t.add(row(o)...)
		return nil
	})
	if err != nil {
		return err
	}
	return t.write(w)
}

// showOne prints one thing: text for people where it is an article, an alert or
// the status, else JSON.
func showOne(w io.Writer, path string, one json.RawMessage, format string) error {
	if format == "table" {
		switch {
		case path == statusPath:
			return show(w, one, writeStatus)
		case strings.HasPrefix(path, articlesPath+"/"):
			return show(w, one, writeArticle)
		case strings.HasPrefix(path, alertsPath+"/"):
			return show(w, one, writeAlert)
		}
	}
	return printJSON(w, one, format != "jsonl")
}

func show[T any](w io.Writer, raw json.RawMessage, write func(io.Writer, T) error) error {
	var v T
	if err := json.Unmarshal(raw, &v); err != nil {
		return err
	}
	return write(w, v)
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
