package notify

import (
	"context"
	"log/slog"
)

// A logChannel writes a line per alert to the log.
type logChannel struct{ lg *slog.Logger }

func (c *logChannel) Notify(ctx context.Context, m Message) error {
	a := m.Alert
	c.lg.LogAttrs(ctx, slog.LevelInfo, "alert",
		slog.String("alert", m.ID),
		slog.String("watch", a.Watch),
		slog.String("watch_name", a.WatchName),
		slog.String("article", a.Article.ID),
		slog.String("title", a.Article.Title),
		slog.String("url", a.Article.URL),
		slog.String("source", a.Article.Source),
		slog.Time("published", a.Article.Published),
		slog.String("sentence", a.Receipt.Sentence),
	)
	return nil
}
