package jet

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/prometheus/client_golang/prometheus"
	"golang.org/x/sync/semaphore"

	"github.com/newswatch/newswatch/pipeline"
)

// A Node is this process's hold on the streams.
type Node struct {
	lg    *slog.Logger
	cfg   Config
	defs  []streamDef
	retry policy
	now   func() time.Time

	opened time.Time

	emb *embedded // nil with an external server
	// Three connections, so that a burst of publishes keeps no acknowledgement
	// waiting, and no slow watcher either.
	pub, con, kvc *nats.Conn
	js            jetstream.JetStream // on pub
	cjs           jetstream.JetStream // on con
	kjs           jetstream.JetStream // on kvc

	maxMsg int
	flight *semaphore.Weighted // bytes of publishes under way
	met    *metrics
	keeper *keeper

	suspects sync.Mutex // held while a suspect is handled: one at a time

	ctx  context.Context // done when the node closes
	stop context.CancelFunc
	wg   sync.WaitGroup // what runs under ctx: keeper, watchdog, consumers, services

	mu      sync.Mutex
	streams map[string]jetstream.Stream
	buckets map[string]*keyValue
	stages  map[*stage]struct{} // consuming now
	closed  bool
}

var (
	_ pipeline.Bus = (*Node)(nil)
	_ pipeline.Log = (*Node)(nil)
)

// Open starts the embedded server, or connects to the external one, waits
// until it is ready and sees that streams and buckets are as they should be.
// Where it can't, it says why: [ErrInUse], [ErrNotWritable], [ErrDiskFull],
// [ErrPortTaken], or what the server says.
func Open(ctx context.Context, lg *slog.Logger, reg prometheus.Registerer, cfg Config) (*Node, error) {
	return open(ctx, lg, reg, cfg, freeBytes)
}

func open(ctx context.Context, lg *slog.Logger, reg prometheus.Registerer, cfg Config, free func(string) (int64, error)) (n *Node, err error) {
	cfg, err = cfg.withDefaults()
	if err != nil {
		return nil, err
	}
	token, err := cfg.token()
	if err != nil {
		return nil, err
	}
	met, err := newMetrics(reg)
	if err != nil {
		return nil, err
	}
	n = &Node{
		lg:      lg.With("component", "jet"),
		cfg:     cfg,
		defs:    streamDefs(cfg.Sizes),
		retry:   policy{delays: cfg.Retry, rand: rand.Float64},
		now:     time.Now,
		flight:  semaphore.NewWeighted(maxFlightBytes),
		met:     met,
		streams: make(map[string]jetstream.Stream),
		buckets: make(map[string]*keyValue),
		stages:  make(map[*stage]struct{}),
	}
	n.opened = n.now()
	n.ctx, n.stop = context.WithCancel(context.Background())
	n.keeper = newKeeper(n, free)
	ready, cancel := context.WithTimeout(ctx, cfg.StartWait)
	defer cancel()
	defer func() {
		if err != nil {
			ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 10*time.Second)
			defer cancel()
			err = errors.Join(err, n.Close(ctx))
			n = nil
		}
	}()
	if cfg.URL == "" {
		if n.emb, err = startServer(ready, n.lg, cfg, token, free); err != nil {
			return n, err
		}
	}
	if err := n.connect(ready, token); err != nil {
		return n, err
	}
	if err := n.ensureAll(ready); err != nil {
		return n, err
	}
	if err := n.clearLeases(ready); err != nil {
		return n, err
	}
	n.wg.Go(n.keeper.run)
	n.wg.Go(n.watchStages)
	return n, nil
}

// connect opens the three connections and gates on a JetStream that answers.
func (n *Node) connect(ctx context.Context, token string) error {
	for _, c := range []struct {
		conn **nats.Conn
		js   *jetstream.JetStream
		use  string
	}{{&n.pub, &n.js, "publish"}, {&n.con, &n.cjs, "consume"}, {&n.kvc, &n.kjs, "keyvalue"}} {
		nc, err := n.dial(ctx, token, c.use)
		if err != nil {
			return err
		}
		*c.conn = nc
		if *c.js, err = jetstream.New(nc, jetstream.WithDefaultTimeout(10*time.Second)); err != nil {
			return fmt.Errorf("jetstream: %w", err)
		}
	}
	if v := n.pub.ConnectedServerVersion(); !newEnough(v) {
		return fmt.Errorf("nats server %s has version %s, 2.14 or later is needed", n.pub.ConnectedUrlRedacted(), v)
	}
	n.maxMsg = int(n.pub.MaxPayload())
	if n.maxMsg < 4*metaRoom {
		return fmt.Errorf("nats server takes messages of at most %d bytes, %d are needed", n.maxMsg, 4*metaRoom)
	}
	for {
		_, err := n.js.AccountInfo(ctx)
		if err == nil {
			return nil
		}
		// A cluster coming up has no leader to answer for a while.
		select {
		case <-ctx.Done():
			return fmt.Errorf("jetstream of %s does not answer: %w", n.pub.ConnectedUrlRedacted(), err)
		case <-time.After(100 * time.Millisecond):
		}
	}
}

