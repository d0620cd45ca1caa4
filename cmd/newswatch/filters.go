package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/newswatch/newswatch/cmd/internal/config"
	"github.com/newswatch/newswatch/extractors"
	"github.com/newswatch/newswatch/extractors/tags"
	"github.com/newswatch/newswatch/pipeline/catalog"
	"github.com/newswatch/newswatch/pipeline/feeds"
	"github.com/newswatch/newswatch/pipeline/fetch"

	"github.com/prometheus/client_golang/prometheus"
)

func newParse() *cobra.Command {
	var base string
	var private bool
	cmd := &cobra.Command{
		Use:   "parse FILE|URL|-",
		Short: "Parse a feed: one item a line",
		Long: `Parse a feed from a file, an address or standard input and print one item a line:

  {"key","url","title","summary","content","author","published","guid",…}

--url is the address the feed was served from, for relative links. An address on
a private network or on this machine is fetched with --allow-private only.

Exit codes: 0 done, 1 failed, 2 wrong use, 3 not a feed, or one without items.`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			body, from, contentType, err := readFeed(cmd.Context(), cmd.InOrStdin(), args[0], private)
			if err != nil {
				return err
			}
			if base == "" {
				base = from
			}
			parsed, err := feeds.Parse(body, base, contentType, feeds.ParseOptions{Feed: base, Now: time.Now()})
			if err != nil {
				what := strings.TrimSuffix(err.Error(), ": "+base) // which is said already
				fmt.Fprintf(cmd.ErrOrStderr(), "newswatch: %s: %s\n", args[0], what)
				return errNothing
			}
			enc := json.NewEncoder(cmd.OutOrStdout())
			enc.SetEscapeHTML(false)
			for _, it := range parsed.Items {
				if err := enc.Encode(feeds.LineOf(it)); err != nil {
					return err
				}
			}
			for _, r := range parsed.Repairs {
				fmt.Fprintf(cmd.ErrOrStderr(), "repaired: %s\n", r)
			}
			if parsed.Lost > 0 {
				fmt.Fprintf(cmd.ErrOrStderr(), "lost: %d items that nothing could be made of\n", parsed.Lost)
			}
			if len(parsed.Items) == 0 {
				fmt.Fprintf(cmd.ErrOrStderr(), "newswatch: %s: a feed without items\n", args[0])
				return errNothing
			}
			return nil
		},
	}
	cmd.Flags().StringVar(&base, "url", "", "address the feed was served from")
	cmd.Flags().BoolVar(&private, "allow-private", false, "let URL be on a private network or this machine")
	return cmd
}

func readFeed(ctx context.Context, stdin io.Reader, from string, private bool) (body []byte, base, contentType string, err error) {
	switch {
	case from == "-":
		body, err = io.ReadAll(stdin)
		return body, "", "", err
	case !strings.HasPrefix(from, "http://") && !strings.HasPrefix(from, "https://"):
		body, err = os.ReadFile(from)
		return body, "", "", err
	}
	lg, err := newLogger(config.Default().Log)
	if err != nil {
		return nil, "", "", err
	}
	c, err := fetch.New(lg, prometheus.NewRegistry(), fetch.Config{Version: version()})
	if err != nil {
		return nil, "", "", err
	}
	defer c.Close()
	resp, err := c.Get(ctx, fetch.Request{URL: from, AllowPrivate: private})
	var refused *fetch.Error
	if errors.As(err, &refused) && refused.Class == fetch.ClassPrivate && !private {
		return nil, "", "", fmt.Errorf("%w (--allow-private allows it)", err)
	}
	if err != nil {
		return nil, "", "", err
	}
	return resp.Body, resp.URL, resp.Header.Get("Content-Type"), nil
}

