package jet

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"time"

	"github.com/klauspost/compress/s2"
	"github.com/nats-io/nats-server/v2/server/archive"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/prometheus/client_golang/prometheus"
)

// ErrStreamExists says that a stream to be restored is there already.
var ErrStreamExists = errors.New("jet: stream exists")

// A Restorer makes streams of what a [Backup] read.
type Restorer struct {
	n    *Node
	made []string
}

// Restore starts the embedded server on an empty folder, or connects to the
// external one, and calls fn with a Restorer. When fn fails, the streams made
// are deleted again.
func Restore(ctx context.Context, lg *slog.Logger, cfg Config, fn func(*Restorer) error) (err error) {
	if cfg, err = cfg.withDefaults(); err != nil {
		return err
	}
	token, err := cfg.token()
	if err != nil {
		return err
	}
	met, err := newMetrics(prometheus.NewRegistry())
	if err != nil {
		return err
	}
	// A node without what a node does by itself: no streams made, no keeper.
	n := &Node{lg: lg.With("component", "jet"), cfg: cfg, now: time.Now, met: met}
	n.ctx, n.stop = context.WithCancel(context.WithoutCancel(ctx))
	defer func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Minute)
		defer cancel()
		err = errors.Join(err, n.Close(ctx))
	}()
	ready, cancel := context.WithTimeout(ctx, cfg.StartWait)
	defer cancel()
	if cfg.URL == "" {
		cfg.Listen = ""
		if n.emb, err = startServer(ready, n.lg, cfg, token, freeBytes); err != nil {
			return err
		}
	}
	if err := n.connect(ready, token); err != nil {
		return err
	}
	if v := n.pub.ConnectedServerVersion(); !restores(v) {
		return fmt.Errorf("nats server %s has version %s, 2.15 or later is needed to restore", n.pub.ConnectedUrlRedacted(), v)
	}
	r := &Restorer{n: n}
	if err := fn(r); err != nil {
		return errors.Join(err, r.undo(context.WithoutCancel(ctx)))
	}
	return nil
}

// restores reports whether a server of the version takes the form that a backup
// is put back in.
func restores(version string) bool {
	var major, minor int
	_, err := fmt.Sscanf(version, "%d.%d", &major, &minor)
	return err == nil && (major > 2 || major == 2 && minor >= 15)
}

