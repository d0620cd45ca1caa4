package main

import (
	"encoding/csv"
	"encoding/json"
	"fmt"
	"html"
	"io"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/newswatch/newswatch/pipeline"
)

func newSearch() *cobra.Command {
	var s server
	var format, sort, collapse string
	var limit int
	cmd := &cobra.Command{
		Use:   "search QUERY",
		Short: "Search the corpus of the running server",
		Long: `Search the corpus of the running server, newest first.

  newswatch search 'entity:huawei AND (sanctions OR санкции OR 制裁)'
  newswatch search '"world internet conference" lang:ru last:7d' -o jsonl

Exit codes: 0 found, 1 failed, 2 wrong use, 3 nothing found.`,
		Args: cobra.MinimumNArgs(1),
		PreRunE: func(*cobra.Command, []string) error {
			return oneOf("output", format, "table", "json", "jsonl", "csv")
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			c, err := s.client()
			if err != nil {
				return err
			}
			q := url.Values{"q": {strings.Join(args, " ")}, "limit": {strconv.Itoa(limit)}}
			if sort != "" {
				q.Set("sort", sort)
			}
			if collapse != "" {
				q.Set("collapse", collapse)
			}
			var res pipeline.SearchResult
			if err := c.Get(cmd.Context(), "/api/v1/search", q, &res); err != nil {
				return err
			}
			for _, w := range res.Warnings {
				fmt.Fprintf(cmd.ErrOrStderr(), "warning: %s\n", w)
			}
			if err := writeHits(cmd.OutOrStdout(), format, res); err != nil {
				return err
			}
			if len(res.Hits) == 0 {
				if format == "table" {
					fmt.Fprintln(cmd.ErrOrStderr(), "nothing found")
				}
				return errNothing
			}
			return nil
		},
	}
	s.flags(cmd)
	cmd.Flags().StringVarP(&format, "output", "o", "table", "table, json, jsonl or csv")
	cmd.Flags().StringVar(&sort, "sort", "", "newest (default), oldest or relevance")
	cmd.Flags().StringVar(&collapse, "collapse", "", "none (default), copies or stories")
	cmd.Flags().IntVar(&limit, "limit", 20, "most hits to print")
	return cmd
}

func writeHits(w io.Writer, format string, res pipeline.SearchResult) error {
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	switch format {
	case "json":
		enc.SetIndent("", "  ")
		return enc.Encode(res)
	case "jsonl":
		for _, h := range res.Hits {
			if err := enc.Encode(h); err != nil {
				return err
			}
		}
		return nil
	case "csv":
		return writeCSV(w, res.Hits)
	}
	for _, h := range res.Hits {
		fmt.Fprintf(w, "%s  %-2s  %-18s  %s\n", h.Published.Local().Format("2006-01-02 15:04"), h.Lang, clip(h.Source, 18), plain(h.Title))
		fmt.Fprintf(w, "%22s%s\n", "", clip(snippetText(h.Snippet), 160))
		if len(h.Entities) > 0 {
			fmt.Fprintf(w, "%22s%s\n", "", strings.Join(h.Entities, " "))
		}
		fmt.Fprintf(w, "%22s%s\n", "", plain(h.URL))
	}
	about := ""
	if !res.TotalExact {
		about = "about "
	}
	if len(res.Hits) > 0 {
		_, err := fmt.Fprintf(w, "\n%d of %s%d, %d ms\n", len(res.Hits), about, res.Total, res.TookMS)
		return err
	}
	return nil
}

func writeCSV(w io.Writer, hits []pipeline.Hit) error {
	cw := csv.NewWriter(w)
	rows := [][]string{{"id", "published", "source", "lang", "country", "title", "url", "entities", "story", "snippet"}}
	for _, h := range hits {
		rows = append(rows, []string{
			h.ID, h.Published.Format(time.RFC3339), h.Source, h.Lang, h.Country, h.Title, h.URL,
			strings.Join(h.Entities, " "), h.Story, snippetText(h.Snippet),
		})
	}
	for _, row := range rows {
		for i, cell := range row {
			row[i] = csvSafe(cell)
		}
		if err := cw.Write(row); err != nil {
			return err
		}
	}
	cw.Flush()
	return cw.Error()
}

// csvSafe keeps a spreadsheet from taking foreign text for a formula.
func csvSafe(cell string) string {
	if cell != "" && strings.ContainsRune("=+-@\t\r", rune(cell[0])) {
		return "'" + cell
	}
	return cell
}

// snippetText is a snippet without its markup.
func snippetText(s string) string {
	s = strings.NewReplacer("<mark>", "", "</mark>", "").Replace(s)
	return plain(html.UnescapeString(s))
}

// plain drops what would play with a terminal: foreign text may hold escape
// sequences and line breaks.
func plain(s string) string {
	return strings.Join(strings.FieldsFunc(s, func(r rune) bool { return r <= ' ' || r == 0x7f || r >= 0x80 && r < 0xa0 }), " ")
}

func clip(s string, n int) string {
	r := []rune(s)
	if len(r) <= n {
		return s
	}
	return string(r[:n-1]) + "…"
}
