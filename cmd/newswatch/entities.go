package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"

	"github.com/spf13/cobra"

	"github.com/newswatch/newswatch/cmd/internal/client"
	"github.com/newswatch/newswatch/pipeline"
	"github.com/newswatch/newswatch/pipeline/catalog"
)

func newEntities() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "entities",
		Short: "Entities: see what their names find, and get names from Wikidata",
		Long: `Look what the names of an entity find in the articles of the running server
before they are saved, or begin with the names that Wikidata has.

  newswatch entities test huawei
  newswatch entities test -f entity.yaml --since 30d
  newswatch entities suggest Q160120

Exit codes: 0 done, 1 failed, 2 wrong use, 3 nothing found or a test failed.`,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) > 0 {
				return fmt.Errorf("unknown command %q: want entities test or suggest", args[0])
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(newEntitiesTest(), newEntitiesSuggest())
	return cmd
}

func newEntitiesTest() *cobra.Command {
	var s server
	var format, file, since string
	cmd := &cobra.Command{
		Use:   "test ID | -f FILE",
		Short: "Run an entity's tests and show what its names find in the articles there are",
		Long: `Run the tests of an entity, and show what each of its names finds in the articles
of the running server: how often, how it is written, what stands beside it, what
does not count and why, samples, and names that may not do what is meant.
Nothing is stored. ID is an entity of the server as it is; FILE is a catalog file
(- for standard input), each of whose entities is tested as if it were saved.

Exit codes: 0 done, 1 failed, 2 wrong use, 3 no such entity or a test failed.`,
		Args: cobra.MaximumNArgs(1),
		PreRunE: func(_ *cobra.Command, args []string) error {
			if (len(args) == 1) == (file != "") {
				return errors.New("entities test: give either an id or a file with -f")
			}
			return oneOf("output", format, "text", "json")
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			c, err := s.client()
			if err != nil {
				return err
			}
			asks, err := previewAsks(cmd.InOrStdin(), args, file, since)
			if err != nil {
				return err
			}
			return previewAll(cmd, c, asks, format)
		},
	}
	s.flags(cmd)
	cmd.Flags().StringVarP(&file, "file", "f", "", "catalog file whose entities are tested")
	cmd.Flags().StringVar(&since, "since", "", "only articles published since: 30d, 12h, 2w, a day or time")
	cmd.Flags().StringVarP(&format, "output", "o", "text", "text or json (a line each)")
	return cmd
}

// A previewAsk is the body of a request for a preview.
type previewAsk struct {
	ID     string          `json:"id,omitempty"`
	Entity *catalog.Entity `json:"entity,omitempty"`
	Since  string          `json:"since,omitempty"`
}

func previewAsks(stdin io.Reader, args []string, file, since string) ([]previewAsk, error) {
	if len(args) == 1 {
		return []previewAsk{{ID: args[0], Since: since}}, nil
	}
	data, name, err := readInput(stdin, file)
	if err != nil {
		return nil, err
	}
	c, err := catalog.ParseFile(name, data)
	if err != nil {
		return nil, err
	}
	if len(c.Entities) == 0 {
		return nil, fmt.Errorf("%s: there are no entities in it", name)
	}
	asks := make([]previewAsk, len(c.Entities))
	for i := range c.Entities {
		asks[i] = previewAsk{Entity: &c.Entities[i], Since: since}
	}
	return asks, nil
}

func previewAll(cmd *cobra.Command, c *client.Client, asks []previewAsk, format string) error {
	out, failed := cmd.OutOrStdout(), false
	for i, ask := range asks {
		body, err := json.Marshal(ask)
		if err != nil {
			return err
		}
		var raw json.RawMessage
		if err := c.Do(cmd.Context(), http.MethodPost, apiPath+"entities:preview", "application/json", bytes.NewReader(body), &raw); err != nil {
			return err
		}
		var p pipeline.Preview
		if err := json.Unmarshal(raw, &p); err != nil {
			return fmt.Errorf("preview: %w", err)
		}
		failed = failed || len(p.Failures) > 0
		switch {
		case format == "json":
			err = printJSON(out, raw, false)
		default:
			if i > 0 {
				fmt.Fprintln(out)
			}
			err = writePreview(out, p)
		}
		if err != nil {
			return err
		}
	}
	if failed {
		return errNothing
	}
	return nil
}

// writePreview prints a preview for people.
func writePreview(w io.Writer, p pipeline.Preview) error {
	fmt.Fprintf(w, "%s: %d mentions in %d articles (%d read)\n", p.Entity, p.Mentions, p.Articles, p.Read)
	if p.Note != "" {
		fmt.Fprintf(w, "  %s\n", p.Note)
	}
	for _, f := range p.Failures {
		fmt.Fprintf(w, "  test failed: %s: %s\n", f.Field, plain(f.Msg))
	}
	for _, x := range p.Warnings {
		fmt.Fprintf(w, "  warning: name %q %s\n", plain(x.Name), plain(x.Msg))
	}
	fmt.Fprintln(w)
	names := table{{"NAME", "ARTICLES", "MENTIONS", "NOT", "CASE", "BEFORE", "AFTER"}}
	for _, n := range p.Names {
		names.add(n.Name, fmt.Sprint(n.Articles), fmt.Sprint(n.Mentions), fmt.Sprint(n.Blocked), caseWords(n.Case), counts(n.Left, 4), counts(n.Right, 4))
	}
	if err := names.write(w); err != nil {
		return err
	}
	if len(p.Blocked) > 0 {
		fmt.Fprintln(w, "\nWhat does not count:")
		for _, b := range p.Blocked {
			fmt.Fprintf(w, "  %5d  %s\n", b.Count, plain(b.Text))
		}
	}
	if len(p.Samples) == 0 {
		return nil
	}
	fmt.Fprintln(w, "\nSamples (+ counts, - does not):")
	var err error
	for _, x := range p.Samples {
		mark, note := "+", ""
		if x.Blocked != "" {
			mark, note = "-", "; "+plain(x.Blocked)
		}
		_, err = fmt.Fprintf(w, "  %s %s\n      %s, %s%s\n", mark, plain(x.Before+"["+x.Text+"]"+x.After), x.Article, x.Rule, note)
	}
	return err
}

// caseWords says how the places of a name are written.
func caseWords(c pipeline.CaseSplit) string {
	var parts []string
	for _, p := range []struct {
		n    int
		word string
	}{{c.First, "Aa"}, {c.Capitals, "AA"}, {c.Lower, "aa"}, {c.None, "–"}} {
		if p.n > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", p.n, p.word))
		}
	}
	return strings.Join(parts, ", ")
}

// counts lists the most frequent.
func counts(all []pipeline.NameCount, most int) string {
	var parts []string
	for _, c := range all[:min(most, len(all))] {
		parts = append(parts, fmt.Sprintf("%s %d", plain(c.Text), c.Count))
	}
	return strings.Join(parts, ", ")
}
