package fetch

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"time"

	"golang.org/x/sync/singleflight"
)

const (
	// resolvedFor is how long the addresses of a name are used; unknownFor how
	// long a name is believed to have none; and troubledFor how long a resolver
	// that failed is not asked for the name again.
	resolvedFor = 5 * time.Minute
	unknownFor  = 30 * time.Second
	troubledFor = 2 * time.Second
	// resolvedNames is how many names are remembered.
	resolvedNames = 8192
	// fallbackAfter is when addresses of the other family are tried beside those
	// of the first: the Connection Attempt Delay of RFC 8305 §5, and net.Dialer's.
	fallbackAfter = 300 * time.Millisecond
	// leastDial is the least time given to one address of several.
	leastDial = 2 * time.Second
)

// A resolver remembers the addresses of names for a while. It stands before the
// guard, which sees each address that is connected to: what a name is found to
// mean, by whomever and whenever, decides nothing about what may be reached.
type resolver struct {
	lookup func(ctx context.Context, host string) ([]netip.Addr, error)
	known  *recall[resolved]
	group  singleflight.Group
	wait   time.Duration // longest look-up
	now    func() time.Time
}

type resolved struct {
	addrs []netip.Addr
	err   error
}

func newResolver(cfg Config, now func() time.Time) *resolver {
	r := cfg.Resolver
	if r == nil {
		r = net.DefaultResolver
	}
	return &resolver{
		lookup: func(ctx context.Context, host string) ([]netip.Addr, error) { return r.LookupNetIP(ctx, "ip", host) },
		known:  newRecall[resolved](resolvedNames, now),
		wait:   cfg.DialTimeout,
		now:    now,
	}
}

// addrs is the addresses of the host, in the resolver's order. Those who ask at
// once for one name share a look-up, which goes on when one of them gives up.
func (r *resolver) addrs(ctx context.Context, host string) ([]netip.Addr, error) {
	if got, ok := r.known.get(host); ok {
		return got.addrs, got.err
	}
	done := r.group.DoChan(host, func() (any, error) {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), r.wait)
		defer cancel()
		got := resolved{}
		got.addrs, got.err = r.lookup(ctx, host)
		life := resolvedFor
		var dns *net.DNSError
		switch {
		case got.err != nil && errors.As(got.err, &dns) && dns.IsNotFound:
			life = unknownFor
		case got.err != nil:
			life = troubledFor
		case len(got.addrs) == 0:
			got.err, life = &net.DNSError{Err: "no such host", Name: host, IsNotFound: true}, unknownFor
		}
		r.known.put(host, got, r.now().Add(life))
		return got, nil
	})
	select {
	case res := <-done:
		got := res.Val.(resolved)
		return got.addrs, got.err
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// dial connects to the host by d, whose guard sees each address. A host that no
// address of was reached is looked up anew the next time: it may have moved.
func (r *resolver) dial(ctx context.Context, d *net.Dialer, network, host, port string) (net.Conn, error) {
	if addr, err := netip.ParseAddr(host); err == nil {
		return d.DialContext(ctx, network, net.JoinHostPort(addr.String(), port))
	}
	addrs, err := r.addrs(ctx, host)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, d.Timeout)
	defer cancel()
	conn, err := race(ctx, addrs, func(ctx context.Context, a netip.Addr) (net.Conn, error) {
		return d.DialContext(ctx, network, net.JoinHostPort(a.Unmap().String(), port))
	})
	if err != nil {
		r.known.drop(host)
	}
	return conn, err
}

// race tries the addresses of the first one's family in turn and, when that
// takes long or fails, those of the other beside them (RFC 8305).
func race(ctx context.Context, addrs []netip.Addr, dial func(context.Context, netip.Addr) (net.Conn, error)) (net.Conn, error) {
	var first, second []netip.Addr
	for _, a := range addrs {
		if a.Unmap().Is4() == addrs[0].Unmap().Is4() {
			first = append(first, a)
		} else {
			second = append(second, a)
		}
	}
	if len(second) == 0 {
		return inTurn(ctx, first, dial)
	}
	type result struct {
		conn net.Conn
		err  error
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	results := make(chan result, 2)
	try := func(addrs []netip.Addr) {
		conn, err := inTurn(ctx, addrs, dial)
		results <- result{conn, err}
	}
	go try(first)
	timer := time.NewTimer(fallbackAfter)
	defer timer.Stop()
	started, running := false, 1
	var failed error
	for {
		var res result
		select {
		case <-timer.C:
		case res = <-results:
			running--
		}
		if res.conn != nil {
			if running > 0 { // the other one may have come through as well
				go func() {
					if late := <-results; late.conn != nil {
						_ = late.conn.Close()
					}
				}()
			}
			return res.conn, nil
		}
		if res.err != nil && failed == nil {
			failed = res.err
		}
		if !started {
			started = true
			running++
			go try(second)
		}
		if running == 0 {
			return nil, failed
		}
	}
}

// inTurn tries one address after the other, each for its share of the time.
func inTurn(ctx context.Context, addrs []netip.Addr, dial func(context.Context, netip.Addr) (net.Conn, error)) (net.Conn, error) {
	var first error
	for i, a := range addrs {
		try, cancel := ctx, context.CancelFunc(func() {})
		if end, ok := ctx.Deadline(); ok {
			share := max(time.Until(end)/time.Duration(len(addrs)-i), leastDial)
			try, cancel = context.WithTimeout(ctx, share)
		}
		conn, err := dial(try, a)
		cancel()
		if err == nil {
			return conn, nil
		}
		if first == nil {
			first = err
		}
		if ctx.Err() != nil {
			break
		}
	}
	return nil, first
}
