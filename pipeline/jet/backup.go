package jet

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/nats-io/nats-server/v2/server/archive"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/newswatch/newswatch/pipeline"
)

// A Backup reads what streams and buckets hold while they are written to, so
// that [Restore] makes streams of it that no message is missing in.
//
// The server's own snapshot of a stream will not do: where only the latest
// message of a subject is kept, one replaced while the snapshot is read is in it
// neither in its old form nor in its new. So everything is read twice, first all
// that is there and then what came meanwhile, each until nothing is left: of
// every subject the latest message of the end is there.
//
// Read in the order of [Backup.Streams] both times, the streams fit together
// under at-least-once. A message leaves a stream's consumer only when what came
// of it is in the next stream, which is read later; one that went to the retry
// stream behind our back is there when that is read again, or what came of it is
// when the streams after it are. State that vouches for what was published (feed
// validators, checkpoints) is read before it, state that is written before
// something is published, after. So a restored message may be handled twice, as
// any may be, and none is lost.
//
// Leases and the marks of suspects belong to processes and are left out.
type Backup struct {
	n       *Node
	streams []string
	next    map[string]uint64
}

// backupOrder is the order of reading; buckets not in it come last.
func backupOrder() []string {
	return []string{
		bucketStream(pipeline.BucketFeeds), bucketStream(pipeline.BucketCheckpoints),
		pipeline.StreamRetry, pipeline.StreamDead,
		pipeline.StreamItems, pipeline.StreamExtracted, pipeline.StreamArticles, pipeline.StreamAlerts,
		bucketStream(pipeline.BucketCopies), bucketStream(pipeline.BucketCatalog),
	}
}

// bucketStream is the stream that a bucket lies in.
func bucketStream(bucket string) string { return "KV_" + bucket }

// NewBackup finds what there is to be read.
func (n *Node) NewBackup(ctx context.Context) (*Backup, error) {
	b := &Backup{n: n, next: make(map[string]uint64)}
	order := backupOrder()
	names := n.kjs.StreamNames(ctx)
	for name := range names.Name() {
		bucket, isBucket := strings.CutPrefix(name, "KV_")
		switch {
		case isBucket && (bucket == pipeline.BucketLeases || bucket == bucketSuspects):
		case slices.Contains(order, name), isBucket && n.emb != nil: // an external server may have others' buckets
			b.streams = append(b.streams, name)
		}
	}
	if err := names.Err(); err != nil && !errors.Is(err, jetstream.ErrEndOfData) {
		return nil, fmt.Errorf("backup: list streams: %w", err)
	}
	place := func(name string) int {
		if i := slices.Index(order, name); i >= 0 {
			return i
		}
		return len(order)
	}
	slices.SortFunc(b.streams, func(a, c string) int { return cmp.Or(place(a)-place(c), strings.Compare(a, c)) })
	return b, nil
}

// Streams lists what is to be read, in order.
func (b *Backup) Streams() []string { return b.streams }

// A streamHead is what stands before the messages of a stream.
type streamHead struct {
	Config    jetstream.StreamConfig `json:"config"`
	FirstSeq  uint64                 `json:"first_seq"`
	LastSeq   uint64                 `json:"last_seq"`
	Consumers []consumerHead         `json:"consumers"`
}

// A consumerHead is a durable consumer in the form the server takes back.
type consumerHead struct {
	Config jetstream.ConsumerConfig `json:"config"`
	State  consumerState            `json:"state"`
}

type consumerState struct {
	Delivered sequencePair `json:"delivered"`
	AckFloor  sequencePair `json:"ack_floor"`
}

type sequencePair struct {
	Consumer uint64 `json:"consumer_seq"`
	Stream   uint64 `json:"stream_seq"`
}

const headName = "stream.json"

// Read writes what the stream holds to w; called again, what has come since. It
// returns the number of messages.
func (b *Backup) Read(ctx context.Context, stream string, w io.Writer) (messages int, err error) {
	aw := archive.NewWriter(w)
	if _, again := b.next[stream]; !again {
		head, err := b.head(ctx, stream)
		if err != nil {
			return 0, fmt.Errorf("backup of %s: %w", stream, err)
		}
		data, err := json.Marshal(head)
		if err != nil {
			return 0, err
		}
		if err := writeEntry(aw, archive.Header{Name: headName, PayloadSize: int64(len(data))}, data); err != nil {
			return 0, err
		}
		b.next[stream] = max(head.FirstSeq, 1)
	}
	for {
		n, more, err := b.batch(ctx, stream, aw)
		messages += n
		if err != nil {
			return messages, fmt.Errorf("backup of %s: %w", stream, err)
		}
		if !more {
			return messages, nil
		}
	}
}

