package notify

import (
	"context"
	"log/slog"
)

// A logChannel writes a line per alert to the log.
type logChannel struct{ lg *slog.Logger }

func (c *logChannel) Notify(ctx context.Context, m Message) error {
	a := m.Alert
	attrs := []slog.Attr{
		slog.String("alert", m.ID),
		slog.String("watch", a.Watch),
		slog.String("watch_name", a.WatchName),
		slog.String("title", a.Title()),
		slog.String("source", a.SourceID()),
		slog.String("sentence", a.Receipt.Sentence),
	}
	if f := a.Feed; f != nil {
		attrs = append(attrs, slog.String("feed", f.Feed), slog.String("event", f.Kind), slog.String("reason", f.Reason), slog.Time("since", f.Since))
		if !f.LastGood.IsZero() {
			attrs = append(attrs, slog.Time("last_good", f.LastGood))
		}
	} else {
		attrs = append(attrs, slog.String("article", a.Article.ID), slog.String("url", a.Article.URL), slog.Time("published", a.Article.Published))
	}
	c.lg.LogAttrs(ctx, slog.LevelInfo, "alert", attrs...)
	return nil
}
