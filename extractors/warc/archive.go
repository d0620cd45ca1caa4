package warc

import (
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"github.com/klauspost/compress/gzip"
	"github.com/prometheus/client_golang/prometheus"
)

// Config of an archive. A zero value stands for its default.
type Config struct {
	// Enabled keeps the pages that are fetched. Default: false.
	Enabled bool `yaml:"enabled"`
	// MaxSize is the most bytes of all segments; above it the oldest goes.
	// 0: 10 GiB.
	MaxSize int64 `yaml:"max_size"`
	// MaxAge is how long pages are kept, to the day. 0: 30 days.
	MaxAge time.Duration `yaml:"max_age"`
	// Segment is the bytes of a segment at which the next begins; at most a
	// quarter of MaxSize. 0: 64 MiB.
	Segment int64 `yaml:"segment"`
}

const (
	defaultMaxSize = 10 << 30
	defaultMaxAge  = 30 * 24 * time.Hour
	defaultSegment = 64 << 20

	// minFree is the bytes of disk that are left to others: pages are the first
	// to give way, well before the streams of articles stop at theirs.
	minFree = 512 << 20
	// freeEvery is the bytes written between two looks at the disk.
	freeEvery = 8 << 20
	// restAfter is how long nothing is tried after a failure to write.
	restAfter = time.Minute
	// syncAfter is the longest that a page kept waits to be flushed to the disk.
	syncAfter = 5 * time.Second
)

// Sentinels of archives.
var (
	ErrLocked = errors.New("warc: another process writes to the archive")
	ErrPaused = errors.New("warc: nothing is kept for now") // the disk is full or does not write
	ErrClosed = errors.New("warc: the archive is closed")
)

// An Archive keeps pages in a folder. It is safe for use by several goroutines;
// one process at a time has it.
//
// A page is written in one piece, and flushed to the disk with those that came
// within five seconds, and with its segment's last: a crash of the process
// takes nothing but a page half written, a failure of power the pages of five
// seconds. Nothing waits for the disk, for pages can be fetched again. What a
// crash has left at the end of a segment is cut off at the next start, if it is
// the beginning of a record, and passed over, if it is anything else.
type Archive struct {
	lg       *slog.Logger
	dir      string
	software string
	cfg      Config
	metrics  *metrics
	lock     *os.File

	now   func() time.Time
	free  func(dir string) (int64, error)
	write func(f *os.File, p []byte) (int, error)
	sync  func(f *os.File) error
	after func(d time.Duration, fn func()) (stop func() bool)

	mu       sync.Mutex
	zw       *gzip.Writer
	segments []*segment // oldest first; the last one is written to if file is set
	file     *os.File
	bodies   map[string]reference // of the segment written to, by payload digest
	total    int64                // bytes of all segments
	unseen   int64                // bytes written since the last look at the disk
	paused   time.Time            // nothing is tried until then; zero: all is well
	unsynced func() bool          // stops the timer of the flush that is due; nil: all is flushed
	closed   bool
}

// A segment is one file.
type segment struct {
	serial int
	day    time.Time // in UTC, on which it was begun
	size   int64     // of whole records
}

const dayForm = "20060102"

func (s *segment) name() string {
	return fmt.Sprintf("pages-%08d-%s.warc.gz", s.serial, s.day.Format(dayForm))
}

// parseName is the segment of that name, if it is one. Names are in the order
// of serials, whatever the clock says.
func parseName(name string) (*segment, bool) {
	var serial int
	var day string
	if n, err := fmt.Sscanf(name, "pages-%8d-%8s", &serial, &day); n != 2 || err != nil {
		return nil, false
	}
	t, err := time.Parse(dayForm, day)
	s := &segment{serial: serial, day: t}
	return s, err == nil && serial > 0 && s.name() == name
}

// Open opens the archive in the folder, which it makes if there is none, and
// cuts off a record that was not written whole. The version of the software
// stands in each segment. It answers ErrLocked while another process has it.
func Open(lg *slog.Logger, reg prometheus.Registerer, dir, version string, cfg Config) (*Archive, error) {
	if cfg.MaxSize < 0 || cfg.MaxAge < 0 || cfg.Segment < 0 {
		return nil, fmt.Errorf("archive %s: a limit is negative: max_size %d, max_age %v, segment %d", dir, cfg.MaxSize, cfg.MaxAge, cfg.Segment)
	}
	if cfg.MaxSize == 0 {
		cfg.MaxSize = defaultMaxSize
	}
	if cfg.MaxAge == 0 {
		cfg.MaxAge = defaultMaxAge
	}
	if cfg.Segment == 0 {
		cfg.Segment = defaultSegment
	}
	cfg.Segment = min(cfg.Segment, cfg.MaxSize/4)
	if err := os.MkdirAll(dir, 0o750); err != nil {
		return nil, fmt.Errorf("archive: %w", err)
	}
	lock, err := lockFile(filepath.Join(dir, "lock"))
	if err != nil {
		return nil, fmt.Errorf("archive %s: %w", dir, err)
	}
	zw, err := gzip.NewWriterLevel(nil, gzip.BestSpeed)
	if err != nil {
		return nil, errors.Join(err, lock.Close())
	}
	a := &Archive{
		lg: lg.With("component", "archive"), dir: dir, software: "newswatch/" + version, cfg: cfg, lock: lock, zw: zw, unseen: freeEvery,
		now: time.Now, free: freeBytes, write: func(f *os.File, p []byte) (int, error) { return f.Write(p) },
		sync: func(f *os.File) error { return f.Sync() }, after: func(d time.Duration, fn func()) func() bool { return time.AfterFunc(d, fn).Stop },
	}
	if err := a.load(); err != nil {
		return nil, errors.Join(fmt.Errorf("archive %s: %w", dir, err), lock.Close())
	}
	a.metrics = newMetrics(reg)
	a.limit(0)
	a.gauge()
	return a, nil
}

