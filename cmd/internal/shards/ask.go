package shards

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/newswatch/newswatch/index"
	"github.com/newswatch/newswatch/pipeline"
	"github.com/newswatch/newswatch/pipeline/jet"
)

// An Asker answers for the whole corpus: of each shard it asks one replica, and
// another one where that does not answer, or not soon.
type Asker struct {
	lg     *slog.Logger
	node   *jet.Node
	opts   Options
	local  *Holder // nil: this process has no copies
	roster *roster // nil: no other process has any
	met    *metrics
	speed  *speed
}

// NewAsker makes an asker. local is the copies of this process; nil: none.
func NewAsker(ctx context.Context, lg *slog.Logger, reg prometheus.Registerer, node *jet.Node, local *Holder, opts Options) (*Asker, error) {
	a := &Asker{lg: lg.With("component", "shards"), node: node, opts: opts, local: local, met: newMetrics(reg), speed: newSpeed()}
	switch {
	case opts.Alone:
		return a, nil
	case local != nil:
		a.roster = local.roster
		watchRoster(reg, a.roster, opts.Shards.Count())
		return a, nil
	}
	kv, err := node.KV(ctx, pipeline.BucketReplicas)
	if err != nil {
		return nil, err
	}
	a.roster = newRoster(a.lg, kv, time.Now)
	watchRoster(reg, a.roster, opts.Shards.Count())
	return a, nil
}

// Run follows who has which shard until ctx is done.
func (a *Asker) Run(ctx context.Context) error {
	if a.roster == nil || a.local != nil { // the holder's
		<-ctx.Done()
		return nil
	}
	return a.roster.run(ctx)
}

// Search answers as one index would, see [index.Across].
func (a *Asker) Search(ctx context.Context, req pipeline.SearchRequest) (pipeline.SearchResult, error) {
	if a.opts.Shards.Count() == 1 {
		return ask(ctx, a, 0, opSearch, req)
	}
	var same choice // replicas may differ by what has just come in
	return index.Across(ctx, a.opts.Shards, time.Now(), func(ctx context.Context, shard int, req index.PartRequest) (index.PartResult, error) {
		return askSame(ctx, a, &same, shard, opPart, req)
	}, req)
}

// Article returns the article with the id, or pipeline.ErrNotFound.
func (a *Asker) Article(ctx context.Context, id string) (pipeline.Article, error) {
	_, key, err := pipeline.ParseID(id)
	if err != nil {
		return pipeline.Article{}, fmt.Errorf("%w: %w", pipeline.ErrNotFound, err)
	}
	return ask(ctx, a, a.opts.Shards.Of(key), opArticle, id)
}

// ByKey returns the article with the key, or pipeline.ErrNotFound.
func (a *Asker) ByKey(ctx context.Context, key string) (pipeline.Article, error) {
	shard := a.opts.Shards.Of(key)
	found, err := ask(ctx, a, shard, opSearch, pipeline.SearchRequest{Query: "key:" + key, Limit: 1})
	switch {
	case err != nil:
		return pipeline.Article{}, fmt.Errorf("article by key %s: %w", key, err)
	case len(found.Hits) > 0:
		return ask(ctx, a, shard, opArticle, found.Hits[0].ID)
	case len(found.Warnings) > 0: // a part that did not answer may have it
		return pipeline.Article{}, fmt.Errorf("article by key %s: %s", key, found.Warnings[0])
	}
	return pipeline.Article{}, fmt.Errorf("article by key %s: %w", key, pipeline.ErrNotFound)
}

// IDs lists ids as one index would. A shard that does not answer is an error.
func (a *Asker) IDs(ctx context.Context, req pipeline.IDsRequest) (pipeline.IDsResult, error) {
	if a.opts.Shards.Count() == 1 {
		return ask(ctx, a, 0, opIDs, req)
	}
	return index.IDsAcross(ctx, a.opts.Shards, func(ctx context.Context, shard int, req pipeline.IDsRequest) (pipeline.IDsResult, error) {
		return ask(ctx, a, shard, opIDs, req)
	}, req)
}

// Replicas is all replicas of all shards there were, with their states.
func (a *Asker) Replicas(ctx context.Context) ([]Replica, error) {
	if a.roster == nil {
		if a.local == nil {
			return nil, nil
		}
		return a.local.Status(ctx), nil
	}
	if err := a.roster.wait(ctx); err != nil {
		return nil, err
	}
	all := a.roster.list()
	if a.local == nil {
		return all, nil
	}
	// What is here is known better than by what was told of it last.
	all = slices.DeleteFunc(all, func(rep Replica) bool { return rep.Replica == a.opts.Replica })
	all = append(all, a.local.Status(ctx)...)
	slices.SortFunc(all, compareReplicas)
	return all, nil
}

// Ready returns nil if every shard has a replica that can be asked.
func (a *Asker) Ready(ctx context.Context) error {
	all, err := a.Replicas(ctx)
	if err != nil {
		return err
	}
	for shard := range a.opts.Shards.Count() {
		if !slices.ContainsFunc(all, func(rep Replica) bool { return rep.Shard == shard && rep.Live() }) {
			return fmt.Errorf("shard %d has no replica that can be asked: %w", shard, pipeline.ErrNoServer)
		}
	}
	return nil
}

// A candidate is a replica that could be asked.
type candidate struct {
	Replica
	own *replica // of this process; nil: of another
}

