package index

import (
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"
)

// A Recovery is what became of a damaged partition.
type Recovery struct {
	Partition string    `json:"partition"`
	Folder    string    `json:"folder"` // what was damaged, kept for a month
	Found     time.Time `json:"found"`
	Damage    string    `json:"damage"`             // what was found, in words
	State     string    `json:"state"`              // running: its own documents are being read; done
	Expected  int       `json:"expected,omitempty"` // documents there were, by the checkpoint, which is written after the fact; 0: nobody knows
	Had       int       `json:"had"`                // of them left in the partition when it was opened
	Own       int       `json:"own"`                // articles recovered from its own documents
	Stream    int       `json:"stream"`             // articles that came again from the stream
	Unread    int       `json:"unreadable"`         // documents that can't be read any more; of the articles an older state may be there
	Unwanted  int       `json:"unwanted,omitempty"` // articles that were read and that retention wants no more
	AskedFrom uint64    `json:"asked_from"`         // sequence from which the stream was asked; 0: nothing was missing
	Lost      int       `json:"lost"`               // articles that are known to have been there and are not; falls while the stream brings them
	LostFrom  string    `json:"lost_from,omitempty"`
	LostTo    string    `json:"lost_to,omitempty"` // ids of the lost lie between these, as far as they are known
	Ended     time.Time `json:"ended,omitzero"`    // of the reading of its own documents
	Error     string    `json:"error,omitempty"`   // why reading them failed; it is tried again
}

// States of a recovery.
const (
	RecoveryRunning = "running"
	RecoveryDone    = "done"
)

// A damage is a damaged folder and what is known of it. It lies in the folder
// as recovery.json.
type damage struct {
	Recovery
	UpTo    uint64   `json:"up_to"`             // what the stream brings up to this sequence was there before
	Back    int      `json:"back"`              // articles that were gone and are there again
	Missing []string `json:"missing,omitempty"` // ids of such documents, as far as known, in order

	// Whole says that every document of the newest state was read.
	Whole bool `json:"whole,omitempty"`
	// Unchecked says that it is not known yet whether what came back is elsewhere
	// in a newer state.
	Unchecked bool `json:"unchecked,omitempty"`

	own      map[string]bool // ids of articles recovered from its own documents
	unwanted map[string]bool // ids of those that retention wants no more
	inPlace  bool            // the partition is being renewed, and its folder still in its place
	// recount says that articles may be there which no one counted: the process
	// was killed after it wrote them.
	recount bool
}

const (
	recoveryFile = "recovery.json"
	maxMissing   = 100_000
	keepDamaged  = 30 * 24 * time.Hour
)

// recovery is what is known of all damaged folders.
type recovery struct {
	dir string
	now func() time.Time

	mu    sync.Mutex
	all   []*damage // oldest first
	dirty map[*damage]bool
	wake  chan struct{}
}

func newRecovery(dir string, now func() time.Time) *recovery {
	return &recovery{dir: dir, now: now, dirty: make(map[*damage]bool), wake: make(chan struct{}, 1)}
}

// load reads what damaged folders there are, and takes up what was not done.
func (r *recovery) load(p period) error {
	entries, err := os.ReadDir(r.dir)
	if err != nil {
		return err
	}
	for _, e := range entries {
		name, at, ok := strings.Cut(e.Name(), damagedInfix)
		if !ok || !p.isName(name) {
			continue
		}
		d := readDamage(filepath.Join(r.dir, e.Name()))
		if d.Partition != name { // set aside, and not more, or nobody knows
			d.Recovery = Recovery{Partition: name, Damage: "found beside the index", State: RecoveryRunning}
			d.Found, _ = time.Parse(asideForm, at)
		}
		d.Folder = e.Name()
		d.recount = d.State == RecoveryRunning || d.Lost > 0
		r.add(d)
	}
	return nil
}

func readDamage(dir string) (d damage) {
	data, err := os.ReadFile(filepath.Join(dir, recoveryFile))
	if err == nil {
		err = json.Unmarshal(data, &d)
	}
	if err != nil {
		return damage{}
	}
	return d
}

// add takes a damage up; of one folder there is one.
func (r *recovery) add(d damage) *damage {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.all = slices.DeleteFunc(r.all, func(o *damage) bool { return o.Folder == d.Folder })
	r.all = append(r.all, &d)
	slices.SortStableFunc(r.all, func(a, b *damage) int { return a.Found.Compare(b.Found) })
	r.kick()
	return &d
}

// kick has what is pending looked at.
func (r *recovery) kick() {
	select {
	case r.wake <- struct{}{}:
	default:
	}
}

