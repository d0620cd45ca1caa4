package feeds

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/newswatch/newswatch/pipeline"
)

const (
	// hostShards is how many keys the hosts' records are stored under: a record
	// is small, there are few, and all of them are read at the start.
	hostShards = 16
	// spellTogether is how long after the first of some feeds that fail in one
	// way another is told of with it.
	spellTogether = day
	// maxHoldKept bounds a pause that was stored: a clock may have been set back.
	maxHoldKept = day + maxJitter
)

// A hostRecord is what is remembered of a host over a restart: that it asked to
// be left alone, or is down, and what was told of it.
type hostRecord struct {
	Hold   time.Time        `json:"hold,omitzero"`  // left alone until then
	Probe  time.Duration    `json:"probe,omitzero"` // of its breaker, where that is open
	Since  time.Time        `json:"since,omitzero"` // it is down
	Told   time.Time        `json:"told,omitzero"`  // since when, as it was told
	Spells map[string]spell `json:"spells,omitempty"`
}

func (r hostRecord) empty() bool {
	return r.Hold.IsZero() && r.Probe == 0 && len(r.Spells) == 0
}

// record is what is to be remembered of the host.
func (h *host) record() hostRecord {
	r := hostRecord{Hold: h.hold, Spells: h.spells}
	if h.breaker.open() {
		r.Probe, r.Since, r.Told = h.breaker.probe, h.breaker.since, h.told
	}
	return r
}

func (h *host) recall(r hostRecord) {
	h.hold, h.spells, h.told = r.Hold, r.Spells, r.Told
	h.breaker = breaker{probe: r.Probe, since: r.Since}
	if r.Probe > 0 {
		h.breaker.fails = breakAfter
	}
}

// lasting is the record without what has passed.
func (r hostRecord) lasting(now time.Time) hostRecord {
	if latest := now.Add(maxHoldKept); r.Hold.After(latest) {
		r.Hold = latest
	}
	if !r.Hold.After(now) && r.Probe == 0 {
		r.Hold = time.Time{}
	}
	kept := make(map[string]spell, len(r.Spells))
	for k, s := range r.Spells {
		if age := now.Sub(s.Told); age >= 0 && age < spellTogether {
			kept[k] = s
		}
	}
	r.Spells = kept
	return r
}

// hostShard is the shard of the host's record.
func hostShard(name string) int {
	sum := sha256.Sum256([]byte(name))
	return int(sum[0]) % hostShards
}

func hostKey(shard int) string { return fmt.Sprintf("hosts.%x", shard) }

// remarked says that what is to be remembered of the host has changed; p.mu is
// held.
func (p *Poller) remarked(h *host) {
	p.remarks[hostShard(h.name)] = true
	select {
	case p.remarkable <- struct{}{}:
	default:
	}
}

// recallHosts reads the hosts' records. It tries until that succeeds: without
// them hosts that asked to be left alone would be asked. The answer is false
// where ctx was done before.
func (p *Poller) recallHosts(ctx context.Context) bool {
	for {
		all, err := loadHosts(ctx, p.kv)
		if err == nil {
			p.setHosts(all)
			return true
		}
		if ctx.Err() == nil {
			p.lg.Warn("records of hosts not readable, will try again", "error", err)
		}
		select {
		case <-ctx.Done():
			return false
		case <-time.After(p.cfg.FullWait):
		}
	}
}

func (p *Poller) setHosts(all map[string]hostRecord) {
	p.mu.Lock()
	defer p.mu.Unlock()
	now := p.wall()
	for name, r := range all {
		r = r.lasting(now)
		if r.empty() {
			continue
		}
		if r.Hold.After(now) && r.Probe == 0 && p.cfg.OnHold != nil {
			p.cfg.OnHold(name, r.Hold)
		}
		// A page may have met a Retry-After before the polls began.
		h := p.queue.all[name]
		if h == nil {
			if was := p.queue.past[name]; was.Hold.After(r.Hold) {
				r.Hold = was.Hold
			}
			p.queue.past[name] = r
			continue
		}
		if h.hold.After(r.Hold) {
			r.Hold = h.hold
		}
		h.recall(r)
		p.queue.place(h, p.cfg)
	}
}

// loadHosts reads all records. Some that can't be understood are none.
func loadHosts(ctx context.Context, kv pipeline.KV) (map[string]hostRecord, error) {
	all := make(map[string]hostRecord)
	for shard := range hostShards {
		e, err := kv.Get(ctx, hostKey(shard))
		if errors.Is(err, pipeline.ErrNotFound) {
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("load hosts: %w", err)
		}
		var part map[string]hostRecord
		if json.Unmarshal(e.Value, &part) == nil {
			for name, r := range part {
				all[name] = r
			}
		}
	}
	return all, nil
}

// storeHosts writes the records that have changed; those that could not be
// written are, the next time.
func (p *Poller) storeHosts(ctx context.Context) {
	p.mu.Lock()
	todo := p.remarks
	p.remarks = [hostShards]bool{}
	if todo == p.remarks {
		p.mu.Unlock()
		return
	}
	now := p.wall()
	var parts [hostShards]map[string]hostRecord
	for shard, is := range todo {
		if is {
			parts[shard] = make(map[string]hostRecord)
		}
	}
	add := func(name string, r hostRecord) {
		if r.empty() {
			return
		}
		if part := parts[hostShard(name)]; part != nil {
			if r = r.lasting(now); !r.empty() {
				part[name] = r
			}
		}
	}
	for name, h := range p.queue.all {
		add(name, h.record())
	}
	for name, r := range p.queue.past {
		if r = r.lasting(now); r.empty() {
			delete(p.queue.past, name)
		}
		add(name, r)
	}
	p.mu.Unlock()

	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), saveWait)
	defer cancel()
	for shard, part := range parts {
		if part == nil {
			continue
		}
		b, err := json.Marshal(part)
		if err == nil {
			_, err = p.kv.Put(ctx, hostKey(shard), b)
		}
		if err != nil {
			p.lg.Error("records of hosts not stored", "shard", shard, "error", err)
			p.mu.Lock()
			p.remarks[shard] = true
			p.mu.Unlock()
		}
	}
}

