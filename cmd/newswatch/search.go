package main

import (
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"html"
	"io"
	"net/url"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/newswatch/newswatch/cmd/internal/client"
	"github.com/newswatch/newswatch/pipeline"
	"github.com/newswatch/newswatch/web"
)

// pageSize is the most hits or objects the server gives at a time.
const pageSize = 200

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
  newswatch search -- -entity:huawei        # a query that begins with a dash

Exit codes: 0 found, 1 failed, 2 wrong use, 3 nothing found.`,
		Args: cobra.MinimumNArgs(1),
		PreRunE: func(*cobra.Command, []string) error {
			if limit < 0 {
				return fmt.Errorf("--limit %d: want 0 or more", limit)
			}
			return errors.Join(
				oneOf("output", format, "table", "json", "jsonl", "csv"),
				oneOf("sort", sort, pipeline.SortNewest, pipeline.SortOldest, pipeline.SortRelevance),
				oneOf("collapse", collapse, "none", "copies", "stories"))
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			c, err := s.client()
			if err != nil {
				return err
			}
			text := strings.Join(args, " ")
			q := url.Values{"q": {text}, "sort": {sort}, "collapse": {collapse}}
			res, err := search(cmd, c, q, limit)
			if err != nil {
				return queryError(text, err)
			}
			for _, w := range res.Warnings {
				fmt.Fprintf(cmd.ErrOrStderr(), "warning: %s\n", w)
			}
			for _, h := range res.Hints {
				fmt.Fprintf(cmd.ErrOrStderr(), "hint: %s%s\n", h.Message, instead(": ", h.Query))
			}
			if limit == 0 {
				err = writeTotal(cmd.OutOrStdout(), format, res)
			} else {
				err = writeHits(cmd.OutOrStdout(), format, res)
			}
			if err != nil {
				return err
			}
			if len(res.Hits) == 0 && (limit > 0 || res.Total == 0) {
				if format == "table" && limit > 0 {
					fmt.Fprint(cmd.ErrOrStderr(), nothing(text, res.Nothing))
				}
				return errNothing
			}
			return nil
		},
	}
	s.flags(cmd)
	cmd.Flags().StringVarP(&format, "output", "o", "table", "table, json, jsonl or csv")
	cmd.Flags().StringVar(&sort, "sort", pipeline.SortNewest, "newest, oldest or relevance")
	cmd.Flags().StringVar(&collapse, "collapse", "none", "none, copies or stories: what to fold into one hit")
	cmd.Flags().IntVar(&limit, "limit", 20, "most hits to print; 0: only how many there are")
	return cmd
}

// nothing says that nothing was found, and what to ask instead.
func nothing(text string, why *pipeline.Nothing) string {
	var b strings.Builder
	fmt.Fprintln(&b, "nothing found"+anyWord(text))
	if why == nil {
		return b.String()
	}
	for _, a := range why.Absent {
		fmt.Fprintf(&b, "  no article has %s", plain(a.Term))
		if a.Query != "" {
			fmt.Fprintf(&b, "; %d have %s%s", a.Count, plain(a.Instead), instead(": ", a.Query))
		}
		fmt.Fprintln(&b)
	}
	for _, w := range why.Without {
		fmt.Fprintf(&b, "  %d without %s%s\n", w.Count, plain(w.Term), instead(": ", w.Query))
	}
	return b.String()
}

// instead is another search as one types it; nothing where there is none.
func instead(sep, query string) string {
	if query == "" {
		return ""
	}
	return sep + "newswatch search -- '" + strings.ReplaceAll(query, "'", `'\''`) + "'"
}

// anyWord says how to ask for the articles that have any of the words.
func anyWord(text string) string {
	loose, ok := client.Loosen(text)
	if !ok {
		return ""
	}
	return "; with any of the words: newswatch search --sort relevance -- '" + strings.ReplaceAll(loose, "'", `'\''`) + "'"
}

// search asks for as many pages as the limit takes. What is said of the whole
// is the first page's.
func search(cmd *cobra.Command, c *client.Client, q url.Values, limit int) (pipeline.SearchResult, error) {
	var all pipeline.SearchResult
	for {
		q.Set("limit", strconv.Itoa(min(limit-len(all.Hits), pageSize)))
		var page pipeline.SearchResult
		if err := c.Get(cmd.Context(), apiPath+"search", q, &page); err != nil {
			return all, err
		}
		if !q.Has("cursor") {
			all = page
		} else {
			all.Hits = append(all.Hits, page.Hits...)
			all.NextCursor = page.NextCursor
		}
		if page.NextCursor == "" || len(page.Hits) == 0 || len(all.Hits) >= limit {
			return all, nil
		}
		q.Set("cursor", page.NextCursor)
	}
}

// writeTotal writes how many there are.
func writeTotal(w io.Writer, format string, res pipeline.SearchResult) error {
	switch format {
	case "json":
		return writeHits(w, format, res)
	case "jsonl":
		return json.NewEncoder(w).Encode(res)
	}
	_, err := fmt.Fprintln(w, res.Total)
	return err
}

// queryError shows where in the query the error is.
func queryError(query string, err error) error {
	var p *client.Problem
	if !errors.As(err, &p) || p.Position == nil || *p.Position > len(query) {
		return err
	}
	before := query[:*p.Position]
	// The caret stands below the place only if the query is one plain line.
	if query != plain(query) {
		return fmt.Errorf("query: at character %d: %w", len([]rune(before))+1, err)
	}
	return fmt.Errorf("query: at character %d: %w\n  %s\n  %s^", len([]rune(before))+1, err, query, strings.Repeat(" ", cells(before)))
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
	if len(res.Hits) == 0 {
		return nil
	}
	source := 0
	for _, h := range res.Hits {
		source = max(source, min(cells(plain(h.Source)), maxSource))
	}
	for _, h := range res.Hits {
		title := plain(h.Title)
		if h.Copies > 0 {
			title += fmt.Sprintf(" (+%d)", h.Copies)
		}
		err := block{
			head: h.Published.Local().Format(minute) + "  " + pad(plain(h.Lang), 2) + "  " +
				pad(clip(plain(h.Source), source), source) + "  ",
			title:   title,
			details: []string{snippetText(h.Snippet), plain(strings.Join(h.Entities, " ")), plain(h.URL), h.ID},
		}.write(w)
		if err != nil {
			return err
		}
	}
	about := ""
	if !res.TotalExact {
		about = "about "
	}
	_, err := fmt.Fprintf(w, "\n%d of %s%d, %d ms\n", len(res.Hits), about, res.Total, res.TookMS)
	return err
}

const (
	minute    = "2006-01-02 15:04" // times in tables, local
	maxSource = 24                 // columns of a source's id
)

func writeCSV(w io.Writer, hits []pipeline.Hit) error {
	cw := csv.NewWriter(w)
	if err := cw.Write(web.CSVHeader); err != nil {
		return err
	}
	for _, h := range hits {
		if err := cw.Write(web.CSVRow(h)); err != nil {
			return err
		}
	}
	cw.Flush()
	return cw.Error()
}

// snippetText is a snippet without its markup.
func snippetText(s string) string {
	s = strings.NewReplacer("<mark>", "", "</mark>", "").Replace(s)
	return plain(html.UnescapeString(s))
}