// load finds the segments, and goes on with the last one if it is well.
func (a *Archive) load() error {
	entries, err := os.ReadDir(a.dir)
	if err != nil {
		return err
	}
	for _, e := range entries {
		s, ok := parseName(e.Name())
		if !ok || !e.Type().IsRegular() {
			continue
		}
		fi, err := e.Info()
		if err != nil {
			return err
		}
		s.size = fi.Size()
		a.total += s.size
		a.segments = append(a.segments, s)
	}
	slices.SortFunc(a.segments, func(x, y *segment) int { return x.serial - y.serial })
	if n := len(a.segments); n > 0 && a.segments[n-1].size < a.cfg.Segment {
		return a.resume(a.segments[n-1])
	}
	return nil
}

// resume opens the segment to go on with it. What ends in half a record was cut
// short while it was written, and loses that; what is damaged otherwise is left
// to be read as far as it goes, and the next page begins a new segment.
func (a *Archive) resume(s *segment) error {
	f, err := os.OpenFile(filepath.Join(a.dir, s.name()), os.O_RDWR, 0)
	if err != nil {
		return err
	}
	list, err := scan(f, s.size)
	end := list.end
	switch {
	case err == nil:
	case errors.Is(err, errHalf):
		a.lg.Warn("half a record cut off the archive", "segment", s.name(), "at", end, "bytes", s.size-end)
		if err := f.Truncate(end); err != nil {
			return errors.Join(err, f.Close())
		}
		if err := a.sync(f); err != nil {
			return errors.Join(err, f.Close())
		}
		a.total -= s.size - end
		s.size = end
	default:
		a.lg.Error("segment of the archive is damaged, a new one is begun", "segment", s.name(), "at", end, "error", err)
		return f.Close()
	}
	if s.size == 0 { // not even its warcinfo
		a.segments = a.segments[:len(a.segments)-1]
		return errors.Join(f.Close(), os.Remove(f.Name()))
	}
	if _, err := f.Seek(s.size, 0); err != nil {
		return errors.Join(err, f.Close())
	}
	a.file, a.bodies = f, list.bodies
	return nil
}

// Keep keeps the page. ErrPaused, and any other error of writing, is of this
// page alone; what is wrong is logged once, until pages are kept again.
func (a *Archive) Keep(p *Page) error {
	payload := digest(p.Body)
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.closed {
		return ErrClosed
	}
	if !a.paused.IsZero() && a.now().Before(a.paused) {
		a.metrics.pages.WithLabelValues(keptNot).Inc()
		return ErrPaused
	}
	result, err := a.keep(p, payload)
	if err == nil && !a.paused.IsZero() {
		a.lg.Info("pages are kept again", "dir", a.dir)
		a.paused = time.Time{}
	}
	if err != nil && !errors.Is(err, ErrTooBig) {
		if a.paused.IsZero() {
			a.lg.Error("pages are not kept", "dir", a.dir, "error", err)
		}
		a.paused = a.now().Add(restAfter)
	}
	a.metrics.pages.WithLabelValues(result).Inc()
	a.gauge()
	return err
}

// keep writes the page and says what became of it, for the metrics.
func (a *Archive) keep(p *Page, payload string) (string, error) {
	if a.unseen >= freeEvery || !a.paused.IsZero() {
		switch free, err := a.free(a.dir); {
		case err != nil:
			return keptNot, fmt.Errorf("free disk: %w", err)
		case free < minFree:
			return keptNot, fmt.Errorf("%d bytes of disk are free, %d are left to others", free, int64(minFree))
		}
		a.unseen = 0
	}
	if err := a.turn(); err != nil {
		return keptNot, err
	}
	result, same := keptResponse, (*reference)(nil)
	if ref, ok := a.bodies[payload]; ok {
		result, same = keptRevisit, &ref
	}
	page, note, ref := p.records(payload, same)
	if len(page.Block) > defaultMost || len(note.Block) > defaultMost { // nobody would read it again
		return keptNot, fmt.Errorf("%w: page of %d bytes, note of %d", ErrTooBig, len(page.Block), len(note.Block))
	}
	data, err := pack(a.zw, page, note)
	if err != nil {
		return keptNot, err
	}
	a.limit(int64(len(data)))
	if err := a.append(data); err != nil {
		return keptNot, err
	}
	if same == nil {
		a.bodies[payload] = ref
	}
	return result, nil
}

