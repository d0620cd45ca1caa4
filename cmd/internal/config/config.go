// Package config is newswatch.yaml: the settings that need a restart. It
// composes the Config structs of the rooms, which document their fields; what
// changes while newswatch runs (sources, entities, watches, channels) is the
// catalog.
//
// In goes a file, out comes a Config or an error that names the line. The
// example with every setting is deploy/newswatch.yaml; a test holds it against
// the structs.
package config

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"

	"go.yaml.in/yaml/v3"

	"github.com/newswatch/newswatch/alerts"
	"github.com/newswatch/newswatch/extractors"
	"github.com/newswatch/newswatch/index"
	"github.com/newswatch/newswatch/pipeline/feeds"
	"github.com/newswatch/newswatch/pipeline/fetch"
	"github.com/newswatch/newswatch/pipeline/jet"
	"github.com/newswatch/newswatch/web"
)

// A Config is what newswatch.yaml says. Command line flags stand above it.
type Config struct {
	Data    string   `yaml:"data"`    // folder that everything is kept in; default ./newswatch-data
	Roles   []string `yaml:"roles"`   // of fetch, extract, stories, index, alerts, web; none: all
	Catalog []string `yaml:"catalog"` // catalog files, watched; none: the starter catalog
	Log     Log      `yaml:"log"`

	NATS    jet.Config        `yaml:"nats"`
	Fetch   fetch.Config      `yaml:"fetch"`
	Feeds   feeds.Config      `yaml:"feeds"`
	Extract extractors.Config `yaml:"extract"`
	Index   index.Config      `yaml:"index"`
	Alerts  alerts.Config     `yaml:"alerts"`
	Web     web.Config        `yaml:"web"`
}

// Log is what is logged, and how.
type Log struct {
	Level  string `yaml:"level"`  // debug, info (default), warn or error
	Format string `yaml:"format"` // text (default) or json
}

// Default is the configuration without a file.
func Default() Config {
	c := Config{Data: "./newswatch-data", Log: Log{Level: "info", Format: "text"}}
	c.Web.Listen = "127.0.0.1:8080"
	return c
}

// Read reads a file over the defaults. A setting it does not know is refused.
func Read(file string) (Config, error) {
	data, err := os.ReadFile(file)
	if err != nil {
		return Config{}, fmt.Errorf("config: %w", err)
	}
	c := Default()
	dec := yaml.NewDecoder(bytes.NewReader(data))
	dec.KnownFields(true)
	if err := dec.Decode(&c); err != nil && !errors.Is(err, io.EOF) { // an empty file is the defaults
		return Config{}, fmt.Errorf("config %s: %w", file, err)
	}
	return c, nil
}