// Hold says that a host asked to be left alone until then, of a request that was
// no poll: its feeds are not asked either.
func (p *Poller) Hold(name string, until time.Time) {
	p.mu.Lock()
	defer p.mu.Unlock()
	until = until.Round(0)
	if h := p.queue.all[name]; h != nil {
		if until.After(h.hold) {
			h.hold = until
			p.queue.place(h, p.cfg)
			p.remarked(h)
		}
		return
	}
	r := p.queue.past[name]
	if until.After(r.Hold) {
		r.Hold = until
		p.queue.past[name] = r
		p.remarked(&host{name: name})
	}
}

// A joint is the spell that feeds of one source share which fail on one host in
// one way.
type joint struct {
	host, key string
	since     time.Time
}

func (j joint) String() string { return fmt.Sprintf("%s %s %d", j.host, j.key, j.since.Unix()) }

// together finds the spell that the poll's feed has in common with others, and
// how many they are.
func (q *poll) together(class string, since, now time.Time) (joint, int) {
	q.mu.Lock()
	defer q.mu.Unlock()
	h, n := q.f.host, 0
	for _, f := range q.feeds {
		if f == q.f || f.host == h && f.source.ID == q.src.ID && f.Trouble != nil && f.Trouble.Class == class {
			n++
		}
	}
	j := joint{host: h.name, key: q.src.ID + " " + class, since: since}
	if s, ok := h.spells[j.key]; ok && now.Sub(s.Told) >= 0 && now.Sub(s.Told) < spellTogether {
		j.since = s.Since
		n = max(n, 2)
	}
	return j, n
}

// remember notes that the spell was told of.
func (q *poll) remember(j joint) {
	q.mu.Lock()
	defer q.mu.Unlock()
	h := q.f.host
	if s, ok := h.spells[j.key]; ok && s.Since.Equal(j.since) {
		return
	}
	spells := map[string]spell{j.key: {Since: j.since, Told: q.wall()}} // a new one: a record may be being written
	for k, s := range h.spells {
		if k != j.key {
			spells[k] = s
		}
	}
	h.spells = spells
	q.remarked(h)
}

// hostDown says whether the feed's host is left alone for being down, and
// whether that was told.
func (q *poll) hostDown() (down, told bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	h := q.f.host
	return h.breaker.open(), !h.told.IsZero()
}

// tellHost tells that the poll's host is down, once it has been for long, and
// that it is up again. Only one of its feeds is asked now and then meanwhile, so
// it would take the others days to be found failing. Each source that has feeds
// there is told of; what watches hear of it is one spell.
func (q *poll) tellHost(ctx context.Context, v verdict, now time.Time) {
	q.mu.Lock()
	h := q.f.host
	down, since := h.breaker.since, h.told
	kind := pipeline.FeedFailing
	switch {
	case v == hostUp && !h.told.IsZero():
		kind = pipeline.FeedRecovered
	case v == hostDown && h.breaker.open() && h.told.IsZero() && now.Sub(down) >= failFor:
	default:
		q.mu.Unlock()
		return
	}
	first := map[string]*feed{} // of each source
	var good time.Time
	for _, f := range q.feeds {
		if f.host != h {
			continue
		}
		if f.LastGood.After(good) {
			good = f.LastGood
		}
		if o := first[f.source.ID]; o == nil || f.url < o.url {
			first[f.source.ID] = f
		}
	}
	if since.IsZero() {
		if since = good; since.IsZero() || since.After(down) {
			since = down
		}
	}
	events := make([]pipeline.FeedEvent, 0, len(first))
	for id, f := range first {
		ev := pipeline.FeedEvent{
			Kind: kind, Source: id, Feed: f.url, Reason: "it answers again", Since: since.UTC(), LastGood: good, At: now.UTC(),
			Host: h.name, Feeds: int(h.size), Spell: joint{host: h.name, key: "down", since: since}.String(),
		}
		if kind == pipeline.FeedFailing {
			ev.Reason = q.s.Trouble.reason(int(q.s.Status))
		}
		events = append(events, ev)
	}
	q.mu.Unlock()
	for _, ev := range events {
		if !q.send(ctx, ev) {
			return
		}
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	h.told = time.Time{}
	if kind == pipeline.FeedFailing {
		h.told = since
	}
	q.remarked(h)
}

// tellOffline tells, once, that there is no network.
func (q *poll) tellOffline(ctx context.Context, now time.Time) {
	q.mu.Lock()
	o := &q.outage
	since, tell := o.since, !o.told && now.Sub(o.since) >= offlineFor
	o.told = o.told || tell // by one poll at a time
	q.mu.Unlock()
	if !tell {
		return
	}
	ok := q.send(ctx, pipeline.FeedEvent{
		Kind: pipeline.FeedOffline, Reason: "no host can be reached: this machine seems to have no network", Since: since.UTC(), At: now.UTC(),
		Spell: fmt.Sprintf("offline %d", since.Unix()),
	})
	if !ok {
		q.mu.Lock()
		q.outage.told = false
		q.mu.Unlock()
	}
}
