package app

import (
	"github.com/prometheus/client_golang/prometheus"

	"github.com/newswatch/newswatch/alerts"
	"github.com/newswatch/newswatch/pipeline"
	"github.com/newswatch/newswatch/pipeline/catalog"
	"github.com/newswatch/newswatch/web"
)

// explainer implements web.Explainer by the names and watches of now.
type explainer struct {
	tagger *tagger
	engine *alerts.Engine
}

// explainer asks the engine that decides; where the alerts role is in another
// process, one of the same watches.
func (a *App) explainer() explainer {
	engine := a.engine
	if engine == nil {
		engine = alerts.New(a.lg, prometheus.NewRegistry(), a.opts.Config.Alerts) // its figures would be of nothing
		a.follow(catalog.KindWatch, func(c *catalog.Catalog) { engine.SetWatches(c.Watches) })
	}
	return explainer{a.tagger, engine}
}

func (e explainer) Findings(a pipeline.Article, entity string) []web.Finding {
	var out []web.Finding
	for _, f := range e.tagger.m.Load().Explain(a.Title, a.Text, a.Lang, entity) {
		out = append(out, web.Finding{Mention: f.Mention, Blocked: f.Blocked})
	}
	return out
}

func (e explainer) Verdict(a pipeline.Article, watch string) web.WatchVerdict {
	ex := e.engine.Explain(a, watch)
	v := web.WatchVerdict{Matched: ex.Matched, Reason: ex.Reason, Alerts: ex.Alerts, Spans: ex.Spans}
	for _, m := range ex.Missing {
		v.Missing = append(v.Missing, web.MissingPart(m))
	}
	return v
}
