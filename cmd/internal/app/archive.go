package app

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"

	"github.com/newswatch/newswatch/extractors"
	"github.com/newswatch/newswatch/extractors/warc"
	"github.com/newswatch/newswatch/pipeline"
)

// openArchive makes the extractor keep pages, where that is wanted. It must be
// known that they can't be kept before they are missed.
func (a *App) openArchive() error {
	cfg := a.opts.Config.Extract.Archive
	if !cfg.Enabled {
		return nil
	}
	archive, err := warc.Open(a.lg, a.reg, a.dataPath("pages"), a.opts.Version, cfg)
	if err != nil {
		return err
	}
	a.archive = archive
	a.extract.KeepPages(keeper{a.lg.With("component", "archive"), archive})
	a.onClose("archive", func(context.Context) error { return archive.Close() })
	return nil
}

// keeper puts pages into the archive, each with its item.
type keeper struct {
	lg      *slog.Logger
	archive *warc.Archive
}

// Keep implements extractors.Keeper.
func (k keeper) Keep(it pipeline.Item, raw extractors.Raw) {
	note, err := json.Marshal(it)
	if err == nil {
		err = k.archive.Keep(&warc.Page{
			Key: it.Key, Source: it.Source, URL: raw.URL, Fetched: raw.Fetched, Status: raw.Status, Header: raw.Header, Body: raw.Body, Note: note,
		})
	}
	if err != nil && !errors.Is(err, warc.ErrPaused) { // a disk that is full the archive tells of, once
		k.lg.Debug("page not kept", "url", it.URL, "key", it.Key, "error", err)
	}
}

// kept is the page as the extractor knows it, and its item.
func kept(p *warc.Page) (pipeline.Item, extractors.Raw, error) {
	var it pipeline.Item
	if err := json.Unmarshal(p.Note, &it); err != nil {
		return it, extractors.Raw{}, fmt.Errorf("item of the page %s: %w", p.URL, err)
	}
	if it.Key != p.Key {
		return it, extractors.Raw{}, fmt.Errorf("item of the page %s: its key is %q and not %q", p.URL, it.Key, p.Key)
	}
	return it, extractors.Raw{
		URL: p.URL, ContentType: p.Header.Get("Content-Type"), Status: p.Status, Header: p.Header, Body: p.Body, Fetched: p.Fetched,
	}, nil
}
