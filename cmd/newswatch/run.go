package main

import (
	"errors"
	"fmt"
	"log/slog"
	"os"
	"slices"
	"strings"
	"syscall"

	"github.com/spf13/cobra"
	_ "golang.org/x/crypto/x509roots/fallback" // a container from scratch has no certificates of its own

	"github.com/newswatch/newswatch/cmd/internal/app"
	"github.com/newswatch/newswatch/cmd/internal/config"
	"github.com/newswatch/newswatch/pipeline/catalog"
)

// process is the flags of a command that runs newswatch itself.
type process struct {
	config  string
	data    string
	listen  string
	nats    string
	roles   []string
	catalog []string
	shards  int
	hold    []int
	level   string
	format  string
}

func newRun() *cobra.Command {
	var p process
	cmd := &cobra.Command{
		Use:   "run",
		Short: "Run newswatch: all roles in one process, with its own NATS server",
		Long: `Run newswatch: fetch feeds and pages, extract, tag, fold, index, alert, and serve
pages and API, all in one process that needs no other server. Everything is kept
in the data folder; stop it with Ctrl-C and start it again, and it goes on where
it stopped.

With --nats and --role the same program is one of several processes that share a
NATS server. A process without the web role listens only if --listen is given.
With --shards, given when the installation is made, the corpus is divided over
index processes; --hold says which parts one of them has a copy of.

Exit codes: 0 stopped in good order, 1 failed, 2 wrong use.`,
		Args:    cobra.NoArgs,
		PreRunE: func(*cobra.Command, []string) error { return p.check() },
		RunE: func(cmd *cobra.Command, _ []string) error {
			cfg, err := p.settings(cmd)
			if err != nil {
				return err
			}
			lg, err := newLogger(cfg.Log)
			if err != nil {
				return err
			}
			a, err := app.New(cmd.Context(), app.Options{
				Logger: lg, Config: cfg, Version: version(), Seed: catalog.Starter(),
			})
			if err != nil {
				return startError(err)
			}
			return a.Run(cmd.Context())
		},
	}
	f := cmd.Flags()
	f.StringVar(&p.config, "config", "", "settings file (newswatch.yaml)")
	f.StringVar(&p.data, "data", "", "data folder (default ./newswatch-data)")
	f.StringVar(&p.listen, "listen", "", "address of pages and API (default 127.0.0.1:8080)")
	f.StringVar(&p.nats, "nats", "", "external NATS server or cluster, such as nats://127.0.0.1:4222")
	f.StringSliceVar(&p.roles, "role", nil, "only these roles: "+strings.Join(app.Roles(), ","))
	f.StringArrayVar(&p.catalog, "catalog", nil, "catalog file, YAML or OPML, instead of the starter catalog; may be given several times")
	f.IntVar(&p.shards, "shards", 0, "parts the corpus is divided into, fixed when the installation is made (default 1)")
	f.IntSliceVar(&p.hold, "hold", nil, "of these parts, those that this process has a copy of, counted from 0 (default all)")
	f.StringVar(&p.level, "log-level", "", "debug, info (default), warn or error")
	f.StringVar(&p.format, "log-format", "", "text (default) or json")
	return cmd
}

// check says which flag is wrong.
func (p *process) check() error {
	for _, r := range p.roles {
		if err := oneOf("role", r, app.Roles()...); err != nil {
			return err
		}
	}
	var errs []error
	if p.level != "" {
		errs = append(errs, oneOf("log-level", p.level, levels...))
	}
	if p.format != "" {
		errs = append(errs, oneOf("log-format", p.format, "text", "json"))
	}
	return errors.Join(errs...)
}

var levels = []string{"debug", "info", "warn", "error"}

// startError says of an error at the start what to do about it.
func startError(err error) error {
	if errors.Is(err, syscall.EADDRINUSE) {
		return fmt.Errorf("%w (is another newswatch running? --listen gives this one another address)", err)
	}
	return err
}

// settings is the configuration file with the flags over it.
func (p *process) settings(cmd *cobra.Command) (config.Config, error) {
	cfg := config.Default()
	if p.config != "" {
		var err error
		if cfg, err = config.Read(p.config); err != nil {
			return cfg, err
		}
	}
	over(&cfg.Data, p.data)
	over(&cfg.NATS.URL, p.nats)
	over(&cfg.Log.Level, p.level)
	over(&cfg.Log.Format, p.format)
	if cfg.Web.TokenFile == "" {
		cfg.Web.Token = os.Getenv("NEWSWATCH_TOKEN")
	}
	if len(p.roles) > 0 {
		cfg.Roles = p.roles
	}
	if len(p.catalog) > 0 {
		cfg.Catalog = p.catalog
	}
	if p.shards != 0 {
		cfg.Index.Shards = p.shards
	}
	if len(p.hold) > 0 {
		cfg.Index.Hold = p.hold
	}
	listens := p.listen != "" || p.config != "" && cfg.Web.Listen != config.Default().Web.Listen
	over(&cfg.Web.Listen, p.listen)
	if !listens && len(cfg.Roles) > 0 && !slices.Contains(cfg.Roles, app.RoleWeb) {
		cfg.Web.Listen = "" // nobody asked for it, and the web role elsewhere has the address
	}
	return cfg, nil
}

func over(field *string, flag string) {
	if flag != "" {
		*field = flag
	}
}

func newLogger(c config.Log) (*slog.Logger, error) {
	var level slog.Level
	if err := level.UnmarshalText([]byte(c.Level)); err != nil {
		return nil, fmt.Errorf("log.level %q: want debug, info, warn or error", c.Level)
	}
	opts := &slog.HandlerOptions{Level: level}
	switch c.Format {
	case "text":
		return slog.New(slog.NewTextHandler(os.Stderr, opts)), nil
	case "json":
		return slog.New(slog.NewJSONHandler(os.Stderr, opts)), nil
	}
	return nil, fmt.Errorf("log.format %q: want text or json", c.Format)
}
