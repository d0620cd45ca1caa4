package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/url"
	"strings"

	"github.com/spf13/cobra"

	"github.com/newswatch/newswatch/cmd/internal/client"
	"github.com/newswatch/newswatch/web"
)

// explainQuery is the query that --explain entity=ID and watch=ID ask with.
func explainQuery(kind string, explain []string) (url.Values, error) {
	q := url.Values{}
	if len(explain) > 0 && !strings.HasPrefix(strings.ToLower(kind), "article") {
		return nil, errors.New("--explain goes with an article")
	}
	for _, e := range explain {
		what, id, ok := strings.Cut(e, "=")
		if !ok || id == "" || what != "entity" && what != "watch" {
			return nil, fmt.Errorf("--explain %q: want entity=ID or watch=ID", e)
		}
		if q.Has(what) {
			return nil, fmt.Errorf("--explain %s: one %s at a time", e, what)
		}
		q.Set(what, id)
	}
	return q, nil
}

// explainArticle prints why an article is what it is. Not mentioned or not
// matched is an answer, not a failure.
func explainArticle(cmd *cobra.Command, c *client.Client, path string, explain []string, format string) error {
	q, err := explainQuery("article", explain)
	if err != nil {
		return err
	}
	var one json.RawMessage
	if err := c.Get(cmd.Context(), path+"/explain", q, &one); err != nil {
		return err
	}
	if format != "table" {
		return printJSON(cmd.OutOrStdout(), one, format == "json")
	}
	return show(cmd.OutOrStdout(), one, writeExplanation)
}

func writeExplanation(w io.Writer, ex web.Explanation) error {
	var b strings.Builder
	if e := ex.Entity; e != nil {
		fmt.Fprintf(&b, "entity %s (%s): %s\n", e.ID, plain(e.Name), plain(e.Reason))
		for _, f := range e.Findings {
			mark, note := "+", ""
			if f.Blocked != "" {
				mark, note = "-", "; does not count: "+f.Blocked
			}
			fmt.Fprintf(&b, "  %s %-5s  %s\n", mark, f.Field, plain(f.Before+"["+f.Text+"]"+f.After))
			fmt.Fprintf(&b, "           %s\n", plain(fmt.Sprintf("name %q, rule %s, confidence %.2f%s", f.Name, f.Rule, f.Confidence, note)))
		}
	}
	if v := ex.Watch; v != nil {
		fmt.Fprintf(&b, "watch %s (%s): %s\n", v.ID, plain(v.Query), plain(v.Reason))
		for _, s := range v.Spans {
			fmt.Fprintf(&b, "  + %-5s  %s, for %s\n", s.Field, plain(s.Text), plain(s.Term))
		}
	}
	_, err := io.WriteString(w, b.String())
	return err
}
