package jet

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/newswatch/newswatch/pipeline"
)

// watchEvery is how often the stages' gauges are set.
const watchEvery = 10 * time.Second

// Status tells how far each stage has come, of all processes, sorted by stream
// and stage, and what the streams hold.
func (n *Node) Status(ctx context.Context) ([]pipeline.StageStatus, []pipeline.StreamStatus, error) {
	var stages []pipeline.StageStatus
	var streams []pipeline.StreamStatus
	retrying, err := n.retrying(ctx)
	if err != nil {
		return nil, nil, err
	}
	for _, d := range n.defs {
		s, err := n.stream(ctx, d.name)
		if err != nil {
			return nil, nil, err
		}
		info, err := s.Info(ctx)
		if err != nil {
			return nil, nil, fmt.Errorf("status of %s: %w", d.name, err)
		}
		streams = append(streams, pipeline.StreamStatus{
			Stream:   d.name,
			Messages: info.State.Msgs,
			Bytes:    info.State.Bytes,
			MaxBytes: max(info.Config.MaxBytes, 0),
			FirstSeq: info.State.FirstSeq,
			LastSeq:  info.State.LastSeq,
		})
		if d.name == pipeline.StreamRetry {
			continue // its consumers are part of their stages
		}
		found, err := consumers(ctx, s)
		if err != nil {
			return nil, nil, err
		}
		for _, c := range found {
			st := stageStatus(d.name, c)
			st.Retrying = retrying[c.Name]
			stages = append(stages, st)
		}
	}
	return stages, streams, nil
}

// Progress tells how far one stage has come; what of it waits in the retry
// stream is left out. It answers pipeline.ErrNotFound for a stage not there.
func (n *Node) Progress(ctx context.Context, stream, stage string) (pipeline.StageStatus, error) {
	cons, err := n.kjs.Consumer(ctx, stream, stage)
	if errors.Is(err, jetstream.ErrConsumerNotFound) {
		err = pipeline.ErrNotFound
	}
	if err != nil {
		return pipeline.StageStatus{}, fmt.Errorf("progress of %s: %w", stage, err)
	}
	return stageStatus(stream, cons.CachedInfo()), nil
}

func stageStatus(stream string, c *jetstream.ConsumerInfo) pipeline.StageStatus {
	return pipeline.StageStatus{
		Stage:    c.Name,
		Stream:   stream,
		Pending:  c.NumPending,
		InFlight: c.NumAckPending,
		Seq:      c.AckFloor.Stream,
		LastSeen: lastSeen(c),
	}
}

// consumers lists a stream's durable ones by name.
func consumers(ctx context.Context, s jetstream.Stream) ([]*jetstream.ConsumerInfo, error) {
	var found []*jetstream.ConsumerInfo
	l := s.ListConsumers(ctx)
	for c := range l.Info() {
		if c.Config.Durable != "" {
			found = append(found, c)
		}
	}
	if err := l.Err(); err != nil && !errors.Is(err, jetstream.ErrEndOfData) {
		return nil, fmt.Errorf("list consumers: %w", err)
	}
	slices.SortFunc(found, func(a, b *jetstream.ConsumerInfo) int { return strings.Compare(a.Name, b.Name) })
	return found, nil
}

// retrying counts, by stage, what is in the retry stream.
func (n *Node) retrying(ctx context.Context) (map[string]uint64, error) {
	s, err := n.stream(ctx, pipeline.StreamRetry)
	if err != nil {
		return nil, err
	}
	info, err := s.Info(ctx, jetstream.WithSubjectFilter("retry.>"))
	if err != nil {
		return nil, fmt.Errorf("status of %s: %w", pipeline.StreamRetry, err)
	}
	count := make(map[string]uint64)
	for subject, n := range info.State.Subjects {
		if tokens := strings.SplitN(subject, ".", 3); len(tokens) == 3 {
			count[tokens[1]] += n
		}
	}
	return count, nil
}

func lastSeen(c *jetstream.ConsumerInfo) time.Time {
	var t time.Time
	for _, at := range []*time.Time{c.Delivered.Last, c.AckFloor.Last} {
		if at != nil && at.After(t) {
			t = *at
		}
	}
	return t
}

// watchStages sets the gauges of the stages this process consumes and tells of
// those that stand still.
func (n *Node) watchStages() {
	t := time.NewTicker(watchEvery)
	defer t.Stop()
	for {
		select {
		case <-n.ctx.Done():
			return
		case <-t.C:
		}
		n.mu.Lock()
		var stages []*stage
		for s := range n.stages {
			stages = append(stages, s)
		}
		n.mu.Unlock()
		for _, s := range stages {
			if err := s.watch(n.ctx); err != nil && n.ctx.Err() == nil {
				s.lg.Debug("stage not watched", "error", err)
			}
		}
	}
}

func (s *stage) watch(ctx context.Context) error {
	info, err := s.n.kjs.Consumer(ctx, s.stream, s.name)
	if err != nil {
		return err
	}
	c := info.CachedInfo()
	s.n.met.pending.WithLabelValues(s.name).Set(float64(c.NumPending))
	lag, err := s.lag(ctx, c)
	if err != nil {
		return err
	}
	s.n.met.lag.WithLabelValues(s.name).Set(lag.Seconds())
	// Between two requests nobody waits for a moment: so three times in a row.
	if c.NumPending > 0 && c.NumWaiting == 0 && c.NumAckPending == 0 {
		s.stalls++
	} else {
		s.stalls = 0
	}
	if s.stalls >= 3 {
		s.lg.Error("stage stands still", "pending", c.NumPending, "for", time.Duration(s.stalls)*watchEvery)
	}
	return nil
}

// lag is the age of the oldest message not settled.
func (s *stage) lag(ctx context.Context, c *jetstream.ConsumerInfo) (time.Duration, error) {
	if c.NumPending == 0 && c.NumAckPending == 0 {
		return 0, nil
	}
	st, err := s.n.stream(ctx, s.stream)
	if err != nil {
		return 0, err
	}
	m, err := st.GetMsg(ctx, c.AckFloor.Stream+1, jetstream.WithGetMsgSubject(filters(c.Config)[0]))
	if errors.Is(err, jetstream.ErrMsgNotFound) {
		return 0, nil
	}
	if err != nil {
		return 0, err
	}
	return max(s.n.now().Sub(m.Time), 0), nil
}
