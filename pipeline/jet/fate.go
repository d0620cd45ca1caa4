package jet

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"time"

	"github.com/newswatch/newswatch/pipeline"
)

// A fate is what becomes of a message, see pipeline/fate.go.
type fate struct {
	kind   fateKind
	after  time.Duration // of fateLater
	reason string        // of fateDead
	err    error
	count  int // of fateDead: how often it was handed out, where that is not its attempts
}

func (f fate) deliveries(w *work) int { return cmp.Or(f.count, w.d.Attempt) }

type fateKind int

const (
	fateOK         fateKind = iota // acknowledged
	fateSuperseded                 // acknowledged unhandled: replaced by a newer message
	fateStop                       // given back: the bus stops
	fateLater                      // comes again, without blame
	fateFailed                     // comes again, or is set aside
	fateDead                       // set aside
)

// judge turns a handler's error into a fate. ctx is the handler's.
func judge(ctx context.Context, err error) fate {
	if err == nil {
		return fate{kind: fateOK}
	}
	if _, ok := errors.AsType[*panicError](err); ok {
		return fate{kind: fateDead, reason: "panic", err: err}
	}
	stopped := ctx.Err() != nil
	var permanent *pipeline.PermanentError
	if errors.As(err, &permanent) && !(stopped && errors.Is(err, context.Canceled)) {
		return fate{kind: fateDead, reason: permanent.Reason, err: err}
	}
	if stopped {
		return fate{kind: fateStop, err: err}
	}
	if later, ok := errors.AsType[*pipeline.LaterError](err); ok {
		return fate{kind: fateLater, after: later.After, err: err}
	}
	return fate{kind: fateFailed, err: err}
}

// A panicError is a handler's panic.
type panicError struct {
	value any
	stack []byte
}

func (e *panicError) Error() string { return fmt.Sprintf("panic: %v\n%s", e.value, e.stack) }

// catch runs fn and returns its panic as an error.
func catch(fn func() error) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = &panicError{value: p, stack: debug.Stack()}
		}
	}()
	return fn()
}

// A policy says when a failed message is tried again.
type policy struct {
	delays []time.Duration
	rand   func() float64 // in [0,1)
}

// delay is the time before the next try after so many failures; false when
// there is no next. The second value is the delay without jitter.
func (p policy) delay(failures int) (d, plain time.Duration, ok bool) {
	if failures > len(p.delays) {
		return 0, 0, false
	}
	plain = p.delays[failures-1]
	return time.Duration(float64(plain) * (0.8 + 0.4*p.rand())), plain, true
}
