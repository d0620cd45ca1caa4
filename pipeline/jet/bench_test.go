package jet

import (
	"context"
	"fmt"
	"runtime"
	"sync/atomic"
	"testing"

	"github.com/newswatch/newswatch/pipeline"
)

// BenchmarkHop is one message of 4 KB through a stage that does nothing: its
// input published, handed out, its output published, acknowledged.
func BenchmarkHop(b *testing.B) {
	n := openNode(b, Config{})
	body := make([]byte, 4096)
	for i := range body {
		body[i] = byte("news of the day "[i%16]) + byte(i%7)
	}
	var done atomic.Int64
	stop := consume(b, n, pipeline.Consumer{
		Name: "hop", Stream: pipeline.StreamItems, Workers: 8, Pending: 64,
		Handle: func(ctx context.Context, d pipeline.Delivery) error {
			_, err := n.Publish(ctx, pipeline.StreamExtracted, pipeline.Message{Subject: "extracted." + d.Subject, Data: d.Data})
			done.Add(1)
			return err
		},
	})
	b.ReportAllocs()
	b.SetBytes(int64(len(body)))
	i := int64(0)
	for b.Loop() {
		_, err := n.Publish(b.Context(), pipeline.StreamItems, pipeline.Message{
			Subject: fmt.Sprintf("item.0.k%d.c", i), Data: body, Expect: new(uint64),
		})
		if err != nil {
			b.Fatal(err)
		}
		i++
		for i-done.Load() > 256 {
			runtime.Gosched() // as backpressure would: both ends count
		}
	}
	stop()
}
