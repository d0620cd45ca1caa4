package jet

import (
	"cmp"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/nats-io/nats.go"

	"github.com/newswatch/newswatch/pipeline"
)

// Headers of copies in the retry and dead streams.
const (
	headPrefix      = "Newswatch-"
	headStage       = headPrefix + "Stage"
	headReason      = headPrefix + "Reason"
	headDeliveries  = headPrefix + "Deliveries"
	headStream      = headPrefix + "Stream"
	headSubject     = headPrefix + "Subject"
	headSeq         = headPrefix + "Seq"
	headStored      = headPrefix + "Stored"
	headFailures    = headPrefix + "Failures"
	headFirstFailed = headPrefix + "First-Failed"
	headReplays     = headPrefix + "Replays"
)

// maxErrorText bounds the text of an error in a header.
const maxErrorText = 2 << 10

// An origin is what a copy knows of the message it is of, and of its fate so
// far.
type origin struct {
	stream      string
	subject     string
	seq         uint64
	stored      time.Time
	failures    int
	firstFailed time.Time
	replays     int // how often it was replayed from the dead letters
}

// copy makes a message for the retry or dead stream.
func (o origin) copy(subject string, header map[string]string, data []byte) *nats.Msg {
	m := nats.NewMsg(subject)
	m.Data = data
	for k, v := range header {
		m.Header.Set(k, v)
	}
	m.Header.Set(headStream, o.stream)
	m.Header.Set(headSubject, o.subject)
	m.Header.Set(headSeq, strconv.FormatUint(o.seq, 10))
	m.Header.Set(headStored, o.stored.UTC().Format(time.RFC3339Nano))
	m.Header.Set(headFailures, strconv.Itoa(o.failures))
	if !o.firstFailed.IsZero() {
		m.Header.Set(headFirstFailed, o.firstFailed.UTC().Format(time.RFC3339Nano))
	}
	m.Header.Set(headReplays, strconv.Itoa(o.replays))
	return m
}

// readOrigin reads what copy wrote. What is missing or damaged stays zero.
func readOrigin(h nats.Header) origin {
	o := origin{stream: h.Get(headStream), subject: h.Get(headSubject)}
	o.seq, _ = strconv.ParseUint(h.Get(headSeq), 10, 64)
	o.stored, _ = time.Parse(time.RFC3339Nano, h.Get(headStored))
	o.failures, _ = strconv.Atoi(h.Get(headFailures))
	o.firstFailed, _ = time.Parse(time.RFC3339Nano, h.Get(headFirstFailed))
	o.replays, _ = strconv.Atoi(h.Get(headReplays))
	return o
}

// waitSubject is where the copy waits; there is one per stage and message.
func waitSubject(stage string, o origin) string { return retrySubject(stage, "wait", o) }

// dueSubject is where the stage finds the copy.
func dueSubject(stage string, o origin) string { return retrySubject(stage, "due", o) }

func retrySubject(stage, state string, o origin) string {
	return "retry." + stage + "." + state + "." + strconv.FormatUint(o.seq, 10) + "." + o.subject
}

func deadSubject(stage, reason string, o origin) string {
	return "dead." + stage + "." + subjectToken(reason) + "." + subjectToken(subjectKey(o.stream, o.subject))
}

// subjectKey is the key in a subject: the third token of an item's, the last
// of any other.
func subjectKey(stream, subject string) string {
	tokens := strings.Split(subject, ".")
	if stream == pipeline.StreamItems && len(tokens) > 2 {
		return tokens[2]
	}
	return tokens[len(tokens)-1]
}

// subjectToken makes s fit for one token of a subject.
func subjectToken(s string) string {
	return cmp.Or(strings.Map(plainRune, truncate(s, 100)), "-")
}

// truncate cuts s to at most n bytes, between runes.
func truncate(s string, n int) string {
	if len(s) <= n {
		return s
	}
	for n > 0 && !utf8.RuneStart(s[n]) {
		n--
	}
	return s[:n]
}
