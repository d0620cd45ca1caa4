package pipeline

import (
	"context"
	"time"
)

// A Message is what a stream holds.
type Message struct {
	Subject string
	Header  map[string]string
	Data    []byte

	// Expect, if not nil, is the sequence that must be the last of the
	// subject for the message to be stored; 0: there must be none. It is for
	// publishing only.
	Expect *uint64
}

// A Delivery is a message as a stream hands it out.
type Delivery struct {
	Message
	Seq     uint64    // its place in the stream; for a retry, the original's
	Stored  time.Time // when it was stored
	Attempt int       // 1 the first time
	Value   any       // what BatchConsumer.Decode made of it
}

// A Bus carries messages between stages. Delivery is at least once: a handler
// may see a message again and must then change nothing. The contract is tested
// by package bustest; package jet has the implementation.
type Bus interface {
	// Publish stores m in the stream and returns its sequence once the server
	// has confirmed it. It answers ErrExists or ErrConflict where m.Expect
	// does not hold, ErrFull where the stream takes no more for now.
	Publish(ctx context.Context, stream string, m Message) (seq uint64, err error)

	// Consume hands the stream's messages to c.Handle until ctx is done, then
	// waits for the handlers under way and returns nil. The durable consumer
	// c.Name goes on where it stopped, in whichever process runs it next.
	Consume(ctx context.Context, c Consumer) error

	// ConsumeBatch is Consume for a batch sink.
	ConsumeBatch(ctx context.Context, c BatchConsumer) error
}

// A Consumer takes messages one at a time.
type Consumer struct {
	Name    string // name of the durable consumer; letters, digits, - and _
	Stream  string
	Filter  string // subject filter; empty: the whole stream
	Workers int    // handlers at once; 0: one per processor
	Pending int    // most messages handed out and not settled; 0: four times Workers

	// Exclusive promises that nobody else consumes under this name meanwhile,
	// so that what an earlier run left in the air comes again at once, and not
	// only when that run is known to be dead.
	Exclusive bool

	// Handle's error is the message's fate, see fate.go. Its context is done
	// when the bus wants to stop; a handler that then returns an error is not
	// charged with a failure.
	Handle func(ctx context.Context, d Delivery) error
}

// A BatchConsumer takes messages in batches and acknowledges them when they
// are durable, which may be after Write returned.
type BatchConsumer struct {
	Name     string
	Stream   string
	Filter   string
	MaxItems int           // 0: 200
	MaxBytes int           // 0: 1 MiB
	MaxWait  time.Duration // longest a message waits for others; 0: 250 ms
	Pending  int           // most messages not yet durable; 0: 2000

	Exclusive bool // as in Consumer

	// Decode, if set, is called for each message before it joins a batch; its
	// error is that message's fate alone.
	Decode func(d Delivery) (any, error)

	// Write applies the batch and calls done exactly once, at any time and
	// from any goroutine, when the batch is durable or has failed. An error
	// for a batch of several is nobody's fate: its members are written again
	// one at a time, and then each has its own. Batches are given in order,
	// one Write at a time.
	Write func(ctx context.Context, batch []Delivery, done func(error))

	// From, if set, is asked once at the start for the sequence the sink needs
	// next (0: no opinion). Where that lies before what was acknowledged, the
	// consumer is set back to it: an index restored from an old copy asks for
	// what it lacks.
	From func() uint64

	// Begun, if set, is called once when the consumer stands where From said,
	// before the first Write.
	Begun func()
}

// A Log reads what streams hold, without consuming it.
type Log interface {
	// Last returns the newest message of the subject, or ErrNotFound.
	Last(ctx context.Context, stream, subject string) (Delivery, error)
	// Read calls fn for each stored message that matches the filter, from
	// sequence from on, until the present end of the stream or an error of fn.
	Read(ctx context.Context, stream, filter string, from uint64, fn func(Delivery) error) error
}

// An Entry is one key's value in a bucket. Deleted entries have no value.
type Entry struct {
	Key      string
	Value    []byte
	Revision uint64
	Deleted  bool
}

// A KV is one bucket of keys and values. Keys are letters, digits and -_=./
// without leading, trailing or double dots.
type KV interface {
	Get(ctx context.Context, key string) (Entry, error) // ErrNotFound
	Put(ctx context.Context, key string, value []byte) (revision uint64, err error)
	// Update writes only if the key's revision is still the one given; 0: if
	// there is no such key. Else ErrConflict or ErrExists.
	Update(ctx context.Context, key string, value []byte, revision uint64) (uint64, error)
	Delete(ctx context.Context, key string) error
	// Watch calls fn for every key there is, then once with a zero Entry, then
	// for every change, until ctx is done or fn returns an error.
	Watch(ctx context.Context, fn func(Entry) error) error
}

// A DeadLetter is a message set aside.
type DeadLetter struct {
	ID          string    `json:"id"` // its sequence in the dead stream
	Stage       string    `json:"stage"`
	Reason      string    `json:"reason"`
	Error       string    `json:"error"`
	Key         string    `json:"key"`
	Stream      string    `json:"stream"` // where it came from
	Subject     string    `json:"subject"`
	Seq         uint64    `json:"seq"`
	Deliveries  int       `json:"deliveries"`
	FirstFailed time.Time `json:"first_failed"`
	At          time.Time `json:"at"` // when it was set aside
	Size        int       `json:"size"`
	Body        []byte    `json:"-"`
}

// A StageStatus is how far a stage's consumer has come.
type StageStatus struct {
	Stage    string    `json:"stage"`
	Stream   string    `json:"stream"`
	Pending  uint64    `json:"pending"`   // stored, not yet handed out
	InFlight int       `json:"in_flight"` // handed out, not yet settled
	Retrying uint64    `json:"retrying"`  // waiting for another try
	Seq      uint64    `json:"seq"`       // everything up to it is settled
	LastSeen time.Time `json:"last_seen,omitzero"`
}

// A StreamStatus is what a stream holds.
type StreamStatus struct {
	Stream   string `json:"stream"`
	Messages uint64 `json:"messages"`
	Bytes    uint64 `json:"bytes"`
	MaxBytes int64  `json:"max_bytes,omitempty"`
	FirstSeq uint64 `json:"first_seq"`
	LastSeq  uint64 `json:"last_seq"`
}
