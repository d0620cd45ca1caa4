package app

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"time"

	"github.com/newswatch/newswatch/cmd/internal/backup"
	"github.com/newswatch/newswatch/cmd/internal/shards"
	"github.com/newswatch/newswatch/index"
	"github.com/newswatch/newswatch/web"
)

// Parts of a backup.
const (
	partIndex   = "index"    // of several shards, index/shard-<n> each
	partStreams = "streams/" // <stream>.1 and <stream>.2, see jet.Backup
	partPages   = "pages/"   // one of each segment
	partReplica = "replica"
)

// Backup writes everything that another machine needs to go on from here, while
// work goes on: what was accepted when it was begun is in it, and what was sent
// is known to have been. Settings, catalog files and secrets are not ours to
// keep.
//
// The index comes first, with the sequence from which it asks for the rest of
// the articles: the streams, read after it, have all that it has. Why these fit
// together is told at jet.Backup.
func (a *App) Backup(ctx context.Context, w io.Writer, opt web.BackupOptions) (err error) {
	if !a.backing.TryLock() {
		return web.ErrBusy
	}
	defer a.backing.Unlock()
	var copies map[int]*index.Index // by shard
	if !opt.NoIndex {
		if a.index != nil {
			copies = a.index.Indexes()
		}
		if len(copies) < a.shards.Count() {
			return web.ErrNoIndex
		}
	}
	began := time.Now()
	b, err := a.node.NewBackup(ctx)
	if err != nil {
		return err
	}
	out, err := backup.NewWriter(w, a.opts.Version, began)
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, out.Abandon())
		}
	}()
	for shard := range len(copies) {
		part := path.Join(partIndex, shards.Folder(a.shards, shard))
		if err := out.Part(part, func(w io.Writer) error { return copies[shard].Snapshot(ctx, w) }); err != nil {
			return err
		}
	}
	messages := 0
	for round := 1; round <= 2; round++ {
		for _, name := range b.Streams() {
			err := out.Part(fmt.Sprintf("%s%s.%d", partStreams, name, round), func(w io.Writer) error {
				n, err := b.Read(ctx, name, w)
				messages += n
				return err
			})
			if err != nil {
				return err
			}
		}
	}
	if opt.Pages {
		if err := a.backupPages(ctx, out); err != nil {
			return err
		}
	}
	if !opt.NoIndex {
		name, err := a.replica()
		if err != nil {
			return err
		}
		if err := out.Part(partReplica, func(w io.Writer) error { _, err := io.WriteString(w, name+"\n"); return err }); err != nil {
			return err
		}
	}
	if err := out.Close(); err != nil {
		return err
	}
	a.lg.Info("backup written", "messages", messages, "took", time.Since(began).Round(time.Millisecond))
	return nil
}

// backupPages adds the kept pages as far as they are written: what is cut off at
// the end of the newest segment is mended when it is opened.
func (a *App) backupPages(ctx context.Context, out *backup.Writer) error {
	dir := a.dataPath("pages")
	entries, err := os.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	for _, e := range entries {
		if !e.Type().IsRegular() || filepath.Ext(e.Name()) != ".gz" {
			continue
		}
		f, err := os.Open(filepath.Join(dir, e.Name()))
		if errors.Is(err, fs.ErrNotExist) {
			continue // its time was over
		}
		if err != nil {
			return err
		}
		err = out.Part(partPages+e.Name(), func(w io.Writer) error {
			info, err := f.Stat()
			if err != nil {
				return err
			}
			_, err = io.CopyN(w, readerUntil{ctx, f}, info.Size())
			return err
		})
		if err := errors.Join(err, f.Close()); err != nil {
			return err
		}
	}
	return nil
}

// readerUntil stops reading when the context is done.
type readerUntil struct {
	ctx context.Context
	r   io.Reader
}

func (r readerUntil) Read(b []byte) (int, error) {
	if err := r.ctx.Err(); err != nil {
		return 0, err
	}
	return r.r.Read(b)
}
