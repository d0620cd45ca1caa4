package jet

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"sync"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/newswatch/newswatch/pipeline"
)

const (
	serveAtOnce = 64               // requests of one service handled at once
	callTimeout = 30 * time.Second // of a call whose context has no deadline

	headClass   = headPrefix + "Class"
	headError   = headPrefix + "Error"
	headTimeout = headPrefix + "Timeout" // milliseconds the caller waits
)

// classes are the errors that survive the way back to the caller.
func classes() map[string]error {
	return map[string]error{
		"not_found": pipeline.ErrNotFound,
		"exists":    pipeline.ErrExists,
		"conflict":  pipeline.ErrConflict,
		"full":      pipeline.ErrFull,
		"too_big":   pipeline.ErrTooBig,
		"no_server": pipeline.ErrNoServer,
	}
}

// announceWait bounds the wait for the server to know of a service.
const announceWait = 5 * time.Second

const (
	classQuery = "query" // the body is a pipeline.QueryError
	classOther = "other"
)

// Serve answers calls of the service until ctx is done, then finishes those
// under way and returns nil. Of all that serve a name each call goes to one.
// The context of fn ends when its caller waits no more.
func (n *Node) Serve(ctx context.Context, name string, fn func(ctx context.Context, request []byte) ([]byte, error)) error {
	ctx, leave, err := n.enter(ctx)
	if err != nil {
		return err
	}
	defer leave()
	var wg sync.WaitGroup
	slots := make(chan struct{}, serveAtOnce)
	sub, err := n.kvc.QueueSubscribe(serviceSubject(name), "newswatch", func(m *nats.Msg) {
		slots <- struct{}{}
		wg.Go(func() {
			defer func() { <-slots }()
			// Not ctx: calls under way are finished.
			n.answer(context.WithoutCancel(ctx), name, m, fn)
		})
	})
	if err != nil {
		return fmt.Errorf("serve %s: %w", name, err)
	}
	drained := make(chan struct{})
	sub.SetClosedHandler(func(string) { close(drained) })
	// Known to the server before Serve can be called ready.
	if err := n.kvc.FlushTimeout(announceWait); err != nil && ctx.Err() == nil {
		n.lg.Warn("service not announced yet", "service", name, "error", err)
	}
	<-ctx.Done()
	if err := sub.Drain(); err != nil {
		n.lg.Debug("service not drained", "service", name, "error", err)
	} else {
		select {
		case <-drained:
		case <-time.After(5 * time.Second):
			n.lg.Warn("service not drained in time", "service", name)
		}
	}
	wg.Wait()
	return nil
}

func serviceSubject(name string) string { return "newswatch." + name }

// answer handles one call.
func (n *Node) answer(ctx context.Context, name string, m *nats.Msg, fn func(context.Context, []byte) ([]byte, error)) {
	wait := callTimeout
	if ms, err := strconv.Atoi(m.Header.Get(headTimeout)); err == nil {
		wait = time.Duration(ms) * time.Millisecond
	}
	ctx, cancel := context.WithTimeout(ctx, wait)
	defer cancel()
	data, err := guarded(func() ([]byte, error) { return fn(ctx, m.Data) })
	if limit := int(n.kvc.MaxPayload()) - metaRoom; err == nil && len(data) > limit {
		err = fmt.Errorf("answer of %s has %d bytes, at most %d: %w", name, len(data), limit, pipeline.ErrTooBig)
	}
	reply := nats.NewMsg(m.Reply)
	reply.Data = data
	if err != nil {
		encodeError(reply, err)
	}
	if err := m.RespondMsg(reply); err != nil {
		n.lg.Warn("answer not sent", "service", name, "error", err)
	}
}

// guarded turns a panic of fn into an error.
func guarded(fn func() ([]byte, error)) (data []byte, err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("panic: %v", p)
		}
	}()
	return fn()
}

func encodeError(m *nats.Msg, err error) {
	m.Data = nil
	m.Header.Set(headError, headerValue(truncate(err.Error(), maxErrorText)))
	m.Header.Set(headClass, classOther)
	if q, ok := errors.AsType[*pipeline.QueryError](err); ok {
		if data, jerr := json.Marshal(q); jerr == nil {
			m.Header.Set(headClass, classQuery)
			m.Data = data
			return
		}
	}
	for name, class := range classes() {
		if errors.Is(err, class) {
			m.Header.Set(headClass, name)
		}
	}
}

// A remoteError is an error of another process, with its class.
type remoteError struct {
	text  string
	class error
}

func (e *remoteError) Error() string { return e.text }
func (e *remoteError) Unwrap() error { return e.class }

func decodeError(m *nats.Msg) error {
	switch class := m.Header.Get(headClass); class {
	case "":
		return nil
	case classQuery:
		q := new(pipeline.QueryError)
		if err := json.Unmarshal(m.Data, q); err != nil {
			return &remoteError{text: m.Header.Get(headError)}
		}
		return q
	default:
		return &remoteError{text: m.Header.Get(headError), class: classes()[class]}
	}
}

// Call asks whoever serves the name and returns the answer. An error of the
// other side comes back with its text and class: *pipeline.QueryError and the
// sentinels of package pipeline survive. With nobody there, it returns
// ErrNoServer at once.
func (n *Node) Call(ctx context.Context, name string, request []byte) ([]byte, error) {
	ctx, leave, err := n.enter(ctx)
	if err != nil {
		return nil, err
	}
	defer leave()
	deadline, ok := ctx.Deadline()
	if !ok {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, callTimeout)
		defer cancel()
		deadline, _ = ctx.Deadline()
	}
	if limit := int(n.kvc.MaxPayload()) - metaRoom; len(request) > limit {
		return nil, fmt.Errorf("call %s with %d bytes, at most %d: %w", name, len(request), limit, pipeline.ErrTooBig)
	}
	m := nats.NewMsg(serviceSubject(name))
	m.Data = request
	m.Header.Set(headTimeout, strconv.FormatInt(max(time.Until(deadline).Milliseconds(), 1), 10))
	reply, err := n.kvc.RequestMsgWithContext(ctx, m)
	switch {
	case errors.Is(err, nats.ErrNoResponders):
		return nil, fmt.Errorf("call %s: %w", name, pipeline.ErrNoServer)
	case err != nil:
		return nil, fmt.Errorf("call %s: %w", name, err)
	}
	if err := decodeError(reply); err != nil {
		return nil, err
	}
	return reply.Data, nil
}
