package main

import (
	"bufio"
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/newswatch/newswatch/cmd/internal/client"
	"github.com/newswatch/newswatch/pipeline/catalog"
	"github.com/newswatch/newswatch/web"
)

// addition is the flags of feeds add.
type addition struct {
	server  server
	source  catalog.Source // what flags say of it
	every   time.Duration
	all     bool
	private bool
}

func newFeedsAdd() *cobra.Command {
	var a addition
	cmd := &cobra.Command{
		Use:   "add URL",
		Short: "Add a feed, or the feeds of a site, to the running server",
		Long: `Add what is behind an address as a source. A feed is added as it is. Of a page,
the feeds of its site are found and asked; on a terminal you choose, elsewhere
and with --all every one is taken.

The source gets its id from the site, its name and language from the feed, unless
flags say otherwise. Where the source is there already, the feeds are added to it.

Exit codes: 0 done or there already, 1 failed or refused, 2 wrong use, 3 no feed found.`,
		Args: cobra.ExactArgs(1),
		PreRunE: func(_ *cobra.Command, args []string) error {
			if strings.TrimSpace(args[0]) == "" {
				return errors.New("the address is empty")
			}
			if a.every < 0 {
				return fmt.Errorf("--every %v: want a time such as 10m", a.every)
			}
			return a.check()
		},
		RunE: func(cmd *cobra.Command, args []string) error { return a.run(cmd, args[0]) },
	}
	a.server.flags(cmd)
	f := cmd.Flags()
	f.StringVar(&a.source.ID, "source", "", "id of the source, new or there already")
	f.StringVar(&a.source.Name, "name", "", "name of the source")
	f.StringVar(&a.source.Lang, "lang", "", "language, such as ru")
	f.StringVar(&a.source.Country, "country", "", "country, such as RU")
	f.StringArrayVar(&a.source.Tags, "tag", nil, "tag of the source; may be given several times")
	f.DurationVar(&a.every, "every", 0, "fixed interval between polls; 0: newswatch decides")
	f.BoolVar(&a.source.HTTP1, "http1", false, "ask the source without HTTP/2")
	f.StringVar(&a.source.UserAgent, "user-agent", "", "ask the source under this User-Agent")
	f.StringVar(&a.source.Proxy, "proxy", "", "ask the source through this proxy, such as socks5://localhost:1080")
	f.StringVar(&a.source.Pages, "pages", "", "whether its articles' pages are read: "+strings.Join(catalog.PagesModes(), ", ")+" (default auto)")
	f.BoolVarP(&a.all, "all", "a", false, "take every feed that is found, without asking")
	f.BoolVarP(&a.all, "yes", "y", false, "the same as --all")
	f.BoolVar(&a.private, "allow-private", false, "let the source be on a private network")
	return cmd
}

// check refuses what the catalog would refuse, before anybody is asked.
func (a *addition) check() error {
	asked := catalog.Source{ID: "x", Name: "x", UserAgent: a.source.UserAgent, Proxy: a.source.Proxy, Pages: a.source.Pages}
	var errs []error
	for _, e := range catalog.FieldErrors(asked.Validate()) {
		errs = append(errs, fmt.Errorf("--%s: %s", strings.ReplaceAll(e.Field, "_", "-"), e.Msg))
	}
	return errors.Join(errs...)
}

func (a *addition) run(cmd *cobra.Command, address string) error {
	c, err := a.server.client()
	if err != nil {
		return err
	}
	ask, err := json.Marshal(map[string]any{
		"url": address, "allow_private": a.private, "http1": a.source.HTTP1, "user_agent": a.source.UserAgent, "proxy": a.source.Proxy,
	})
	if err != nil {
		return err
	}
	var found web.Discovery
	if err := c.Do(cmd.Context(), http.MethodPost, discoverPath, "application/json", bytes.NewReader(ask), &found); err != nil {
		return err
	}
	out := cmd.OutOrStdout()
	if len(found.Feeds) == 0 {
		fmt.Fprintf(cmd.ErrOrStderr(), "no feed found at %s\n", plain(address))
		for _, t := range found.Tried {
			fmt.Fprintf(cmd.ErrOrStderr(), "  %s: %s\n", plain(t.URL), plain(t.Result))
		}
		return errNothing
	}
	fresh := slices.DeleteFunc(slices.Clone(found.Feeds), func(f web.DiscoveredFeed) bool {
		if f.Source != "" {
			fmt.Fprintf(out, "already there: %s in source %s\n", plain(f.URL), f.Source)
		}
		return f.Source != ""
	})
	if len(fresh) > 1 && !a.all && terminal(cmd.InOrStdin()) {
		if fresh, err = choose(cmd.InOrStdin(), out, fresh); err != nil {
			return err
		}
	}
	if len(fresh) == 0 {
		return nil
	}
	return a.put(cmd.Context(), c, out, fresh)
}

