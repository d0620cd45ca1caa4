package shards

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"sync"
	"sync/atomic"
	"time"

	"github.com/newswatch/newswatch/index"
	"github.com/newswatch/newswatch/pipeline"
)

// A copy of a shard is handed to another process as a snapshot, a chunk at a
// time, each asked for by its number: of a session one chunk is in memory. The
// last one is kept, so that it can be asked for again when the answer was lost.

const (
	chunkBytes = 512 << 10 // a NATS server takes 1 MiB, if it is not told otherwise
	exports    = 2         // sessions of a replica at once
	exportIdle = time.Minute
)

// A chunkRequest asks for chunk n of a session, which the first, 0, begins. The
// answer is a byte that says whether it is the last, and the chunk.
type chunkRequest struct {
	Session string               `json:"session"`
	N       int                  `json:"n"`
	Have    []index.SnapshotFile `json:"have,omitempty"` // with the first: files that are left out if they are the same
}

const (
	moreChunks = 'm'
	lastChunk  = 'l'
)

// errNoSession says that the session is not known here, or no more.
var errNoSession = errors.New("no such session")

// An exporter hands out snapshots of one index.
type exporter struct {
	ix *index.Index

	mu       sync.Mutex
	sessions map[string]*export
}

// An export is one session.
type export struct {
	r    *io.PipeReader
	stop context.CancelFunc
	idle *time.Timer
	done atomic.Bool // its last chunk was handed out

	mu    sync.Mutex
	n     int // number of the chunk
	chunk []byte
}

// chunk answers a chunkRequest.
func (e *exporter) chunk(_ context.Context, data []byte) ([]byte, error) {
	var req chunkRequest
	if err := json.Unmarshal(data, &req); err != nil {
		return nil, fmt.Errorf("chunk of a snapshot: %w", err)
	}
	x, err := e.session(req)
	if err != nil {
		return nil, err
	}
	x.idle.Reset(exportIdle)
	x.mu.Lock()
	defer x.mu.Unlock()
	switch req.N {
	case x.n:
		return x.chunk, nil
	case x.n + 1:
		return x.next()
	}
	return nil, fmt.Errorf("chunk %d of a snapshot: chunk %d was the last", req.N, x.n)
}

func (e *exporter) session(req chunkRequest) (*export, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if x := e.sessions[req.Session]; x != nil {
		return x, nil
	}
	if req.N != 0 {
		return nil, fmt.Errorf("snapshot %s: %w", req.Session, errNoSession)
	}
	busy := 0
	for _, x := range e.sessions {
		if !x.done.Load() {
			busy++
		}
	}
	if busy >= exports {
		return nil, fmt.Errorf("snapshot: %d are under way: %w", busy, pipeline.ErrFull)
	}
	ctx, stop := context.WithCancel(context.Background())
	r, w := io.Pipe()
	go func() {
		err := e.ix.SnapshotWithout(ctx, w, req.Have)
		if err == nil {
			err = io.EOF
		}
		w.CloseWithError(err)
	}()
	x := &export{r: r, stop: stop, n: -1}
	x.idle = time.AfterFunc(exportIdle, func() { e.end(req.Session) })
	if e.sessions == nil {
		e.sessions = make(map[string]*export)
	}
	e.sessions[req.Session] = x
	return x, nil
}

// next reads the chunk after the last one.
func (x *export) next() ([]byte, error) {
	buf := make([]byte, 1+chunkBytes)
	n, err := io.ReadFull(x.r, buf[1:])
	buf[0] = moreChunks
	switch {
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		buf[0] = lastChunk
		x.done.Store(true)
	case err != nil:
		return nil, err
	}
	x.n++
	x.chunk = buf[:1+n]
	return x.chunk, nil
}

// end forgets a session.
func (e *exporter) end(session string) {
	e.mu.Lock()
	x := e.sessions[session]
	delete(e.sessions, session)
	e.mu.Unlock()
	if x != nil {
		x.idle.Stop()
		x.stop()
		x.r.Close()
	}
}

// close ends all sessions.
func (e *exporter) close() {
	e.mu.Lock()
	var all []string
	for session := range e.sessions {
		all = append(all, session)
	}
	e.mu.Unlock()
	for _, session := range all {
		e.end(session)
	}
}
