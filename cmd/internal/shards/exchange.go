package shards

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"syscall"
	"time"

	"github.com/newswatch/newswatch/index"
)

// A copy that lacks articles for good goes on answering, and taking what comes,
// while another one is fetched beside it. That takes its place when it is whole,
// verified and on the disk:
//
//	shard-0         the copy
//	shard-0.fresh   the other one, whole
//	shard-0.stale   the copy that was, until the new one is open
//
// What a crash cuts off is ended, or taken back, by the next start.
const (
	freshSuffix = ".fresh"
	staleSuffix = ".stale"
)

// healPause is the longest pause between attempts that fail.
const healPause = 10 * time.Minute

// errFresh says that another copy is there to take the place of this one.
var errFresh = errors.New("a new copy is there")

// heal waits for a peer that has what the copy lacks and fetches its copy.
func (r *replica) heal(ctx context.Context) error {
	pause := fetchPause
	for {
		l := r.lossOf()
		if l == nil {
			return nil // it is only noted before the copy is fed
		}
		s := r.status()
		if s.State == StateReady && !l.real(s.State, s.Documents) {
			r.lg.Info("the copy lacks nothing after all", "documents", s.Documents)
			r.mu.Lock()
			r.loss = nil
			r.mu.Unlock()
			r.keepLoss()
			return nil
		}
		if l.real(s.State, s.Documents) {
			there, failed := r.fetchFresh(ctx, l, s)
			if there {
				return errFresh
			}
			if failed {
				pause = min(2*pause, healPause)
			}
		}
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(pause):
		}
	}
}

// fetchFresh fetches a copy from a peer that lacks nothing, and reports whether
// it is there, or could not be fetched from any.
func (r *replica) fetchFresh(ctx context.Context, l *loss, own Replica) (there, failed bool) {
	for _, p := range r.peers() {
		if p.Lacks || p.State != StateReady || p.Seq+1 < l.First || l.Documents != always && p.Documents <= own.Documents {
			continue
		}
		r.lg.Info("the copy lacks articles: another one is fetched to take its place", "peer", p.Replica, "node", p.Node, "bytes", p.Bytes, "documents", p.Documents)
		err := index.ResumeSnapshot(ctx, r.dir+freshSuffix, r.reader(ctx, p, r.noting))
		r.noting("")
		if err == nil {
			r.mu.Lock()
			r.fresh = p.Replica
			r.mu.Unlock()
			return true, false
		}
		if ctx.Err() != nil {
			return false, false
		}
		r.lg.Warn("no copy from this peer", "peer", p.Replica, "error", err)
		failed = true
		if errors.Is(err, syscall.ENOSPC) { // which the copy there is needs
			if err := index.DropPartial(r.dir + freshSuffix); err != nil {
				r.lg.Warn("what was fetched takes room", "error", err)
			}
		}
	}
	return false, failed
}

// noting notes what the replica is at, while it answers.
func (r *replica) noting(note string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.note = note
}

// exchange has the copy that was fetched take the place of the one there is.
// Where that fails the old one stays.
func (r *replica) exchange(ctx context.Context) error {
	r.mu.Lock()
	old, peer := r.ix, r.fresh
	r.ix, r.state, r.fresh = nil, StateStarting, ""
	r.mu.Unlock()
	was := old.Stats().Documents
	if err := old.Close(); err != nil {
		r.lg.Warn("the old copy did not close well", "error", err)
	}
	r.unregister()
	l := r.lossOf()
	fresh, stale := r.dir+freshSuffix, r.dir+staleSuffix
	err := errors.Join(os.Rename(r.dir, stale), os.Rename(fresh, r.dir), syncFolder(filepath.Dir(r.dir)))
	if err == nil {
		r.mu.Lock()
		r.loss = nil
		r.mu.Unlock()
		err = r.open()
	}
	if err != nil {
		r.lg.Error("the new copy can't take the place of the old one, which stays", "error", err)
		if exists(stale) {
			if err := errors.Join(os.RemoveAll(fresh), os.RemoveAll(r.dir), os.Rename(stale, r.dir)); err != nil {
				return err
			}
		}
		r.mu.Lock()
		r.loss = l
		r.mu.Unlock()
		if err := r.open(); err != nil {
			return err
		}
		r.set(StateBehind, "")
		return nil
	}
	if err := os.RemoveAll(stale); err != nil {
		r.lg.Warn("the old copy takes room until the next start", "folder", stale, "error", err)
	}
	r.set(StateBehind, "")
	r.h.met.fetched.WithLabelValues(strconv.Itoa(r.shard), whyLacks).Inc()
	r.lg.Info("a new copy has taken the place of one that lacked articles", "peer", peer, "documents", r.index().Stats().Documents, "before", was)
	return r.goOn(ctx, peer)
}

// settle ends the exchange that a crash cut off, or takes it back, and removes
// what is of no use any more.
func settle(dir string) error {
	fresh, stale := dir+freshSuffix, dir+staleSuffix
	if exists(stale) && !exists(dir) {
		from := stale
		if exists(fresh) {
			from = fresh
		}
		if err := os.Rename(from, dir); err != nil {
			return err
		}
	}
	// A fresh copy beside one that is there was not wanted yet: its place in the
	// stream may be gone meanwhile. What has arrived of one is gone on from.
	err := errors.Join(os.RemoveAll(stale), os.RemoveAll(fresh), removeLeftovers(dir))
	if empty, e := isEmpty(dir); e == nil && !empty {
		err = errors.Join(err, index.DropPartial(dir))
	}
	if !exists(filepath.Join(dir, lossFile)) {
		err = errors.Join(err, index.DropPartial(fresh))
	}
	return err
}

func exists(path string) bool {
	_, err := os.Lstat(path)
	return err == nil
}

func syncFolder(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return fmt.Errorf("sync: %w", err)
	}
	return errors.Join(d.Sync(), d.Close())
}
