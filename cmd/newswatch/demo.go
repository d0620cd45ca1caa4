package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/spf13/cobra"

	"github.com/newswatch/newswatch/cmd/internal/app"
	"github.com/newswatch/newswatch/cmd/internal/config"
	"github.com/newswatch/newswatch/cmd/internal/newsroom"
	"github.com/newswatch/newswatch/pipeline"
)

// newsroomAddr is where the made-up outlets are served if it is free.
const newsroomAddr = "127.0.0.1:8090"

func newDemo() *cobra.Command {
	var data, listen, level string
	cmd := &cobra.Command{
		Use:   "demo",
		Short: "Run newswatch on a made-up newsroom: no network, no set-up",
		Long: `Run newswatch on a bundled newsroom of made-up outlets in English, Russian and
Chinese, served on this machine. Articles, wire copies and updates appear over
the first minutes; the entities and watches are those of the starter catalog.
What comes is printed, alerts with the watch that raised them and the sentence.

Without --data everything is kept in a temporary folder and removed at the end.

Exit codes: 0 stopped in good order, 1 failed, 2 wrong use.`,
		Args:    cobra.NoArgs,
		PreRunE: func(*cobra.Command, []string) error { return oneOf("log-level", level, levels...) },
		RunE: func(cmd *cobra.Command, _ []string) (err error) {
			lg, err := newLogger(config.Log{Level: level, Format: "text"})
			if err != nil {
				return err
			}
			cfg := config.Default()
			cfg.Web.Listen = listen
			cfg.Data = data
			if data == "" {
				if cfg.Data, err = os.MkdirTemp("", "newswatch-demo-"); err != nil {
					return err
				}
				defer os.RemoveAll(cfg.Data)
			}
			ln, err := listenNewsroom(data)
			if err != nil {
				return err
			}
			room, err := newsroom.New(time.Now(), time.Now)
			if err != nil {
				return err
			}
			srv := &http.Server{Handler: room, ReadHeaderTimeout: 10 * time.Second}
			go srv.Serve(ln) //nolint:errcheck // ends with Close below
			defer srv.Close()

			a, err := app.New(cmd.Context(), app.Options{
				Logger: lg, Config: cfg, Version: version(), Seed: room.Catalog(ln.Addr().(*net.TCPAddr).Port),
			})
			if err != nil {
				return startError(err)
			}
			out := cmd.OutOrStdout()
			fmt.Fprintf(out, "newswatch demo: open %s  (Ctrl-C ends it)\n\n", a.URL())
			ctx, cancel := context.WithCancel(cmd.Context())
			var following sync.WaitGroup
			defer following.Wait()
			defer cancel()
			news, err := a.Follower(ctx) // before anything runs: it shall miss nothing
			if err != nil {
				lg.Warn("what comes is not printed", "error", err)
			} else {
				following.Go(func() {
					news.Run(ctx,
						func(art pipeline.Article) { printArticle(out, art) },
						func(al pipeline.Alert) { printAlert(out, al) })
				})
			}
			return a.Run(ctx)
		},
	}
	cmd.Flags().StringVar(&data, "data", "", "data folder (default: a temporary one)")
	cmd.Flags().StringVar(&listen, "listen", "127.0.0.1:8080", "address of pages and API")
	cmd.Flags().StringVar(&level, "log-level", "warn", "debug, info, warn or error")
	return cmd
}

// listenNewsroom listens where the outlets are served. The catalog in a data
// folder has their addresses, so the folder also keeps the one they had first:
// elsewhere a second run would find none of them.
func listenNewsroom(data string) (net.Listener, error) {
	if data == "" {
		return listenAnywhere()
	}
	file := filepath.Join(data, "newsroom")
	addr, err := os.ReadFile(file)
	if err == nil {
		ln, err := net.Listen("tcp", strings.TrimSpace(string(addr)))
		if err != nil {
			return nil, fmt.Errorf("the newsroom of %s: %w", data, err)
		}
		return ln, nil
	}
	if !errors.Is(err, os.ErrNotExist) {
		return nil, err
	}
	if err := os.MkdirAll(data, 0o750); err != nil {
		return nil, fmt.Errorf("data folder: %w", err)
	}
	ln, err := listenAnywhere()
	if err != nil {
		return nil, err
	}
	if err := os.WriteFile(file, []byte(ln.Addr().String()+"\n"), 0o640); err != nil {
		return nil, errors.Join(err, ln.Close())
	}
	return ln, nil
}

// listenAnywhere prefers an address that is the same each time.
func listenAnywhere() (net.Listener, error) {
	ln, err := net.Listen("tcp", newsroomAddr)
	if err != nil {
		ln, err = net.Listen("tcp", "127.0.0.1:0")
	}
	return ln, err
}

// demoSource is the columns the longest id of an outlet takes.
const demoSource = 17

func printArticle(w io.Writer, a pipeline.Article) {
	title := plain(a.Title)
	switch {
	case a.CopyOf != "":
		title += " (copy)"
	case a.Revision > 1:
		title += fmt.Sprintf(" (revision %d)", a.Revision)
	}
	b := block{
		head:    pad(plain(a.Lang), 2) + "  " + pad(clip(plain(a.Source), demoSource), demoSource) + "  ",
		title:   title,
		details: []string{plain(strings.Join(a.Entities(), " "))},
	}
	_ = b.write(w) // who does not look on misses nothing
}

// printAlert prints one line, on a narrow terminal wrapped below itself.
func printAlert(w io.Writer, a pipeline.Alert) {
	title, sentence := plain(a.Title()), plain(a.Receipt.Sentence)
	b := block{head: "ALERT  ", title: plain(a.WatchName) + ": " + title}
	if sentence != title {
		b.title += " - " + quote(clip(sentence, maxText))
	}
	_ = b.write(w) // see printArticle
}