func (r *Restorer) undo(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	var errs []error
	for _, name := range r.made {
		if err := r.n.js.DeleteStream(ctx, name); !errors.Is(err, jetstream.ErrStreamNotFound) {
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
}

// Absent sees that none of the streams is there.
func (r *Restorer) Absent(ctx context.Context, streams ...string) error {
	for _, name := range streams {
		_, err := r.n.js.Stream(ctx, name)
		switch {
		case err == nil:
			return fmt.Errorf("%w: %s on %s", ErrStreamExists, name, r.n.pub.ConnectedUrlRedacted())
		case !errors.Is(err, jetstream.ErrStreamNotFound):
			return fmt.Errorf("stream %s: %w", name, err)
		}
	}
	return nil
}

const (
	restoreChunk = 256 << 10
	restoreWait  = 2 * time.Minute // for the server to take a chunk
	apiRestore   = "$JS.API.STREAM.RESTORE."
)

// Stream makes the stream with its consumers of what the calls of
// [Backup.Read] wrote, in their order.
func (r *Restorer) Stream(ctx context.Context, name string, parts ...io.Reader) error {
	if err := r.stream(ctx, name, parts); err != nil {
		return fmt.Errorf("restore %s: %w", name, err)
	}
	return nil
}

func (r *Restorer) stream(ctx context.Context, name string, parts []io.Reader) error {
	if len(parts) == 0 {
		return errors.New("nothing of it")
	}
	first := archive.NewReader(parts[0])
	head, err := readHead(first, name)
	if err != nil {
		return err
	}
	head.Config.Replicas = r.n.cfg.Replicas
	for i := range head.Consumers {
		head.Consumers[i].Config.Replicas = 0 // the stream's
	}
	deliver, err := r.begin(ctx, name, head)
	if err != nil {
		return err
	}
	r.made = append(r.made, name)
	pr, pw := io.Pipe()
	go func() { pw.CloseWithError(writeArchive(pw, head, first, parts[1:])) }()
	defer pr.Close()
	return r.send(ctx, deliver, pr)
}

func readHead(ar *archive.Reader, name string) (streamHead, error) {
	var head streamHead
	h, err := ar.Next()
	switch {
	case err != nil:
		return head, err
	case h.Name != headName || h.Sequence != 0:
		return head, fmt.Errorf("begins with %q, not %s", h.Name, headName)
	}
	if err := json.NewDecoder(ar).Decode(&head); err != nil {
		return head, fmt.Errorf("%s: %w", headName, err)
	}
	if head.Config.Name != name {
		return head, fmt.Errorf("%s is of %s", headName, head.Config.Name)
	}
	return head, nil
}

// begin asks the server to make the stream and returns where it takes the rest.
func (r *Restorer) begin(ctx context.Context, name string, head streamHead) (deliver string, err error) {
	req, err := json.Marshal(map[string]any{"config": head.Config, "state": struct{}{}})
	if err != nil {
		return "", err
	}
	ctx, cancel := context.WithTimeout(ctx, restoreWait)
	defer cancel()
	m, err := r.n.pub.RequestWithContext(ctx, apiRestore+name, req)
	if err != nil {
		return "", err
	}
	var resp struct {
		Error   *jetstream.APIError `json:"error"`
		Deliver string              `json:"deliver_subject"`
	}
	if err := json.Unmarshal(m.Data, &resp); err != nil {
		return "", err
	}
	if resp.Error != nil {
		return "", resp.Error
	}
	return resp.Deliver, nil
}

// writeArchive puts the parts together in the form that the server takes: its
// snapshots', version 2.
func writeArchive(w io.Writer, head streamHead, first *archive.Reader, rest []io.Reader) error {
	enc := s2.NewWriter(w, s2.WriterConcurrency(1)) // without goroutines to be ended
	aw := archive.NewWriter(enc)
	state := map[string]any{
		"first_seq": head.FirstSeq, "last_seq": head.LastSeq, "consumer_count": len(head.Consumers),
		"messages": 0, "bytes": 0, // what is given room in advance; it takes what comes
	}
	if err := writeJSON(aw, "state.json", state); err != nil {
		return err
	}
	for _, c := range head.Consumers {
		if err := writeJSON(aw, "consumers/"+c.Config.Durable, c); err != nil {
			return err
		}
	}
	if err := copyMessages(aw, first); err != nil {
		return err
	}
	for _, part := range rest {
		if err := copyMessages(aw, archive.NewReader(part)); err != nil {
			return err
		}
	}
	if err := aw.WriteHeader(&archive.Header{}); err != nil { // its mark of the end
		return err
	}
	return errors.Join(aw.Close(), enc.Close())
}

func writeJSON(aw *archive.Writer, name string, v any) error {
	data, err := json.Marshal(v)
	if err != nil {
		return err
	}
	return writeEntry(aw, archive.Header{Name: name, Timestamp: time.Now().UnixNano(), PayloadSize: int64(len(data))}, data)
}

func copyMessages(aw *archive.Writer, ar *archive.Reader) error {
	for {
		h, err := ar.Next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		if h.Sequence == 0 {
			return fmt.Errorf("%q among the messages", h.Name)
		}
		if err := aw.WriteHeader(h); err != nil {
			return err
		}
		if _, err := io.Copy(aw, ar); err != nil {
			return err
		}
	}
}

// send hands the archive to the server, a chunk at a time. An empty one is the
// end of it, and has the outcome for an answer.
func (r *Restorer) send(ctx context.Context, deliver string, from io.Reader) error {
	buf := make([]byte, restoreChunk)
	for {
		n, err := io.ReadFull(from, buf)
		end := errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF)
		if err != nil && !end {
			// Told that this is the end, the server gives up at once, for the
			// mark of the end is missing; else it waits for more a while.
			return errors.Join(err, r.chunk(ctx, deliver, nil))
		}
		if n > 0 {
			if err := r.chunk(ctx, deliver, buf[:n]); err != nil {
				return err
			}
		}
		if end {
			return r.chunk(ctx, deliver, nil)
		}
	}
}

func (r *Restorer) chunk(ctx context.Context, deliver string, data []byte) error {
	ctx, cancel := context.WithTimeout(ctx, restoreWait)
	defer cancel()
	m, err := r.n.pub.RequestWithContext(ctx, deliver, data)
	if errors.Is(err, nats.ErrNoResponders) {
		return errors.New("the server has given it up")
	}
	if err != nil {
		return err
	}
	if len(m.Data) == 0 && len(data) > 0 {
		return nil
	}
	var resp struct {
		Error *jetstream.APIError `json:"error"`
	}
	if err := json.Unmarshal(m.Data, &resp); err != nil {
		return err
	}
	if resp.Error != nil {
		return resp.Error
	}
	return nil
}
