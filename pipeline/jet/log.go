package jet

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/newswatch/newswatch/pipeline"
)

// Last returns the newest message of the subject, see [pipeline.Log]. With
// replicas the answer may be a moment old; Message.Expect shows it.
func (n *Node) Last(ctx context.Context, stream, subject string) (pipeline.Delivery, error) {
	s, err := n.stream(ctx, stream)
	if err != nil {
		return pipeline.Delivery{}, err
	}
	m, err := s.GetLastMsgForSubject(ctx, subject)
	if err != nil {
		return pipeline.Delivery{}, getError(subject, err)
	}
	return rawDelivery(m), nil
}

func getError(what string, err error) error {
	if errors.Is(err, jetstream.ErrMsgNotFound) {
		return fmt.Errorf("%s: %w", what, pipeline.ErrNotFound)
	}
	return fmt.Errorf("get %s: %w", what, err)
}

// stream is a handle to the stream; it is got once.
func (n *Node) stream(ctx context.Context, name string) (jetstream.Stream, error) {
	n.mu.Lock()
	s := n.streams[name]
	n.mu.Unlock()
	if s != nil {
		return s, nil
	}
	s, err := n.kjs.Stream(ctx, name)
	if err != nil {
		return nil, fmt.Errorf("stream %s: %w", name, err)
	}
	n.mu.Lock()
	n.streams[name] = s
	n.mu.Unlock()
	return s, nil
}

func rawDelivery(m *jetstream.RawStreamMsg) pipeline.Delivery {
	return pipeline.Delivery{
		Message: pipeline.Message{Subject: m.Subject, Header: userHeader(m.Header), Data: m.Data},
		Seq:     m.Sequence,
		Stored:  m.Time,
		Attempt: 1,
	}
}

// userHeader is the header as its publisher set it: without the server's and
// ours.
func userHeader(h nats.Header) map[string]string {
	var out map[string]string
	for k := range h {
		if strings.HasPrefix(k, "Nats-") || strings.HasPrefix(k, headPrefix) {
			continue
		}
		if out == nil {
			out = make(map[string]string)
		}
		out[k] = h.Get(k)
	}
	return out
}

const (
	readBatch = 500
	readIdle  = 5 * time.Minute // fn may take that long over a batch
)

// Read calls fn for each stored message, see [pipeline.Log]. It holds one
// batch of 500 messages in memory.
func (n *Node) Read(ctx context.Context, stream, filter string, from uint64, fn func(pipeline.Delivery) error) error {
	s, err := n.stream(ctx, stream)
	if err != nil {
		return err
	}
	info, err := s.Info(ctx)
	if err != nil {
		return fmt.Errorf("read %s: %w", stream, err)
	}
	r := reading{s: s, filter: filter, next: max(from, 1), end: info.State.LastSeq}
	return n.read(ctx, r, func(m jetstream.Msg, md *jetstream.MsgMetadata) error {
		return fn(delivery(m, md))
	})
}

// A reading is a part of a stream to be read.
type reading struct {
	s         jetstream.Stream
	filter    string
	next, end uint64 // sequences, both inclusive
	headers   bool   // without bodies
}

func (n *Node) read(ctx context.Context, r reading, fn func(jetstream.Msg, *jetstream.MsgMetadata) error) error {
	for r.next <= r.end {
		if err := ctx.Err(); err != nil {
			return err
		}
		var err error
		if r.next, err = n.readSome(ctx, r, fn); err != nil {
			return fmt.Errorf("read %s: %w", r.s.CachedInfo().Config.Name, err)
		}
	}
	return nil
}

// readSome reads through a consumer of its own until the end, or a break in
// the consumer's numbering, and returns where to go on.
func (n *Node) readSome(ctx context.Context, r reading, fn func(jetstream.Msg, *jetstream.MsgMetadata) error) (next uint64, err error) {
	c, err := r.s.CreateConsumer(ctx, jetstream.ConsumerConfig{
		AckPolicy:         jetstream.AckNonePolicy,
		DeliverPolicy:     jetstream.DeliverByStartSequencePolicy,
		OptStartSeq:       r.next,
		FilterSubject:     r.filter,
		HeadersOnly:       r.headers,
		MemoryStorage:     true,
		Replicas:          1,
		InactiveThreshold: readIdle,
	})
	if err != nil {
		return r.next, err
	}
	defer func() {
		ctx, stop := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
		defer stop()
		// It would go by itself after readIdle.
		if err := r.s.DeleteConsumer(ctx, c.CachedInfo().Name); err != nil {
			n.lg.Debug("reader not deleted", "error", err)
		}
	}()
	next = r.next
	left := c.CachedInfo().NumPending
	for got := uint64(0); left > 0; {
		b, err := c.Fetch(int(min(left, readBatch)), jetstream.FetchMaxWait(n.cfg.FetchWait))
		if err != nil {
			return next, err
		}
		some := false
		for m := range b.Messages() {
			md, err := m.Metadata()
			if err != nil {
				return next, err
			}
			if md.Sequence.Consumer != got+1 {
				return next, nil // something was lost on the way: again from next
			}
			got, left, some = got+1, md.NumPending, true
			if md.Sequence.Stream > r.end {
				return md.Sequence.Stream, nil
			}
			if err := fn(m, md); err != nil {
				return next, err
			}
			next = md.Sequence.Stream + 1
		}
		if err := ctx.Err(); err != nil {
			return next, err
		}
		if b.Error() != nil || !some {
			return r.rest(ctx, c, next)
		}
	}
	return r.end + 1, nil
}

// rest says where to go on after a batch that brought nothing: what was left
// may have been removed meanwhile.
func (r reading) rest(ctx context.Context, c jetstream.Consumer, next uint64) (uint64, error) {
	info, err := c.Info(ctx)
	switch {
	case errors.Is(err, jetstream.ErrConsumerNotFound):
		return next, nil
	case err != nil:
		return next, err
	case info.NumPending == 0:
		return r.end + 1, nil
	}
	return next, nil
}

func delivery(m jetstream.Msg, md *jetstream.MsgMetadata) pipeline.Delivery {
	return pipeline.Delivery{
		Message: pipeline.Message{Subject: m.Subject(), Header: userHeader(m.Headers()), Data: m.Data()},
		Seq:     md.Sequence.Stream,
		Stored:  md.Timestamp,
		Attempt: 1,
	}
}
