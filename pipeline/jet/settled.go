package jet

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/newswatch/newswatch/pipeline"
)

// Settled is the sequence up to which the stage has settled everything of the
// stream: nothing up to it is in work or waits to be tried again. What was set
// aside as a dead letter is settled. pipeline.ErrNotFound: there is no such
// stage.
func (n *Node) Settled(ctx context.Context, stream, stage string) (uint64, error) {
	cons, err := n.kjs.Consumer(ctx, stream, stage)
	if errors.Is(err, jetstream.ErrConsumerNotFound) {
		return 0, fmt.Errorf("stage %s: %w", stage, pipeline.ErrNotFound)
	}
	if err != nil {
		return 0, fmt.Errorf("stage %s: %w", stage, err)
	}
	seq := cons.CachedInfo().AckFloor.Stream // before the retries: a message is there before it is settled here
	s, err := n.stream(ctx, pipeline.StreamRetry)
	if err != nil {
		return 0, err
	}
	info, err := s.Info(ctx, jetstream.WithSubjectFilter("retry."+stage+".>"))
	if err != nil {
		return 0, fmt.Errorf("retries of stage %s: %w", stage, err)
	}
	for subject := range info.State.Subjects {
		tokens := strings.SplitN(subject, ".", 5) // see retrySubject
		if len(tokens) < 5 {
			continue
		}
		if of, err := strconv.ParseUint(tokens[3], 10, 64); err == nil && of > 0 {
			seq = min(seq, of-1)
		}
	}
	return seq, nil
}