// put stores the feeds, in the source they belong to.
func (a *addition) put(ctx context.Context, c *client.Client, out io.Writer, fresh []web.DiscoveredFeed) error {
	first := fresh[0]
	id := cmp.Or(a.source.ID, catalog.ProposeID(first.Title, first.Home, first.URL))
	src, there, err := getSource(ctx, c, id)
	if err != nil {
		return err
	}
	if !there {
		src = catalog.Source{ID: id, Name: cmp.Or(oneLine(first.Title), id), Home: homeOf(first), Lang: first.Lang}
	}
	src.Name = cmp.Or(a.source.Name, src.Name)
	src.Lang = cmp.Or(a.source.Lang, src.Lang)
	src.Country = cmp.Or(a.source.Country, src.Country)
	src.AllowPrivate = src.AllowPrivate || a.private
	src.HTTP1 = src.HTTP1 || a.source.HTTP1
	src.UserAgent = cmp.Or(a.source.UserAgent, src.UserAgent)
	src.Proxy = cmp.Or(a.source.Proxy, src.Proxy)
	src.Pages = cmp.Or(a.source.Pages, src.Pages)
	for _, t := range a.source.Tags {
		if !slices.Contains(src.Tags, t) {
			src.Tags = append(src.Tags, t)
		}
	}
	for _, f := range fresh {
		src.Feeds = append(src.Feeds, catalog.Feed{URL: f.URL, Every: catalog.Duration(a.every)})
	}
	if err := putSource(ctx, c, src); err != nil {
		return err
	}
	for _, f := range fresh {
		fmt.Fprintf(out, "added: %s (%s, %d items) to source %s\n", plain(f.URL), f.Format, f.Items, id)
	}
	return nil
}

// oneLine is a feed's title as the catalog takes a name.
func oneLine(title string) string {
	r := []rune(plain(title))
	return strings.TrimSpace(string(r[:min(len(r), catalog.MaxText)]))
}

// homeOf is the address of the site, where the feed gives one that will do.
func homeOf(f web.DiscoveredFeed) string {
	if src := (&catalog.Source{ID: "x", Name: "x", Home: f.Home}); f.Home == "" || src.Validate() != nil {
		return ""
	}
	return f.Home
}

// choose asks which of the feeds to take.
func choose(in io.Reader, out io.Writer, found []web.DiscoveredFeed) ([]web.DiscoveredFeed, error) {
	for i, f := range found {
		fmt.Fprintf(out, "%3d  %s\n     %s, %s, %d items, newest %s\n", i+1, plain(f.URL), plain(orNone(f.Title, "no title")), f.Format, f.Items, orNone(short(f.Newest), "undated"))
	}
	lines := bufio.NewScanner(in)
	for {
		fmt.Fprint(out, "Which? Numbers, “all”, or nothing for none: ")
		if !lines.Scan() {
			fmt.Fprintln(out)
			return nil, lines.Err()
		}
		picked, err := pick(lines.Text(), found)
		if err == nil {
			return picked, nil
		}
		fmt.Fprintln(out, err)
	}
}

// pick reads the answer to choose.
func pick(answer string, found []web.DiscoveredFeed) (picked []web.DiscoveredFeed, err error) {
	words := strings.FieldsFunc(answer, func(r rune) bool { return r == ',' || r == ' ' || r == '\t' })
	if len(words) == 1 && strings.EqualFold(words[0], "all") {
		return found, nil
	}
	taken := make(map[int]bool)
	for _, w := range words {
		n, err := strconv.Atoi(w)
		if err != nil || n < 1 || n > len(found) {
			return nil, fmt.Errorf("%q: want numbers from 1 to %d", w, len(found))
		}
		if !taken[n] {
			taken[n] = true
			picked = append(picked, found[n-1])
		}
	}
	return picked, nil
}

func getSource(ctx context.Context, c *client.Client, id string) (src catalog.Source, there bool, err error) {
	err = c.Get(ctx, sourcesPath+"/"+url.PathEscape(id), nil, &src)
	var p *client.Problem
	if errors.As(err, &p) && p.Status == http.StatusNotFound {
		return catalog.Source{}, false, nil
	}
	return src, err == nil, err
}

func putSource(ctx context.Context, c *client.Client, src catalog.Source) error {
	data, err := json.Marshal(src)
	if err != nil {
		return err
	}
	return c.Do(ctx, http.MethodPut, sourcesPath+"/"+url.PathEscape(src.ID), "application/json", bytes.NewReader(data), nil)
}
