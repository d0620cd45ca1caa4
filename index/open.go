package index

import (
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"maps"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"runtime/debug"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/blevesearch/bleve/v2"
	"github.com/blevesearch/bleve/v2/index/scorch"
	"github.com/blevesearch/bleve/v2/mapping"
	bleveindex "github.com/blevesearch/bleve_index_api"
	bolterrors "go.etcd.io/bbolt/errors"

	"github.com/newswatch/newswatch/index/internal/inverted"
)

// asyncErrors is the name Bleve knows our error callback by. Its registry is
// global and handed names, so the way from an error to its partition is too.
const asyncErrors = "newswatch"

var (
	partitionsByStore sync.Map // path of the store → *partition
	registerWithBleve = sync.OnceFunc(func() {
		scorch.RegisterSegmentPlugin(new(inverted.Plugin), true)
		scorch.DefaultMinSegmentsForInMemoryMerge = mergeInMemory
		scorch.RegistryAsyncErrorCallbacks[asyncErrors] = func(err error, store string) {
			if p, ok := partitionsByStore.Load(store); ok {
				p.(*partition).onAsyncError(err, errors.Is(err, scorch.ErrAsyncPanic))
			}
		}
	})
)

// How segments are merged. Making one takes less time than merging it, so it is
// done as seldom as keeps the segments few. Where a partition of 28,000 articles
// is written in segments of 500, each article is merged 0.9 times with these and
// 1.8 times with Bleve's own (2,000, ten and ten); of fifty, 2.3 and 8.3 times; of
// ten, 5 and 30 times. The partition has nine segments on average, and five with
// Bleve's, until it is sealed and has one.
const (
	mergeFloor   = 250 // documents; smaller segments count as so large
	mergePerTier = 8   // segments of about a size that are left
	mergeAtOnce  = 16  // segments
	// mergeInMemory is how many segments not yet on disk are merged before they
	// are written there. Fewer are large ones, of a replay, and are merged later
	// anyhow; many are small ones, of single articles.
	mergeInMemory = 5
)

// bleveConfig is how every partition is opened. Batches are searchable at once
// and written to disk together after half a second: two and a half times the
// throughput and half the CPU of a disk write per batch.
func bleveConfig(cfg Config) map[string]any {
	config := map[string]any{
		"unsafe_batch": true,
		"scorchPersisterOptions": map[string]any{
			"PersisterNapTimeMSec":      cfg.nap.Milliseconds(),
			"PersisterNapUnderNumFiles": 500,
		},
		"scorchMergePlanOptions": map[string]any{
			"FloorSegmentSize": mergeFloor, "MaxSegmentsPerTier": mergePerTier, "SegmentsPerMergeTask": mergeAtOnce,
		},
		// With one snapshot a torn newest segment makes the index unopenable.
		"numSnapshotsToKeep":     3,
		"bolt_timeout":           "5s", // without it a second process waits for ever
		"asyncErrorCallbackName": asyncErrors,
	}
	maps.Copy(config, cfg.bleve)
	return config
}

// newMapping indexes nothing by itself: documents are built field by field, and
// queries are given terms. It is there for the scoring model.
func newMapping() mapping.IndexMapping {
	m := bleve.NewIndexMapping()
	m.DefaultMapping = bleve.NewDocumentDisabledMapping()
	m.ScoringModel = bleveindex.BM25Scoring
	m.StoreDynamic, m.IndexDynamic, m.DocValuesDynamic = false, false, false
	return m
}

// openPartition opens or creates the partition. One that is damaged is moved
// aside and an empty one takes its place.
func openPartition(log *slog.Logger, cfg Config, name string, clock func() time.Time) (*partition, error) {
	p := &partition{name: name, path: filepath.Join(cfg.Dir, name), log: log, config: bleveConfig(cfg), clock: clock}
	// Known before it is opened: its goroutines may fail at once.
	partitionsByStore.Store(p.store(), p)
	if err := p.open(); err != nil {
		partitionsByStore.Delete(p.store())
		return nil, err
	}
	return p, nil
}

func (p *partition) store() string { return p.path + string(os.PathSeparator) + "store" }

func (p *partition) open() error {
	if err := settleFolders(p.path); err != nil {
		return fmt.Errorf("partition %s: %w", p.name, err)
	}
	if !exists(p.path) {
		return p.create()
	}
	if err := p.setStraysAside(); err != nil {
		return fmt.Errorf("partition %s: %w", p.name, err)
	}
	err := p.openFolder()
	if err == nil {
		return nil
	}
	if !isDamage(err) {
		return fmt.Errorf("partition %s: %w", p.name, err)
	}
	p.log.Error("partition is damaged: set aside", "partition", p.name, "err", err)
	if err := p.setAside(err); err != nil {
		return fmt.Errorf("partition %s: %w", p.name, err)
	}
	return p.create()
}

// openFolder opens what is there, a sealed partition read-only.
func (p *partition) openFolder() error {
	sealed, err := readSeal(p.path)
	if err != nil {
		return err
	}
	config := maps.Clone(p.config)
	if sealed != nil {
		if err := sealed.checkSizes(p.path); err != nil {
			return err
		}
		config["read_only"] = true
	} else if err := p.dropUnreadable(); err != nil {
		return err
	}
	idx, err := recovered(func() (bleve.Index, error) { return bleve.OpenUsing(p.path, config) })
	if err != nil {
		return err
	}
	if err = p.attach(idx); err == nil && sealed != nil {
		var n uint64
		if n, err = idx.DocCount(); err == nil && (int(n) != sealed.Documents || p.now() != sealed.State) {
			err = fmt.Errorf("%w: %d documents at write %d, not %d at %d", errSeal, n, p.now().Gen, sealed.Documents, sealed.State.Gen)
		}
	}
	if err != nil {
		p.detach()
		return errors.Join(err, idx.Close())
	}
	return nil
}