// append writes records to the segment, all or none.
func (a *Archive) append(data []byte) error {
	s := a.segments[len(a.segments)-1]
	if _, err := a.write(a.file, data); err != nil {
		// What was written of them goes again. Where even that fails, the
		// segment is given up, and cut when it is next opened.
		_, serr := a.file.Seek(s.size, 0)
		if terr := a.file.Truncate(s.size); terr != nil || serr != nil {
			return errors.Join(err, terr, serr, a.leave())
		}
		return err
	}
	n := int64(len(data))
	s.size += n
	a.total += n
	a.unseen += n
	if a.unsynced == nil {
		f := a.file
		a.unsynced = a.after(syncAfter, func() { a.flush(f) })
	}
	return nil
}

// flush makes durable what was written to the segment's file. Pages are kept
// meanwhile. After a failure nobody knows what the disk has: the segment is
// given up, and the next page begins another.
func (a *Archive) flush(f *os.File) {
	a.mu.Lock()
	if a.file != f {
		a.mu.Unlock()
		return
	}
	a.unsynced = nil
	a.mu.Unlock()
	err := a.sync(f)
	if err == nil || errors.Is(err, os.ErrClosed) { // ended meanwhile, which flushes it
		return
	}
	a.lg.Error("pages may not be durable, a new segment is begun", "file", f.Name(), "error", err)
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.file == f {
		a.file = nil
		if err := f.Close(); err != nil {
			a.lg.Error("segment of the archive is not closed", "file", f.Name(), "error", err)
		}
	}
}

// syncDir makes durable that the folder has a new file.
func (a *Archive) syncDir() error {
	d, err := os.Open(a.dir)
	if err != nil {
		return err
	}
	return errors.Join(a.sync(d), d.Close())
}

// turn begins a new segment where there is none, or the last one is full or of
// another day.
func (a *Archive) turn() error {
	day := a.now().UTC().Truncate(24 * time.Hour)
	if a.file != nil {
		if s := a.segments[len(a.segments)-1]; s.size < a.cfg.Segment && s.day.Equal(day) {
			return nil
		}
		if err := a.leave(); err != nil {
			return err
		}
	}
	s := &segment{serial: 1, day: day}
	if n := len(a.segments); n > 0 {
		s.serial = a.segments[n-1].serial + 1
	}
	f, err := os.OpenFile(filepath.Join(a.dir, s.name()), os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o640)
	if err != nil {
		return err
	}
	a.file, a.bodies = f, make(map[string]reference)
	a.segments = append(a.segments, s)
	data, err := pack(a.zw, info(s.name(), a.software, a.now()))
	if err == nil {
		err = a.append(data)
	}
	if err == nil {
		err = a.syncDir()
	}
	if err != nil { // an empty segment is no use
		a.segments = a.segments[:len(a.segments)-1]
		a.file = nil
		return errors.Join(err, ignoreClosed(f.Close()), os.Remove(f.Name()))
	}
	return nil
}

// leave makes the segment durable and ends it.
func (a *Archive) leave() error {
	f := a.file
	a.file = nil
	if a.unsynced != nil {
		a.unsynced()
		a.unsynced = nil
	}
	if f == nil {
		return nil
	}
	return errors.Join(a.sync(f), f.Close())
}

// limit deletes the oldest segments that are too old, or too much with so many
// bytes more. The one written to stays.
func (a *Archive) limit(more int64) {
	keep := 0
	if a.file != nil {
		keep = 1
	}
	// A segment is of one day: its youngest page is younger than the day after.
	oldest := a.now().Add(-a.cfg.MaxAge - 24*time.Hour)
	for len(a.segments) > keep {
		s := a.segments[0]
		reason := goneAge
		switch {
		case s.day.Before(oldest):
		case a.total+more > a.cfg.MaxSize:
			reason = goneSize
		default:
			return
		}
		if err := os.Remove(filepath.Join(a.dir, s.name())); err != nil && !errors.Is(err, os.ErrNotExist) {
			a.lg.Error("segment of the archive can't be deleted", "segment", s.name(), "error", err)
			return
		}
		a.lg.Info("oldest pages deleted", "segment", s.name(), "bytes", s.size, "reason", reason)
		a.metrics.deleted.WithLabelValues(reason).Inc()
		a.total -= s.size
		a.segments = a.segments[1:]
	}
}

// gauge tells the metrics how things are.
func (a *Archive) gauge() {
	a.metrics.bytes.Set(float64(a.total))
	a.metrics.segments.Set(float64(len(a.segments)))
	paused := 0.0
	if !a.paused.IsZero() {
		paused = 1
	}
	a.metrics.paused.Set(paused)
}

// Close makes what was kept durable and lets the folder go.
func (a *Archive) Close() error {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.closed {
		return nil
	}
	a.closed = true
	return errors.Join(a.leave(), a.lock.Close())
}

func ignoreClosed(err error) error {
	if errors.Is(err, os.ErrClosed) {
		return nil
	}
	return err
}