func newExtract() *cobra.Command {
	var explain explainOptions
	cmd := &cobra.Command{
		Use:   "extract [FILE… | --explain URL|FILE|-]",
		Short: "Extract articles from pages: JSON Lines in, JSON Lines out",
		Long: `Read lines {"id","url","html_file" or "html","lang"?} from standard input and
write lines {"id","title","text","author","published","lang","canonical",
"method","error"?}, in the same order. Pages named as arguments are read instead,
each with its name for an id. No server is needed.

With --explain a single page is looked into instead, for who writes rules for a
source: what was found and which places of the page bear it out, which elements
could hold the text, with their scores, what other ways to it said, and which
text blocks were cut and why. The rules are those of the source in the catalog
files, or in the starter catalog, that has its home page or a feed on the host.

Exit codes: 0 done, 1 failed, 2 wrong use, 3 no article is explained.`,
		Args: func(_ *cobra.Command, args []string) error {
			switch {
			case len(args) > 0 && explain.what != "":
				return fmt.Errorf("%s: --explain takes one page, %s", args[0], explain.what)
			case slices.ContainsFunc(args, isAddress):
				return errors.New("want files; a page behind an address is read with --explain")
			}
			for _, a := range args {
				if ext := filepath.Ext(a); ext == ".jsonl" || ext == ".json" {
					return fmt.Errorf("%s: lines are read from standard input, as in: newswatch extract <%s", a, a)
				}
				if _, err := os.Stat(a); err != nil {
					return err
				}
			}
			return nil
		},
		PreRunE: func(cmd *cobra.Command, _ []string) error {
			if explain.what == "" {
				for _, name := range []string{"explain", "url", "allow-private", "catalog", "output"} {
					if cmd.Flags().Changed(name) {
						return fmt.Errorf("--%s: want --explain with an address or a file", name)
					}
				}
			}
			return oneOf("output", explain.output, "text", "json")
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			if explain.what != "" {
				return explainPage(cmd.Context(), cmd.InOrStdin(), cmd.OutOrStdout(), explain)
			}
			in := cmd.InOrStdin()
			if len(args) > 0 {
				lines, err := pageLines(args)
				if err != nil {
					return err
				}
				in = lines
			}
			return extractors.Filter(in, cmd.OutOrStdout(), extractors.FilterOptions{})
		},
	}
	cmd.Flags().StringVar(&explain.what, "explain", "", "say how the article of this page was come to")
	cmd.Flags().StringVar(&explain.base, "url", "", "address the explained file was served from")
	cmd.Flags().BoolVar(&explain.private, "allow-private", false, "let the explained address be on a private network or this machine")
	cmd.Flags().StringArrayVar(&explain.catalogs, "catalog", nil, "catalog file with the rules of sources; may be given several times")
	cmd.Flags().StringVarP(&explain.output, "output", "o", "text", "text or json, of --explain")
	return cmd
}

// pageLines are the lines of input that name files.
func pageLines(files []string) (io.Reader, error) {
	var lines bytes.Buffer
	enc := json.NewEncoder(&lines)
	for _, f := range files {
		if err := enc.Encode(map[string]string{"id": f, "html_file": f}); err != nil {
			return nil, err
		}
	}
	return &lines, nil
}

func newTag() *cobra.Command {
	var files []string
	cmd := &cobra.Command{
		Use:   "tag [--catalog FILE…]",
		Short: "Tag mentions of entities: JSON Lines in, JSON Lines out",
		Long: `Read lines {"id","lang"?,"title"?,"text"} from standard input and write lines
{"id","mentions":[{"entity","name","field","start","end","text","rule",
"confidence"}]}, in the same order; offsets are bytes of UTF-8. The entities are
those of the catalog files, or of the starter catalog. No server is needed.

Exit codes: 0 done, 1 failed, 2 wrong use, 3 some lines could not be read.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			entities, err := entitiesOf(files)
			if err != nil {
				return err
			}
			m, warnings := tags.Compile(entities)
			for _, w := range warnings {
				fmt.Fprintf(cmd.ErrOrStderr(), "warning: %s\n", w)
			}
			err = tags.Filter(m, cmd.InOrStdin(), cmd.OutOrStdout())
			var bad *tags.LineError
			if errors.As(err, &bad) {
				fmt.Fprintf(cmd.ErrOrStderr(), "newswatch: %v\n", err)
				return errNothing
			}
			return err
		},
	}
	cmd.Flags().StringArrayVar(&files, "catalog", nil, "catalog file with the entities; may be given several times")
	return cmd
}

func entitiesOf(files []string) (entities []catalog.Entity, err error) {
	catalogs, err := catalogsOf(files)
	for _, c := range catalogs {
		entities = append(entities, c.Entities...)
	}
	return entities, err
}

// catalogsOf reads the catalog files; without any it is the starter catalog.
func catalogsOf(files []string) ([]*catalog.Catalog, error) {
	if len(files) == 0 {
		return []*catalog.Catalog{catalog.Starter()}, nil
	}
	var all []*catalog.Catalog
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			return nil, err
		}
		c, err := catalog.ParseFile(file, data)
		if err != nil {
			return nil, err
		}
		all = append(all, c)
	}
	return all, nil
}
