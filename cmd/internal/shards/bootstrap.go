package shards

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"time"

	"github.com/newswatch/newswatch/index"
	"github.com/newswatch/newswatch/pipeline"
	"github.com/newswatch/newswatch/pipeline/jet"
)

const (
	chunkWait  = 30 * time.Second // for one chunk
	chunkTries = 4
	fetchTries = 3               // rounds through the peers
	fetchPause = 5 * time.Second // between two rounds
)

// isEmpty reports whether there is nothing in the folder, or no folder.
func isEmpty(dir string) (bool, error) {
	entries, err := os.ReadDir(dir)
	if errors.Is(err, os.ErrNotExist) {
		return true, nil
	}
	return len(entries) == 0, err
}

// bootstrap makes the first copy of the shard: of a peer's, or, where none gives
// it, empty, to be filled from the stream.
func (r *replica) bootstrap(ctx context.Context) error {
	from, err := r.fetch(ctx)
	if err != nil {
		return err
	}
	if err := r.open(); err != nil {
		return err
	}
	if from == "" {
		return nil // the consumer begins where the stream does
	}
	r.h.met.fetched.WithLabelValues(strconv.Itoa(r.shard), whyNone).Inc()
	return r.goOn(ctx, from)
}

// goOn has the stream go on where a copy that was fetched ends.
func (r *replica) goOn(ctx context.Context, peer string) error {
	seq := r.index().From()
	r.lg.Info("the copy is there, the stream goes on from it", "peer", peer, "seq", seq, "documents", r.index().Stats().Documents)
	return r.h.node.Seek(ctx, pipeline.BatchConsumer{
		Name: r.consumer(), Stream: pipeline.StreamArticles, Filter: r.h.opts.Shards.Filter(r.shard),
	}, seq)
}

// removeLeftovers removes what a copying that was cut off, by a version that
// could not go on from it, has left.
func removeLeftovers(dir string) error {
	left, err := filepath.Glob(filepath.Clean(dir) + ".restoring-*")
	for _, l := range left {
		err = errors.Join(err, os.RemoveAll(l))
	}
	return err
}

// fetch copies the shard of one of its peers into the folder, and returns which
// one; "": of none.
func (r *replica) fetch(ctx context.Context) (peer string, err error) {
	for try := 0; try < fetchTries; {
		peers := r.peers()
		if len(peers) == 0 {
			break
		}
		busy := false
		for _, p := range peers {
			r.set(StateStarting, "fetches a copy from replica "+p.Replica)
			r.lg.Info("a copy is fetched", "peer", p.Replica, "node", p.Node, "bytes", p.Bytes, "documents", p.Documents)
			err := index.ResumeSnapshot(ctx, r.dir, r.reader(ctx, p, func(note string) { r.set(StateStarting, note) }))
			switch {
			case err == nil:
				r.set(StateBehind, "")
				if p.Lacks {
					r.mayLack(loss{Documents: always, Text: fmt.Sprintf("it was fetched from replica %s: %s", p.Replica, p.Note)})
				}
				return p.Replica, nil
			case ctx.Err() != nil:
				return "", ctx.Err()
			}
			r.lg.Warn("no copy from this peer", "peer", p.Replica, "error", err)
			busy = busy || errors.Is(err, pipeline.ErrFull)
		}
		if !busy { // else it is a matter of time
			try++
		}
		select {
		case <-ctx.Done():
			return "", ctx.Err()
		case <-time.After(fetchPause):
		}
	}
	r.set(StateBehind, "")
	r.checkLoss()
	return "", nil
}

// peers is the other replicas of the shard that can hand out a copy, those that
// lack nothing and have most first.
func (r *replica) peers() []Replica {
	peers := slices.DeleteFunc(r.h.roster.of(r.shard), func(p Replica) bool {
		return p.Replica == r.h.opts.Replica || !p.Live() || p.Documents == 0
	})
	slices.SortStableFunc(peers, func(a, b Replica) int {
		switch {
		case a.Lacks == b.Lacks:
			return b.Documents - a.Documents
		case b.Lacks:
			return -1
		}
		return 1
	})
	return peers
}

// A chunks reads a snapshot from a peer.
type chunks struct {
	ctx     context.Context
	node    *jet.Node
	name    string // of the service
	session string
	have    []index.SnapshotFile
	n       int
	rest    []byte // of the last chunk
	last    bool
	fetched func(bytes int)
}

// reader reads a snapshot of the peer's copy, without what is there already, and
// notes how far it is.
func (r *replica) reader(ctx context.Context, p Replica, note func(string)) func(have []index.SnapshotFile) io.Reader {
	return func(have []index.SnapshotFile) io.Reader {
		var total int64
		for _, h := range have {
			total += h.Size
		}
		if total > 0 {
			r.lg.Info("the copy goes on from what has arrived", "peer", p.Replica, "files", len(have), "bytes", total)
		}
		told := r.h.now()
		return &chunks{
			ctx: ctx, node: r.h.node, name: service(r.shard, p.Replica, serveSnapshot), session: rand.Text(), have: have,
			fetched: func(n int) {
				total += int64(n)
				if r.h.now().Sub(told) < beatEvery {
					return
				}
				told = r.h.now()
				note(fmt.Sprintf("fetches a copy from replica %s: %d of about %d MB", p.Replica, total/1e6, p.Bytes/1e6))
			},
		}
	}
}

// Read implements io.Reader.
func (c *chunks) Read(b []byte) (int, error) {
	for len(c.rest) == 0 {
		if c.last {
			return 0, io.EOF
		}
		chunk, err := c.next()
		if err != nil {
			return 0, err
		}
		c.last, c.rest = chunk[0] == lastChunk, chunk[1:]
		c.n++
		c.fetched(len(c.rest))
	}
	n := copy(b, c.rest)
	c.rest = c.rest[n:]
	return n, nil
}

// next asks for the next chunk, and again where no answer came.
func (c *chunks) next() (chunk []byte, err error) {
	ask := chunkRequest{Session: c.session, N: c.n}
	if c.n == 0 {
		ask.Have = c.have
	}
	req, err := json.Marshal(ask)
	if err != nil {
		return nil, err
	}
	for range chunkTries {
		ctx, cancel := context.WithTimeout(c.ctx, chunkWait)
		chunk, err = c.node.Call(ctx, c.name, req)
		late := errors.Is(err, context.DeadlineExceeded)
		cancel()
		if err == nil && len(chunk) == 0 {
			err = errors.New("an answer of no bytes")
		}
		if !late || c.ctx.Err() != nil {
			break
		}
	}
	if err != nil {
		return nil, fmt.Errorf("chunk %d of a snapshot: %w", c.n, err)
	}
	return chunk, nil
}