func newEnough(version string) bool {
	var major, minor int
	if _, err := fmt.Sscanf(version, "%d.%d", &major, &minor); err != nil {
		return false
	}
	return major > 2 || major == 2 && minor >= 14
}

// dial connects, trying again until ctx is done.
func (n *Node) dial(ctx context.Context, token, use string) (*nats.Conn, error) {
	lg := n.lg.With("connection", use)
	opts := []nats.Option{
		nats.Name(n.cfg.Node + " " + use),
		nats.MaxReconnects(-1),
		nats.ReconnectWait(250 * time.Millisecond),
		nats.Timeout(5 * time.Second),
		nats.DisconnectErrHandler(func(_ *nats.Conn, err error) {
			if err != nil {
				lg.Warn("connection lost", "error", err)
			}
		}),
		nats.ReconnectHandler(func(*nats.Conn) { lg.Info("connection back") }),
		// Denied calls show as time-outs; the reason comes only here.
		nats.ErrorHandler(func(_ *nats.Conn, _ *nats.Subscription, err error) {
			lg.Warn("connection error", "error", err)
		}),
	}
	if token != "" {
		opts = append(opts, nats.Token(token)) // in-process connections too
	}
	if n.cfg.CredsFile != "" {
		opts = append(opts, nats.UserCredentials(n.cfg.CredsFile))
	}
	if n.emb != nil {
		opts = append(opts, nats.InProcessServer(n.emb.srv))
	}
	for {
		nc, err := nats.Connect(n.cfg.URL, opts...)
		if err == nil {
			return nc, nil
		}
		select {
		case <-ctx.Done():
			return nil, fmt.Errorf("connect to nats server %s: %w", n.cfg.URL, err)
		case <-n.ctx.Done():
			return nil, fmt.Errorf("connect to nats server %s: %w", n.cfg.URL, err)
		case <-time.After(250 * time.Millisecond):
		}
	}
}

// Name is the node's name.
func (n *Node) Name() string { return n.cfg.Node }

// Unclean reports whether the data folder was last used by a process that did
// not end in order. What was written in the last seconds before a power
// failure may then be missing: whoever remembers that something was published
// had better look again.
func (n *Node) Unclean() bool { return n.emb != nil && n.emb.unclean }

// ClientURL is where other processes reach the server: the embedded one, if it
// listens, or the external one. Else it is empty.
func (n *Node) ClientURL() string {
	switch {
	case n.emb == nil:
		return n.cfg.URL
	case n.cfg.Listen == "":
		return ""
	}
	return n.emb.srv.ClientURL()
}

// Healthy returns nil if the streams can be read and written.
func (n *Node) Healthy(ctx context.Context) error {
	if n.ctx.Err() != nil {
		return errors.New("jet: closed")
	}
	if n.emb != nil {
		if h := n.emb.srv.Healthz(&server.HealthzOptions{JSServerOnly: true}); h.Status != "ok" {
			return fmt.Errorf("nats server: %s", h.Error)
		}
	}
	for _, nc := range []*nats.Conn{n.pub, n.con, n.kvc} {
		if !nc.IsConnected() {
			return fmt.Errorf("nats connection is %s", nc.Status())
		}
	}
	if _, err := n.js.AccountInfo(ctx); err != nil {
		return fmt.Errorf("jetstream: %w", err)
	}
	if n.keeper.low.Load() != diskOK {
		return fmt.Errorf("%w: %s", ErrDiskFull, n.cfg.Dir)
	}
	return nil
}

// Close ends consumers and services, waits for them, and stops the embedded
// server, all before ctx is done. A second call does nothing.
func (n *Node) Close(ctx context.Context) error {
	n.mu.Lock()
	again := n.closed
	n.closed = true
	n.mu.Unlock()
	if again {
		return nil
	}
	n.stop()
	var errs []error
	done := make(chan struct{})
	go func() {
		n.wg.Wait()
		close(done)
	}()
	select {
	case <-done:
	case <-ctx.Done():
		errs = append(errs, fmt.Errorf("jet: handlers still at work: %w", ctx.Err()))
	}
	for _, nc := range []*nats.Conn{n.pub, n.con, n.kvc} {
		if nc == nil {
			continue
		}
		// Acknowledgements are on their way only when flushed.
		if err := flush(ctx, nc); err != nil {
			errs = append(errs, fmt.Errorf("jet: flush: %w", err))
		}
		nc.Close()
	}
	if n.emb != nil {
		errs = append(errs, n.emb.close(ctx))
	}
	return errors.Join(errs...)
}

func flush(ctx context.Context, nc *nats.Conn) error {
	if !nc.IsConnected() {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	return nc.FlushWithContext(ctx)
}

// enter counts the caller among those Close waits for, and returns a context
// that is done with either the caller's or the node. leave must be called.
func (n *Node) enter(ctx context.Context) (_ context.Context, leave func(), err error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.closed {
		return nil, nil, errors.New("jet: closed")
	}
	n.wg.Add(1)
	ctx, cancel := context.WithCancel(ctx)
	unhook := context.AfterFunc(n.ctx, cancel)
	return ctx, func() {
		unhook()
		cancel()
		n.wg.Done()
	}, nil
}
