package inverted

import (
	"fmt"
	"hash/crc32"
	"slices"
	"strings"
	"sync"

	index "github.com/blevesearch/bleve_index_api"
	segment "github.com/blevesearch/scorch_segment_api/v2"
	zap "github.com/blevesearch/zapx/v17"
)

// A Plugin is zapx for Bleve's scorch, but for making new segments of Documents.
type Plugin struct{ zap.ZapPlugin }

// New is NewUsing without settings.
func (p *Plugin) New(docs []index.Document) (segment.Segment, uint64, error) {
	return p.NewUsing(docs, nil)
}

var writers = sync.Pool{New: func() any { return new(writer) }}

// NewUsing makes a segment of the documents, which are put in order of their
// ids, and says its size in bytes.
func (p *Plugin) NewUsing(docs []index.Document, config map[string]any) (segment.Segment, uint64, error) {
	own := make([]*Document, len(docs))
	for i, d := range docs {
		doc, ok := d.(*Document)
		if !ok {
			return p.ZapPlugin.NewUsing(docs, config)
		}
		own[i] = doc
	}
	if len(own) == 0 {
		return p.ZapPlugin.NewUsing(docs, config)
	}
	slices.SortFunc(own, func(a, b *Document) int { return strings.Compare(a.id, b.id) })
	w := writers.Get().(*writer)
	defer writers.Put(w)
	if err := w.write(own); err != nil {
		return nil, 0, fmt.Errorf("make segment: %w", err)
	}
	stats, _ := config[segment.StatsKey].(*segment.Stats)
	if stats == nil {
		stats = new(segment.Stats)
	}
	// The scratch is used again, the segment stays.
	mem := slices.Clone(w.out)
	s, err := zap.InitSegmentBase(mem, crc32.ChecksumIEEE(mem), zap.DefaultChunkMode, uint64(len(own)), w.index, w.sections, config, stats)
	if err != nil {
		return nil, 0, fmt.Errorf("make segment: %w", err)
	}
	return s, uint64(len(mem)), nil
}
