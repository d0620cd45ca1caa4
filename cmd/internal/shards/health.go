package shards

import (
	"cmp"
	"context"
	"slices"
	"strings"

	"github.com/newswatch/newswatch/index"
	"github.com/newswatch/newswatch/pipeline"
)

// A Health is what else is to be known of a copy, told with its state.
type Health struct {
	Outdated   int                       `json:"outdated,omitempty"`   // partitions made by an older version
	Stopped    string                    `json:"stopped,omitempty"`    // why nothing is written
	Failing    []string                  `json:"failing,omitempty"`    // partitions, and why
	Recoveries []index.Recovery          `json:"recoveries,omitempty"` // of damaged partitions
	Retention  *pipeline.RetentionStatus `json:"retention,omitempty"`  // absent where everything is kept
}

func health(ix *index.Index, st index.Stats) Health {
	h := Health{Outdated: st.Outdated, Stopped: st.Stopped, Recoveries: st.Recoveries}
	for _, p := range st.Partitions {
		if p.Error != "" {
			h.Failing = append(h.Failing, p.Name+": "+p.Error)
		}
	}
	if r := ix.Retention(); r.On {
		h.Retention = &r
	}
	return h
}

// Retention is how retention does in this process's copies, which run it each
// by itself, by the same rules.
func (h *Holder) Retention() pipeline.RetentionStatus {
	var out pipeline.RetentionStatus
	for _, ix := range h.inOrder() {
		s := ix.Retention()
		out.On = out.On || s.On
		out.Running = out.Running || s.Running
		if s.Last != nil {
			if out.Last == nil {
				out.Last = new(pipeline.RetentionReport)
			}
			*out.Last = addReports(*out.Last, *s.Last)
		}
	}
	return out
}

// Retain runs retention, or tells what it would do, in one copy after the other.
func (h *Holder) Retain(ctx context.Context, dry bool) (pipeline.RetentionReport, error) {
	var out pipeline.RetentionReport
	for _, ix := range h.inOrder() {
		r, err := ix.Retain(ctx, dry)
		if err != nil {
			return out, err
		}
		out = addReports(out, r)
	}
	return out, nil
}

// RetainSoon has retention run now, in the background.
func (h *Holder) RetainSoon() {
	for _, ix := range h.inOrder() {
		ix.RetainSoon()
	}
}

// inOrder is the copies there are, by shard.
func (h *Holder) inOrder() []*index.Index {
	var out []*index.Index
	for _, r := range h.copies {
		if ix := r.index(); ix != nil {
			out = append(out, ix)
		}
	}
	return out
}

// addReports adds the report of another shard. Partitions of the same time are
// one in what is told.
func addReports(a, b pipeline.RetentionReport) pipeline.RetentionReport {
	if a.At.IsZero() {
		return b
	}
	out := b
	out.TookMS = a.TookMS + b.TookMS
	out.Articles += a.Articles
	out.Bytes += a.Bytes
	out.Total += a.Total
	out.MaxSize += a.MaxSize
	out.Error = cmp.Or(a.Error, b.Error)
	out.Partitions = slices.Clone(a.Partitions)
	for _, p := range b.Partitions {
		i := slices.IndexFunc(out.Partitions, func(o pipeline.RetentionPartition) bool { return o.Name == p.Name && o.Why == p.Why })
		if i < 0 {
			out.Partitions = append(out.Partitions, p)
			continue
		}
		out.Partitions[i].Articles += p.Articles
		out.Partitions[i].Bytes += p.Bytes
	}
	slices.SortStableFunc(out.Partitions, func(x, y pipeline.RetentionPartition) int { return strings.Compare(x.Name, y.Name) })
	out.Rules = slices.Clone(a.Rules)
	for i, r := range b.Rules {
		if i < len(out.Rules) { // the same rules, in their order
			out.Rules[i].Articles += r.Articles
			if o := &out.Rules[i].Oldest; o.IsZero() || !r.Oldest.IsZero() && r.Oldest.Before(*o) {
				*o = r.Oldest
			}
		} else {
			out.Rules = append(out.Rules, r)
		}
	}
	return out
}
