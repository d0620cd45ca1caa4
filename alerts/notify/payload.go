package notify

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"time"
	"unicode/utf8"

	"github.com/newswatch/newswatch/pipeline"
)

// maxPayload is under the 20 kB that Standard Webhooks advises.
const maxPayload = 20_000

// An event is the body of a webhook.
type event struct {
	Type      string    `json:"type"`
	Timestamp time.Time `json:"timestamp"`
	Data      eventData `json:"data"`
}

type eventData struct {
	Alert pipeline.Alert `json:"alert"`
}

// A cut is how much of an alert is told: bytes of each text, places, entities.
type cut struct{ text, spans, entities int }

// cuts are tried until the payload fits. Even with every byte escaped into
// six, the last does.
var cuts = []cut{{4000, 20, 100}, {1500, 10, 30}, {500, 4, 10}, {80, 1, 2}}

// maxURL is the longest address told; half an address leads nowhere.
const maxURL = 1200

// payload is the body for an alert, under maxPayload bytes. How its delivery
// goes is none of the receiver's business, and the same alert has the same body
// at every attempt.
func payload(a pipeline.Alert) ([]byte, error) {
	a.State, a.Sent, a.Deliveries = pipeline.AlertSent, time.Time{}, nil // as the receiver has it
	for _, c := range cuts {
		var b bytes.Buffer
		enc := json.NewEncoder(&b)
		enc.SetEscapeHTML(false)
		if err := enc.Encode(event{"alert.created", a.Queued.UTC(), eventData{c.apply(a)}}); err != nil {
			return nil, fmt.Errorf("alert %s: %w", a.ID, err)
		}
		if body := bytes.TrimSpace(b.Bytes()); len(body) < maxPayload {
			return body, nil
		}
	}
	return nil, fmt.Errorf("alert %s: does not fit into %d bytes", a.ID, maxPayload)
}

// apply returns a copy of the alert that is cut; a itself stays as it is.
func (c cut) apply(a pipeline.Alert) pipeline.Alert {
	for _, s := range []*string{
		&a.WatchName, &a.Kind, &a.Article.Title, &a.Article.Source, &a.Article.Lang, &a.Article.Country, &a.Article.Story,
		&a.Receipt.Query, &a.Receipt.Sentence,
	} {
		*s = shorten(*s, c.text)
	}
	if a.Feed != nil {
		f := *a.Feed
		f.Reason = shorten(f.Reason, c.text)
		if len(f.Feed) > maxURL {
			f.Feed = ""
		}
		a.Feed = &f
	}
	if len(a.Article.URL) > maxURL {
		a.Article.URL = ""
	}
	a.Article.Entities = slices.Clone(a.Article.Entities[:min(len(a.Article.Entities), c.entities)])
	for i, e := range a.Article.Entities {
		a.Article.Entities[i] = shorten(e, c.text)
	}
	a.Receipt.Spans = slices.Clone(a.Receipt.Spans[:min(len(a.Receipt.Spans), c.spans)])
	for i, s := range a.Receipt.Spans {
		s.Text, s.Term, s.Entity = shorten(s.Text, c.text), shorten(s.Term, c.text), shorten(s.Entity, c.text)
		a.Receipt.Spans[i] = s
	}
	return a
}

// shorten cuts s to n bytes between characters and says so with an ellipsis.
func shorten(s string, n int) string {
	if len(s) <= n {
		return s
	}
	n -= len("…")
	for n > 0 && !utf8.RuneStart(s[n]) {
		n--
	}
	return s[:n] + "…"
}
