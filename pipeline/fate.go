package pipeline

import (
	"errors"
	"fmt"
	"time"
)

// What a handler's error does to its message:
//
//	nil               acknowledged
//	Permanent(…)      set aside as a dead letter, with its reason
//	Later(…)          handed in again after a while; not counted as a failure
//	any other error   retried with growing, jittered delays, then a dead letter
//	a panic           a dead letter with reason "panic"

// A PermanentError can't be mended by trying again.
type PermanentError struct {
	Reason string // a word for the dead letter's subject: decode, invalid, panic…
	Err    error
}

func (e *PermanentError) Error() string { return fmt.Sprintf("%s: %v", e.Reason, e.Err) }
func (e *PermanentError) Unwrap() error { return e.Err }

// Permanent marks err as one that trying again can't mend. The reason is one
// word of lower-case letters, digits and underscores.
func Permanent(reason string, err error) error {
	return &PermanentError{Reason: reason, Err: err}
}

// A LaterError asks for the message again after a while.
type LaterError struct {
	After time.Duration
	Err   error
}

func (e *LaterError) Error() string { return fmt.Sprintf("later (%v): %v", e.After, e.Err) }
func (e *LaterError) Unwrap() error { return e.Err }

// Later hands the message in again after d, without counting a failure: a
// host's turn has not come, a stream is full.
func Later(d time.Duration, err error) error {
	return &LaterError{After: d, Err: err}
}

// Sentinels of the bus.
var (
	ErrExists   = errors.New("pipeline: exists already")      // create-only, and it is there
	ErrConflict = errors.New("pipeline: changed meanwhile")   // the expected revision is not the last
	ErrNotFound = errors.New("pipeline: not found")           // no such message, key or article
	ErrFull     = errors.New("pipeline: stream is full")      // backpressure: try again later
	ErrTooBig   = errors.New("pipeline: message is too big")  // over the bus's limit on one message
	ErrNoServer = errors.New("pipeline: nobody answers that") // no process serves the service called
)