// candidates is the replicas of the shard in the order to ask them: ready ones
// first, this process's before others, then those that lack least; at last
// those that gave no sign of life, for it may be only the sign that was lost.
func (a *Asker) candidates(ctx context.Context, shard int) ([]candidate, error) {
	own := a.local.replica(shard)
	if a.roster == nil {
		if own == nil {
			return nil, nil
		}
		return []candidate{own.candidate()}, nil
	}
	if err := a.roster.wait(ctx); err != nil && own == nil {
		return nil, err
	}
	var cs []candidate
	for _, rep := range a.roster.of(shard) {
		if rep.State == StateStarting || rep.Replica == a.opts.Replica && a.local != nil {
			continue
		}
		cs = append(cs, candidate{Replica: rep})
	}
	if own != nil { // its own state is known better here
		cs = append(cs, own.candidate())
	}
	a.speed.shuffle(cs) // equals share the work
	slices.SortStableFunc(cs, func(x, y candidate) int {
		return compareRank(x.rank(), y.rank())
	})
	return cs, nil
}

// rank is how late a candidate is asked.
func (c candidate) rank() [3]uint64 {
	var state, remote, lag uint64
	switch c.State {
	case StateReady:
		if c.Lacks { // as good as one that is behind by what it lacks
			state = 1
		}
	case StateBehind:
		state, lag = 1, c.Lag
	default:
		state = 2
	}
	if c.own == nil {
		remote = 1
	}
	if state == 1 {
		return [3]uint64{state, lag, remote}
	}
	return [3]uint64{state, remote, lag}
}

func compareRank(a, b [3]uint64) int { return slices.Compare(a[:], b[:]) }

// A choice is which replicas have answered the questions of one search: they are
// asked the next ones, too.
type choice struct{ by sync.Map } // shard → name

// first puts the replica that has answered before in front.
func (c *choice) first(shard int, cs []candidate) {
	name, ok := c.by.Load(shard)
	if !ok {
		return
	}
	if i := slices.IndexFunc(cs, func(x candidate) bool { return x.Replica.Replica == name }); i > 0 {
		x := cs[i]
		copy(cs[1:], cs[:i])
		cs[0] = x
	}
}

// ask asks the shard for something by itself, see askSame.
func ask[Req, Resp any](ctx context.Context, a *Asker, shard int, o op[Req, Resp], req Req) (Resp, error) {
	return askSame(ctx, a, new(choice), shard, o, req)
}

// askSame asks the replicas of the shard, one and then the next, until one answers.
// Where one takes longer than answers usually do, the next is asked beside it,
// and the first answer counts. An error that every replica would answer with is
// an answer.
func askSame[Req, Resp any](ctx context.Context, a *Asker, same *choice, shard int, o op[Req, Resp], req Req) (resp Resp, err error) {
	cs, err := a.candidates(ctx, shard)
	if err != nil {
		return resp, err
	}
	same.first(shard, cs)
	if len(cs) == 1 && cs[0].own != nil {
		return o.local(cs[0].own, ctx, req)
	}
	ctx, cancel := context.WithCancel(ctx) // what is still asked when there is an answer is not waited for
	defer cancel()
	type answer struct {
		from candidate
		resp Resp
		err  error
	}
	answers := make(chan answer, len(cs))
	next, open := 0, 0
	start := func() {
		c := cs[next]
		next, open = next+1, open+1
		go func() {
			began := time.Now()
			resp, err := answerOf(ctx, a, c, o, req)
			if err == nil {
				a.speed.add(time.Since(began))
			}
			answers <- answer{c, resp, err}
		}()
	}
	var errs []error
	if len(cs) > 0 {
		start()
	}
	for open > 0 {
		var late <-chan time.Time
		if next < len(cs) {
			t := time.NewTimer(a.speed.patience())
			defer t.Stop()
			late = t.C
		}
		select {
		case got := <-answers:
			open--
			if got.err == nil || final(ctx, got.from, got.err) {
				same.by.Store(shard, got.from.Replica.Replica)
				return got.resp, got.err
			}
			a.met.failed.Inc()
			a.lg.Debug("replica does not answer", "shard", shard, "replica", got.from.Replica.Replica, "what", o.what, "error", got.err)
			errs = append(errs, fmt.Errorf("replica %s: %w", got.from.Replica.Replica, got.err))
			if open == 0 && next < len(cs) {
				start()
			}
		case <-late:
			a.met.hedged.Inc()
			start()
		}
	}
	if len(errs) == 0 {
		errs = append(errs, pipeline.ErrNoServer)
	}
	return resp, fmt.Errorf("shard %d: %w", shard, errors.Join(errs...))
}

// answerOf asks one replica.
func answerOf[Req, Resp any](ctx context.Context, a *Asker, c candidate, o op[Req, Resp], req Req) (Resp, error) {
	if c.own != nil {
		return o.local(c.own, ctx, req)
	}
	return o.call(ctx, a.node, c.Replica, req)
}

// final tells an error that another replica would answer with too.
func final(ctx context.Context, from candidate, err error) bool {
	_, bad := errors.AsType[*pipeline.QueryError](err)
	return bad || errors.Is(err, pipeline.ErrTooBig) || ctx.Err() != nil ||
		errors.Is(err, pipeline.ErrNotFound) && from.State == StateReady
}