// head describes the stream. Its consumers come first: what they have settled is
// in the streams read later. A server of several nodes does not tell which
// messages a consumer waits for, so each is set back to what is settled
// without exception, and hands out the rest again.
func (b *Backup) head(ctx context.Context, stream string) (streamHead, error) {
	s, err := b.n.kjs.Stream(ctx, stream)
	if err != nil {
		return streamHead{}, err
	}
	head := streamHead{Consumers: []consumerHead{}}
	found, err := consumers(ctx, s)
	if err != nil {
		return head, err
	}
	for _, c := range found {
		floor := sequencePair{c.AckFloor.Consumer, c.AckFloor.Stream}
		state := consumerState{Delivered: floor, AckFloor: floor}
		if c.NumAckPending == 0 {
			state.Delivered = sequencePair{c.Delivered.Consumer, c.Delivered.Stream}
		}
		head.Consumers = append(head.Consumers, consumerHead{c.Config, state})
	}
	info, err := s.Info(ctx)
	if err != nil {
		return head, err
	}
	head.Config, head.FirstSeq, head.LastSeq = info.Config, info.State.FirstSeq, info.State.LastSeq
	return head, nil
}

func writeEntry(aw *archive.Writer, h archive.Header, data []byte) error {
	if err := aw.WriteHeader(&h); err != nil {
		return err
	}
	_, err := aw.Write(data)
	return err
}

const (
	backupBatch = 256
	backupBytes = 4 << 20
	backupWait  = 30 * time.Second // of one batch
)

// Headers of an answer to a direct get, which the message itself does not have.
const (
	headGetStream  = "Nats-Stream"
	headGetSubject = "Nats-Subject"
	headGetSeq     = "Nats-Sequence"
	headGetTime    = "Nats-Time-Stamp"
	headGetPending = "Nats-Num-Pending"
	headGetLast    = "Nats-Last-Sequence"
)

// batch reads some messages and reports whether there are more. It asks for
// them directly: a consumer is not to be had of the retry stream, whose every
// message has one already.
func (b *Backup) batch(ctx context.Context, stream string, aw *archive.Writer) (n int, more bool, err error) {
	req, err := json.Marshal(struct {
		Seq   uint64 `json:"seq"`
		Batch int    `json:"batch"`
		Bytes int    `json:"max_bytes"`
	}{b.next[stream], backupBatch, backupBytes})
	if err != nil {
		return 0, false, err
	}
	inbox := b.n.kvc.NewRespInbox()
	sub, err := b.n.kvc.SubscribeSync(inbox)
	if err != nil {
		return 0, false, err
	}
	defer func() { _ = sub.Unsubscribe() }() // fails only where the connection is gone
	if err := b.n.kvc.PublishRequest("$JS.API.DIRECT.GET."+stream, inbox, req); err != nil {
		return 0, false, err
	}
	ctx, cancel := context.WithTimeout(ctx, backupWait)
	defer cancel()
	for last := uint64(0); ; {
		m, err := sub.NextMsgWithContext(ctx)
		if err != nil {
			return n, false, err
		}
		switch status := m.Header.Get("Status"); status {
		case "":
		case "204": // the end of the batch
			pending := m.Header.Get(headGetPending)
			return n, pending != "0" || m.Header.Get(headGetLast) != strconv.FormatUint(last, 10), nil
		case "404":
			return n, false, nil // there is nothing from there on
		case "503":
			return n, false, nats.ErrNoResponders
		default:
			return n, false, fmt.Errorf("status %s %s", status, m.Header.Get("Description"))
		}
		if m.Header.Get(headGetLast) != strconv.FormatUint(last, 10) {
			return n, true, nil // one was lost on the way: from there again
		}
		if last, err = writeMessage(aw, m); err != nil {
			return n, false, err
		}
		b.next[stream] = last + 1
		n++
	}
}

// writeMessage adds a message that was got directly.
func writeMessage(aw *archive.Writer, m *nats.Msg) (seq uint64, err error) {
	if seq, err = strconv.ParseUint(m.Header.Get(headGetSeq), 10, 64); err != nil {
		return 0, fmt.Errorf("sequence: %w", err)
	}
	at, err := time.Parse(time.RFC3339Nano, m.Header.Get(headGetTime))
	if err != nil {
		return 0, fmt.Errorf("message %d: time: %w", seq, err)
	}
	subject := m.Header.Get(headGetSubject)
	for _, h := range []string{headGetStream, headGetSubject, headGetSeq, headGetTime, headGetPending, headGetLast} {
		m.Header.Del(h)
	}
	header := encodeHeader(m.Header)
	return seq, writeEntry(aw, archive.Header{
		Name: subject, Sequence: seq, Timestamp: at.UnixNano(),
		HeaderSize: int64(len(header)), PayloadSize: int64(len(m.Data)),
	}, append(header, m.Data...))
}

// encodeHeader is a header as the server stores it.
func encodeHeader(h nats.Header) []byte {
	if len(h) == 0 {
		return nil
	}
	b := []byte("NATS/1.0\r\n")
	keys := make([]string, 0, len(h))
	for k := range h {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	for _, k := range keys {
		for _, v := range h[k] {
			b = append(b, k+": "+v+"\r\n"...)
		}
	}
	return append(b, "\r\n"...)
}