// write puts what is known of a damage into its folder.
func (d *damage) write(dir string) error {
	folder := filepath.Join(dir, d.Folder)
	// A file in place of the folder, or nothing, is damage too.
	if !isDir(folder) {
		if exists(folder) {
			if err := os.Rename(folder, folder+".file"); err != nil {
				return err
			}
		}
		if err := os.Mkdir(folder, 0o755); err != nil {
			return err
		}
	}
	data, err := json.Marshal(d)
	if err != nil {
		return err
	}
	file := filepath.Join(folder, recoveryFile)
	if err := os.WriteFile(file+".new", data, 0o600); err != nil {
		return err
	}
	return os.Rename(file+".new", file)
}

// save writes what has changed.
func (r *recovery) save() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	var errs []error
	for d := range r.dirty {
		if d.inPlace {
			continue // its folder is that of the partition yet
		}
		errs = append(errs, d.write(r.dir))
	}
	clear(r.dirty)
	return errors.Join(errs...)
}

// set changes a damage and writes it.
func (r *recovery) set(d *damage, do func(d *damage)) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	do(d)
	d.count()
	delete(r.dirty, d)
	return d.write(r.dir)
}

// pending is the oldest damage whose documents are still to be read, or whose
// articles are to be counted or compared; nil: none.
func (r *recovery) pending() *damage {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, d := range r.all {
		if (d.State == RecoveryRunning || d.recount || d.Unchecked) && !d.inPlace {
			return d
		}
	}
	return nil
}

// running reports whether documents of the partition are still to be read.
func (r *recovery) running(partition string) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.ContainsFunc(r.all, func(d *damage) bool { return d.Partition == partition && d.State == RecoveryRunning })
}

// list is all recoveries, newest first.
func (r *recovery) list() []Recovery {
	r.mu.Lock()
	defer r.mu.Unlock()
	out := []Recovery{}
	for _, d := range slices.Backward(r.all) {
		out = append(out, d.Recovery)
	}
	return out
}

// arrived counts an article that was written: one that was lost is there again.
func (r *recovery) arrived(partition string, in *putDoc) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, d := range r.all {
		over := d.State == RecoveryDone && d.AskedFrom == 0
		if d.Partition != partition || d.inPlace || over || in.version.seq > d.UpTo {
			continue
		}
		if i, ok := slices.BinarySearch(d.Missing, in.article.ID); ok {
			d.Missing = slices.Delete(d.Missing, i, i+1)
		}
		if in.isNew {
			d.Back++
		}
		if in.salvaged {
			if d.own == nil {
				d.own = make(map[string]bool)
			}
			d.own[in.article.ID] = true
			d.Own = len(d.own)
		} else {
			d.Stream++
		}
		d.count()
		r.dirty[d] = true
		return
	}
}

// leftOut notes an article that was read and is not to be in the index any more.
func (r *recovery) leftOut(partition, id string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, d := range r.all {
		if d.Partition == partition && d.State == RecoveryRunning && !d.inPlace {
			if d.unwanted == nil {
				d.unwanted = make(map[string]bool)
			}
			d.unwanted[id] = true
			return
		}
	}
}

// count works out what is lost. Called with r.mu.
func (d *damage) count() {
	d.Lost, d.LostFrom, d.LostTo = 0, "", ""
	if d.Whole {
		return
	}
	if d.Expected > 0 {
		d.Lost = max(0, d.Expected-d.Had-d.Back-d.Unwanted)
	} else if d.State == RecoveryDone {
		d.Lost = max(0, d.Unread-d.Back)
	}
	if d.Lost > 0 && len(d.Missing) > 0 {
		d.LostFrom, d.LostTo = d.Missing[0], d.Missing[len(d.Missing)-1]
	}
}

// purge removes folders that were kept long enough or, where room is needed,
// those of which nothing is lost.
func (r *recovery) purge(room bool) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	var errs []error
	r.all = slices.DeleteFunc(r.all, func(d *damage) bool {
		if d.State != RecoveryDone || r.now().Sub(d.Found) < keepDamaged && !(room && d.Lost == 0) {
			return false
		}
		errs = append(errs, os.RemoveAll(filepath.Join(r.dir, d.Folder)))
		delete(r.dirty, d)
		return true
	})
	return errors.Join(errs...)
}

// drop forgets a damage that could not be mended: it will be found again.
func (r *recovery) drop(d *damage) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.all = slices.DeleteFunc(r.all, func(o *damage) bool { return o == d })
}