// dropUnreadable takes the snapshots that can't be read out of the store, where
// Bleve would open an older one. Left in, they come back: Bleve counts on from
// the epoch it opened and writes new snapshots into the buckets of the ones it
// passed over, and the names of lost segments are given to new ones. What is
// opened then has articles twice.
func (p *partition) dropUnreadable() error {
	config := maps.Clone(p.config)
	config["read_only"] = true // nothing moves on from the snapshot that is opened
	idx, err := recovered(func() (bleve.Index, error) { return bleve.OpenUsing(p.path, config) })
	if err != nil {
		return err
	}
	opened, err := openedEpoch(idx)
	if err = errors.Join(err, idx.Close()); err != nil {
		return err
	}
	points, err := scorch.RollbackPoints(p.store())
	if err != nil {
		return err
	}
	for i, point := range points {
		if epochOf(point) != opened {
			continue
		}
		if i == 0 {
			return nil
		}
		p.log.Error("the newest of the partition can't be read: it goes back to an older state", "partition", p.name, "snapshots_lost", i)
		if err := p.keepLost(fmt.Errorf("the newest %d states can't be read", i)); err != nil {
			return err
		}
		return scorch.Rollback(p.store(), point)
	}
	return nil // nothing has been written to it yet
}

// openedEpoch is the epoch of the snapshot that an index has just been opened at.
func openedEpoch(idx bleve.Index) (uint64, error) {
	store, err := idx.Advanced()
	if err != nil {
		return 0, err
	}
	r, err := store.Reader()
	if err != nil {
		return 0, err
	}
	return epochOf(r), r.Close()
}

// epochOf is the epoch of a snapshot or a point to roll back to, which Bleve
// keeps to itself.
func epochOf(snapshot any) uint64 {
	return reflect.ValueOf(snapshot).Elem().FieldByName("epoch").Uint()
}

func (p *partition) create() error {
	idx, err := recovered(func() (bleve.Index, error) {
		return bleve.NewUsing(p.path, newMapping(), scorch.Name, scorch.Name, maps.Clone(p.config))
	})
	if err == nil {
		err = p.attach(idx)
	}
	if err != nil {
		return fmt.Errorf("create partition %s: %w", p.name, err)
	}
	return syncDir(filepath.Dir(p.path))
}

// errPanic says that Bleve panicked, as it does on a truncated root.bolt.
var errPanic = errors.New("panic")

func recovered(open func() (bleve.Index, error)) (idx bleve.Index, err error) {
	// A root.bolt that is cut off is mapped beyond its end.
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("%w: %v", errPanic, r)
		}
	}()
	return open()
}

// isDamage tells what opening anew can't mend from what is wrong with the
// machine: a partition must not be thrown out for want of file handles, and
// not while another process has it.
func isDamage(err error) bool {
	if errors.Is(err, bolterrors.ErrTimeout) || errors.Is(err, fs.ErrPermission) {
		return false
	}
	for _, no := range []syscall.Errno{
		syscall.EMFILE, syscall.ENFILE, syscall.ENOSPC, syscall.EDQUOT, syscall.EROFS, syscall.ENOMEM, syscall.EIO,
	} {
		if errors.Is(err, no) {
			return false
		}
	}
	return true
}

var segmentName = regexp.MustCompile(`^[0-9a-f]+\.zap$`)

// setStraysAside renames files that end in .zap and are no segment: one of
// them, left by a copying tool (._0001.zap), keeps Bleve from opening.
func (p *partition) setStraysAside() error {
	entries, err := os.ReadDir(p.store())
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ENOTDIR) {
		return nil
	}
	if err != nil {
		return err
	}
	for _, e := range entries {
		if name := e.Name(); strings.HasSuffix(name, ".zap") && !segmentName.MatchString(name) {
			p.log.Warn("stray file set aside", "partition", p.name, "file", name)
			if err := os.Rename(filepath.Join(p.store(), name), filepath.Join(p.store(), name+".stray")); err != nil {
				return err
			}
		}
	}
	return nil
}

// reopen closes the partition, as far as it can be closed, and opens it again
// from what is on disk. Writes that were not durable are lost and must be made
// again.
func (p *partition) reopen() error {
	return p.exchange(func() error { return nil })
}

// exchange closes the partition, does something to its folder and opens it
// again. Searches wait meanwhile.
func (p *partition) exchange(do func() error) error {
	p.gate.Lock()
	defer p.gate.Unlock()
	if idx := p.detach(); idx != nil {
		if err := within(closeTimeout, idx.Close); err != nil {
			p.log.Error("partition does not close: left behind", "partition", p.name, "err", err)
			if err := p.leaveBehind(); err != nil {
				return fmt.Errorf("close partition %s: %w", p.name, err)
			}
		}
	}
	// Where it fails the folder is as it was, or ready to be settled.
	return errors.Join(do(), p.open())
}

// close ends the partition.
func (p *partition) close() error {
	defer partitionsByStore.Delete(p.store())
	idx := p.detach()
	if idx == nil {
		return nil
	}
	if err := within(closeTimeout, idx.Close); err != nil {
		return fmt.Errorf("close partition %s: %w", p.name, err)
	}
	return nil
}
