package jet

import (
	"context"
	"fmt"

	"github.com/newswatch/newswatch/pipeline"
)

// Seek makes the consumer if need be, and sets it to the sequence: the next
// message it hands out is the first from there on that is its own. It is for a
// sink that has got all before from elsewhere, and must not be called while the
// consumer is read.
func (n *Node) Seek(ctx context.Context, c pipeline.BatchConsumer, seq uint64) error {
	c = batchDefaults(c)
	s, err := n.newStage(ctx, c.Name, c.Stream, c.Filter, c.Pending, false)
	if err != nil {
		return err
	}
	defer s.leave()
	if _, err := n.cjs.ResetConsumerToSequence(s.ctx, c.Stream, c.Name, max(seq, 1)); err != nil {
		return fmt.Errorf("set consumer %s of stream %s to %d: %w", c.Name, c.Stream, seq, err)
	}
	return nil
}
