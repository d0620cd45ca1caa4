package jet

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/newswatch/newswatch/pipeline"
)

// What is in work, and what waits to be tried again, is not settled; a dead
// letter is.
func TestSettled(t *testing.T) {
	t.Parallel()
	n := openNode(t, Config{Retry: []time.Duration{time.Hour}})
	settled := func(stage string) uint64 {
		t.Helper()
		seq, err := n.Settled(t.Context(), pipeline.StreamExtracted, stage)
		if err != nil && !errors.Is(err, pipeline.ErrNotFound) {
			t.Fatal(err)
		}
		return seq
	}
	if _, err := n.Settled(t.Context(), pipeline.StreamExtracted, "st"); !errors.Is(err, pipeline.ErrNotFound) {
		t.Errorf("of no stage: %v, want ErrNotFound", err)
	}
	fail := make(chan bool, 10)
	consume(t, n, pipeline.Consumer{
		Name: "st", Stream: pipeline.StreamExtracted, Workers: 1,
		Handle: func(_ context.Context, d pipeline.Delivery) error {
			switch string(d.Data) {
			case "fail":
				fail <- true
				return errTest
			case "dead":
				return pipeline.Permanent("broken", errTest)
			}
			return nil
		},
	})
	for i, data := range []string{"ok", "dead", "ok"} {
		publish(t, n, pipeline.StreamExtracted, fmt.Sprint("extracted.k", i), data)
	}
	eventually(t, "three settled", func() bool { return settled("st") == 3 })
	publish(t, n, pipeline.StreamExtracted, "extracted.fails", "fail")
	publish(t, n, pipeline.StreamExtracted, "extracted.last", "ok")
	<-fail
	eventually(t, "the last one handled", func() bool {
		stages, _, err := n.Status(t.Context())
		return err == nil && stages[0].Seq == 5 && stages[0].Retrying == 1
	})
	if got := settled("st"); got != 3 {
		t.Errorf("settled up to %d while the fourth waits to be tried again, want 3", got)
	}
	consume(t, n, pipeline.Consumer{ // whose name begins like the other's
		Name: "st2", Stream: pipeline.StreamExtracted, Workers: 1, Handle: func(context.Context, pipeline.Delivery) error { return nil },
	})
	eventually(t, "five settled by another", func() bool { return settled("st2") == 5 })
}
