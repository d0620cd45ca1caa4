package pipeline

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// A Stage turns each value of one topic into values of another. Handle is a
// plain function of values; it knows nothing of the bus, and its error is the
// message's fate.
type Stage[In, Out any] struct {
	Name    string // of the durable consumer and in metrics, logs, dead letters
	In      Topic[In]
	Filter  string // part of In; empty: all
	Out     Topic[Out]
	Workers int // handlers at once
	Pending int // most messages handed out and not settled
	// Exclusive: nobody else runs this stage meanwhile, see Consumer.
	Exclusive bool
	Handle    func(ctx context.Context, in In) ([]Out, error)
}

// fullWait is how long a stage waits when the stream after it is full.
const fullWait = 5 * time.Second

// Run handles the topic's values until ctx is done.
//
// The outputs are published, and confirmed, before the input is acknowledged:
// a crash between the two makes the input come again, never the output vanish.
// An output that is there already (create-only) was published by an earlier
// run on the same input.
func (s Stage[In, Out]) Run(ctx context.Context, b Bus) error {
	return b.Consume(ctx, Consumer{
		Name:      s.Name,
		Stream:    s.In.Stream,
		Filter:    s.Filter,
		Workers:   s.Workers,
		Pending:   s.Pending,
		Exclusive: s.Exclusive,
		Handle: func(ctx context.Context, d Delivery) error {
			in, err := s.In.Decode(d)
			if err != nil {
				return err
			}
			outs, err := s.Handle(ctx, in)
			if err != nil {
				return err
			}
			for _, out := range outs {
				if err := publish(ctx, b, s.Out, out); err != nil {
					return err
				}
			}
			return nil
		},
	})
}

func publish[T any](ctx context.Context, b Bus, t Topic[T], v T) error {
	_, err := t.Publish(ctx, b, v)
	switch {
	case err == nil || errors.Is(err, ErrExists):
		return nil
	case errors.Is(err, ErrFull):
		return Later(fullWait, err)
	case errors.Is(err, ErrTooBig):
		return Permanent("too_big", err)
	default:
		return fmt.Errorf("publish %s: %w", t.Subject(v), err)
	}
}

// A Sink writes a topic's values in batches.
type Sink[In any] struct {
	Name      string
	In        Topic[In]
	Filter    string
	MaxItems  int
	MaxBytes  int
	MaxWait   time.Duration
	Pending   int
	Exclusive bool          // see Consumer
	From      func() uint64 // see BatchConsumer.From
	Begun     func()        // see BatchConsumer.Begun
	// Write must call done exactly once: when the batch is durable, or with
	// the error that kept it from becoming so. See BatchConsumer.Write.
	Write func(ctx context.Context, batch []Stored[In], done func(error))
}

// Stored is a value and its place in its stream.
type Stored[T any] struct {
	Value  T
	Seq    uint64
	Stored time.Time
}

// Run hands the topic's values to Write until ctx is done.
func (s Sink[In]) Run(ctx context.Context, b Bus) error {
	return b.ConsumeBatch(ctx, BatchConsumer{
		Name:      s.Name,
		Stream:    s.In.Stream,
		Filter:    s.Filter,
		MaxItems:  s.MaxItems,
		MaxBytes:  s.MaxBytes,
		MaxWait:   s.MaxWait,
		Pending:   s.Pending,
		Exclusive: s.Exclusive,
		From:      s.From,
		Begun:     s.Begun,
		Decode:    func(d Delivery) (any, error) { return s.In.Decode(d) },
		Write: func(ctx context.Context, ds []Delivery, done func(error)) {
			batch := make([]Stored[In], len(ds))
			for i, d := range ds {
				batch[i] = Stored[In]{Value: d.Value.(In), Seq: d.Seq, Stored: d.Stored}
			}
			s.Write(ctx, batch, done)
		},
	})
}
