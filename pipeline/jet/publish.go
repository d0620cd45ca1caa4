package jet

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/newswatch/newswatch/pipeline"
)

// Error codes of the server that nats.go has no name for.
const (
	errCodeAccount     = 10002 // resource limits exceeded for account
	errCodeResources   = 10023 // insufficient resources
	errCodeStorage     = 10047 // insufficient storage resources available
	errCodeStreamMatch = 10060 // expected stream does not match
	errCodeStoreFailed = 10077 // full, or one too many of a subject
)

const (
	// maxInFlight and maxFlightBytes bound the publishes that wait for their
	// confirmation; 256 saturate the server.
	maxInFlight    = 256
	maxFlightBytes = 64 << 20
	// metaRoom is kept free in every message, so that its copy in the retry or
	// dead stream, which has more headers, fits as well.
	metaRoom = 16 << 10
)

// Publish stores m in the stream, see [pipeline.Bus]. A publish that ran out
// of time may have been stored all the same; with m.Expect 0 the next try then
// answers ErrExists.
func (n *Node) Publish(ctx context.Context, stream string, m pipeline.Message) (uint64, error) {
	if len(m.Data)+headerSize(m.Header) > n.maxMsg-metaRoom {
		return 0, fmt.Errorf("%s: %d bytes, at most %d: %w", m.Subject, len(m.Data), n.maxMsg-metaRoom, pipeline.ErrTooBig)
	}
	if n.diskLow(stream) {
		return 0, fmt.Errorf("%s: little disk space left: %w", stream, pipeline.ErrFull)
	}
	var opts []jetstream.PublishOpt
	if m.Expect != nil {
		opts = append(opts, jetstream.WithExpectLastSequencePerSubject(*m.Expect))
	}
	msg := nats.NewMsg(m.Subject)
	msg.Data = m.Data
	for k, v := range m.Header {
		msg.Header.Set(k, headerValue(v))
	}
	seq, err := n.publish(ctx, stream, msg, opts...)
	if err != nil {
		err = publishError(stream, m, err)
		if errors.Is(err, pipeline.ErrFull) {
			n.keeper.kick()
		}
		return 0, err
	}
	return seq, nil
}

// publish sends msg and waits for the confirmation, with at most maxInFlight
// others and maxFlightBytes under way.
func (n *Node) publish(ctx context.Context, stream string, msg *nats.Msg, opts ...jetstream.PublishOpt) (uint64, error) {
	weight := min(max(int64(len(msg.Data)), maxFlightBytes/maxInFlight), maxFlightBytes)
	if err := n.flight.Acquire(ctx, weight); err != nil {
		return 0, err
	}
	defer n.flight.Release(weight)
	ack, err := n.js.PublishMsg(ctx, msg, append(opts, jetstream.WithExpectStream(stream))...)
	if err != nil {
		return 0, err
	}
	return ack.Sequence, nil
}

// publishError gives a refusal its class.
func publishError(stream string, m pipeline.Message, err error) error {
	var api *jetstream.APIError
	switch {
	case errors.Is(err, nats.ErrMaxPayload):
		return fmt.Errorf("%s: %w: %w", m.Subject, pipeline.ErrTooBig, err)
	case errors.Is(err, jetstream.ErrNoStreamResponse):
		return fmt.Errorf("no stream %s takes subject %s: %w", stream, m.Subject, err)
	case !errors.As(err, &api):
		return fmt.Errorf("publish %s: %w", m.Subject, err)
	}
	class := error(nil)
	switch api.ErrorCode {
	case jetstream.JSErrCodeStreamWrongLastSequence, jetstream.JSErrCodeStreamWrongLastSequenceConstant:
		class = pipeline.ErrConflict
		if m.Expect != nil && *m.Expect == 0 {
			class = pipeline.ErrExists
		}
	case jetstream.JSErrCodeStreamMessageExceedsMaximum:
		class = pipeline.ErrTooBig
	case errCodeStoreFailed:
		// One code for all that the store refuses; only the text tells which.
		if strings.Contains(api.Description, "per subject") {
			class = pipeline.ErrExists
		} else if strings.Contains(api.Description, "maximum") {
			class = pipeline.ErrFull
		}
	case errCodeAccount, errCodeResources, errCodeStorage:
		class = pipeline.ErrFull
	case errCodeStreamMatch:
		return fmt.Errorf("subject %s is not of stream %s: %w", m.Subject, stream, err)
	}
	if class == nil {
		return fmt.Errorf("publish %s: %w", m.Subject, err)
	}
	return fmt.Errorf("%s: %w (%s)", m.Subject, class, api.Description)
}

func headerSize(h map[string]string) int {
	size := 0
	for k, v := range h {
		size += len(k) + len(v) + 4 // ": " and end of line
	}
	return size
}

// headerValue makes s fit for a header: one line.
func headerValue(s string) string {
	return strings.NewReplacer("\r", " ", "\n", " ").Replace(s)
}
