package extractors

import (
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/newswatch/newswatch/pipeline"
)

// blocksPrefix begins the keys of hosts' records.
const blocksPrefix = "blocks."

func blocksKey(host string) string { return blocksPrefix + pipeline.Key(host) }

// hostVersion is that of the stored form.
const hostVersion = 1

// A hostRecord is the stored form of a host. Blocks are, longest not seen
// first: the digest in eight bytes, the number of pages in one, and of each page
// the digests of its address and title in four bytes, little endian.
type hostRecord struct {
	Version int       `json:"v"`
	Host    string    `json:"host"`
	Seen    time.Time `json:"seen"`
	Blocks  []byte    `json:"blocks"`
}

func (h *host) encode() []byte {
	r := hostRecord{Version: hostVersion, Host: h.name, Seen: h.seen.UTC()}
	for _, b := range h.blocks {
		r.Blocks = binary.LittleEndian.AppendUint64(r.Blocks, b.digest)
		r.Blocks = append(r.Blocks, byte(b.n))
		for _, p := range b.pages[:b.n] {
			r.Blocks = binary.LittleEndian.AppendUint32(r.Blocks, p.address)
			r.Blocks = binary.LittleEndian.AppendUint32(r.Blocks, p.title)
		}
	}
	value, err := json.Marshal(r)
	if err != nil {
		panic("extractors: " + err.Error()) // no value of these types fails
	}
	return value
}

// decodeHost reads a stored record.
func decodeHost(value []byte) (*host, error) {
	var r hostRecord
	if err := json.Unmarshal(value, &r); err != nil {
		return nil, fmt.Errorf("record of learned blocks: %w", err)
	}
	if r.Version != hostVersion {
		return nil, fmt.Errorf("record of learned blocks: version %d, want %d", r.Version, hostVersion)
	}
	h := &host{name: r.Host, seen: r.Seen}
	for data := r.Blocks; len(data) > 0; {
		if len(data) < 9 || data[8] == 0 || data[8] > recurs || len(data) < 9+8*int(data[8]) {
			return nil, fmt.Errorf("record of learned blocks: broken off or damaged %d bytes before its end", len(data))
		}
		b := block{digest: binary.LittleEndian.Uint64(data), n: int(data[8])}
		data = data[9:]
		for i := range b.n {
			b.pages[i] = pageID{binary.LittleEndian.Uint32(data), binary.LittleEndian.Uint32(data[4:])}
			data = data[8:]
		}
		h.blocks = append(h.blocks, b)
	}
	return h, nil
}

// worthSaving says whether the host has changed and was met more than once: of
// most hosts that others link to, a single page is all there ever is.
func (h *host) worthSaving() bool {
	return h.changed > 0 && (h.rev > 0 || slices.ContainsFunc(h.blocks, func(b block) bool { return b.pages[0] != h.blocks[0].pages[0] || b.n > 1 }))
}

// Save stores what was learned since it was last called.
func (l *Learner) Save(ctx context.Context) error {
	l.saving.Lock()
	defer l.saving.Unlock()
	type record struct {
		h       *host
		value   []byte
		changed int
	}
	var records []record
	l.mu.Lock()
	l.changes = 0
	for e := l.order.Front(); e != nil; e = e.Next() {
		if h := e.Value.(*host); h.worthSaving() {
			records = append(records, record{h, h.encode(), h.changed})
		}
	}
	l.mu.Unlock()
	var errs []error
	for _, r := range records {
		rev, err := l.store.Update(ctx, blocksKey(r.h.name), r.value, r.h.rev)
		l.mu.Lock()
		switch {
		case err == nil:
			r.h.rev = rev
			r.h.changed -= r.changed
		case errors.Is(err, pipeline.ErrConflict), errors.Is(err, pipeline.ErrExists):
			// Another process has read pages of the host since: its record is
			// read when the host is met again.
			if e := l.hosts[r.h.name]; e != nil && e.Value == r.h {
				l.order.Remove(e)
				delete(l.hosts, r.h.name)
			}
		default:
			errs = append(errs, fmt.Errorf("save blocks of %s: %w", r.h.name, err))
		}
		l.mu.Unlock()
		if ctx.Err() != nil {
			break
		}
	}
	return errors.Join(errs...)
}

// sweep deletes the records of the hosts longest not seen beyond those that are
// kept; one that can't be read counts as never seen.
func (l *Learner) sweep(ctx context.Context) {
	if err := l.sweepTo(ctx, keptTimes*l.cfg.Hosts); err != nil && ctx.Err() == nil {
		l.log.Warn("learned blocks not swept", "error", err)
	}
}

func (l *Learner) sweepTo(ctx context.Context, keep int) error {
	type stored struct {
		key  string
		seen time.Time
	}
	var all []stored
	done := errors.New("all seen")
	err := l.store.Watch(ctx, func(e pipeline.Entry) error {
		switch {
		case e.Key == "":
			return done
		case !e.Deleted && strings.HasPrefix(e.Key, blocksPrefix):
			var r hostRecord
			_ = json.Unmarshal(e.Value, &r) // a broken one has never been seen
			all = append(all, stored{e.Key, r.Seen})
		}
		return nil
	})
	if err != nil && !errors.Is(err, done) {
		return err
	}
	if len(all) <= keep {
		return nil
	}
	slices.SortFunc(all, func(a, b stored) int { return a.seen.Compare(b.seen) })
	for _, s := range all[:len(all)-keep] {
		if err := l.store.Delete(ctx, s.key); err != nil {
			return err
		}
	}
	l.log.Info("learned blocks swept", "hosts", len(all), "kept", keep)
	return nil
}
