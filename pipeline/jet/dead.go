package jet

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/newswatch/newswatch/pipeline"
)

// DeadLetters lists dead letters without their bodies, newest first, after the
// one with the id given (empty: from the newest). Stage and reason, if not
// empty, must be theirs. next is empty at the end. limit 0: 50.
func (n *Node) DeadLetters(ctx context.Context, after string, limit int, stage, reason string) (list []pipeline.DeadLetter, next string, err error) {
	if limit <= 0 {
		limit = 50
	}
	s, err := n.stream(ctx, pipeline.StreamDead)
	if err != nil {
		return nil, "", err
	}
	info, err := s.Info(ctx)
	if err != nil {
		return nil, "", fmt.Errorf("dead letters: %w", err)
	}
	end := info.State.LastSeq
	if after != "" {
		seq, err := parseID(after)
		if err != nil {
			return nil, "", err
		}
		end = min(end, seq-1)
	}
	filter := "dead." + orStar(stage) + "." + orStar(reason) + ".>"
	// A stream is read forwards only: so windows of growing width, from the
	// end on.
	first := max(info.State.FirstSeq, 1)
	for width := uint64(4 * limit); end >= first && len(list) <= limit; width *= 4 {
		from := first
		if end > width {
			from = max(first, end-width+1)
		}
		var window []pipeline.DeadLetter
		r := reading{s: s, filter: filter, next: from, end: end, headers: true}
		err := n.read(ctx, r, func(m jetstream.Msg, md *jetstream.MsgMetadata) error {
			d := deadLetter(md.Sequence.Stream, md.Timestamp, m.Headers())
			d.Size, _ = strconv.Atoi(m.Headers().Get("Nats-Msg-Size"))
			window = append(window, d)
			return nil
		})
		if err != nil {
			return nil, "", err
		}
		slices.Reverse(window)
		list = append(list, window...)
		end = from - 1
	}
	if len(list) > limit {
		list = list[:limit]
		next = list[limit-1].ID
	}
	return list, next, nil
}

func orStar(token string) string {
	if token == "" {
		return "*"
	}
	return token
}

func parseID(id string) (uint64, error) {
	seq, err := strconv.ParseUint(id, 10, 64)
	if err != nil || seq == 0 {
		return 0, fmt.Errorf("dead letter %q: %w", id, pipeline.ErrNotFound)
	}
	return seq, nil
}

func deadLetter(seq uint64, at time.Time, h nats.Header) pipeline.DeadLetter {
	o := readOrigin(h)
	d := pipeline.DeadLetter{
		ID:          strconv.FormatUint(seq, 10),
		Stage:       h.Get(headStage),
		Reason:      h.Get(headReason),
		Error:       h.Get(headError),
		Key:         subjectKey(o.stream, o.subject),
		Stream:      o.stream,
		Subject:     o.subject,
		Seq:         o.seq,
		FirstFailed: o.firstFailed,
		At:          at,
	}
	d.Deliveries, _ = strconv.Atoi(h.Get(headDeliveries))
	return d
}

// DeadLetter returns one dead letter with its body, or ErrNotFound.
func (n *Node) DeadLetter(ctx context.Context, id string) (pipeline.DeadLetter, error) {
	m, err := n.deadMessage(ctx, id)
	if err != nil {
		return pipeline.DeadLetter{}, err
	}
	d := deadLetter(m.Sequence, m.Time, m.Header)
	d.Body, d.Size = m.Data, len(m.Data)
	return d, nil
}

func (n *Node) deadMessage(ctx context.Context, id string) (*jetstream.RawStreamMsg, error) {
	seq, err := parseID(id)
	if err != nil {
		return nil, err
	}
	s, err := n.stream(ctx, pipeline.StreamDead)
	if err != nil {
		return nil, err
	}
	m, err := s.GetMsg(ctx, seq)
	if err != nil {
		return nil, getError("dead letter "+id, err)
	}
	return m, nil
}

// ReplayDead hands the message to its stage again, as if it had never failed,
// and then removes the dead letter. It goes by way of the retry stream: its
// own may refuse what it has had before.
func (n *Node) ReplayDead(ctx context.Context, id string) error {
	m, err := n.deadMessage(ctx, id)
	if err != nil {
		return err
	}
	stage := m.Header.Get(headStage)
	o := readOrigin(m.Header)
	if stage == "" || o.subject == "" {
		return fmt.Errorf("dead letter %s: not written by newswatch", id)
	}
	o.failures, o.firstFailed = 0, time.Time{}
	o.replays++
	msg := o.copy(dueSubject(stage, o), userHeader(m.Header), m.Data)
	// Should the removal fail and replay be called again soon, it is one copy.
	_, err = n.publish(ctx, pipeline.StreamRetry, msg, jetstream.WithMsgID("replay "+id))
	if err != nil {
		return fmt.Errorf("replay dead letter %s: %w", id, err)
	}
	return n.DropDead(ctx, id)
}

// DropDead removes the dead letter for good.
func (n *Node) DropDead(ctx context.Context, id string) error {
	// The refusal to delete what is not there has no class: so look first.
	m, err := n.deadMessage(ctx, id)
	if err != nil {
		return err
	}
	s, err := n.stream(ctx, pipeline.StreamDead)
	if err != nil {
		return err
	}
	if err := s.DeleteMsg(ctx, m.Sequence); err != nil {
		return fmt.Errorf("drop dead letter %s: %w", id, err)
	}
	return nil
}
