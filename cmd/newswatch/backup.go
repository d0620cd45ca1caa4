package main

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"

	"github.com/newswatch/newswatch/cmd/internal/app"
	"github.com/newswatch/newswatch/cmd/internal/backup"
	"github.com/newswatch/newswatch/cmd/internal/client"
	"github.com/newswatch/newswatch/cmd/internal/config"
)

const (
	backupPath = apiPath + "backup"
	backupType = "application/zstd"
)

// backupFlags are the flags of backup.
type backupFlags struct {
	verify, archive, noIndex, force bool
}

func newBackup() *cobra.Command {
	var s server
	var f backupFlags
	cmd := &cobra.Command{
		Use:   "backup FILE|-",
		Short: "Write everything into one file, while newswatch works on",
		Long: `backup has the running newswatch write everything that another machine needs to
go on from here into one file: the index, what is on its way, the catalog, feeds'
state, alerts and what became of each, dead letters. Articles go on to arrive
meanwhile; what was accepted when the backup began is in it. The file is verified
as it comes, and has its name only when it is whole: until then it is
FILE.partial. With - it goes to standard output.

Not in it: the settings (newswatch.yaml), catalog files that --catalog names, and
files with secrets. The pages kept for reindex --extract are, with --archive.

--verify reads a file and says whether it is whole; it needs no server.

Exit codes: 0 done, 1 failed, 2 wrong use, 3 the file does not verify.`,
		Example: `  newswatch backup /backups/newswatch-$(date +%F).nwb
  newswatch backup - | ssh vault 'cat > newswatch.nwb'
  newswatch backup --verify /backups/newswatch-2026-11-25.nwb`,
		Args: cobra.ExactArgs(1),
		PreRunE: func(cmd *cobra.Command, _ []string) error {
			if f.verify && (f.archive || f.noIndex || f.force) {
				return errors.New("--verify goes with no other flag: it writes nothing")
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			if f.verify {
				return verifyBackup(cmd, args[0])
			}
			c, err := s.client()
			if err != nil {
				return err
			}
			return writeBackup(cmd, c, args[0], f)
		},
	}
	s.flags(cmd)
	cmd.Flags().BoolVar(&f.verify, "verify", false, "only check the file")
	cmd.Flags().BoolVar(&f.archive, "archive", false, "with the pages that were kept")
	cmd.Flags().BoolVar(&f.noIndex, "no-index", false, "without the index: what the stream still holds is indexed again")
	cmd.Flags().BoolVar(&f.force, "force", false, "replace the file if it is there")
	return cmd
}

// writeBackup asks for a backup, verifies it as it comes, and gives the file its
// name when it is whole.
func writeBackup(cmd *cobra.Command, c *client.Client, file string, f backupFlags) (err error) {
	if file == "-" {
		_, err := fetchBackup(cmd, c, f, cmd.OutOrStdout())
		return err
	}
	if _, err := os.Lstat(file); err == nil && !f.force {
		return fmt.Errorf("%s is there already; --force replaces it", file)
	}
	partial := file + ".partial"
	out, err := os.OpenFile(partial, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600) // all that is known is in it
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, os.Remove(partial))
		}
	}()
	m, err := fetchBackup(cmd, c, f, out)
	if err == nil {
		err = out.Sync()
	}
	if err := errors.Join(err, out.Close()); err != nil {
		return err
	}
	info, err := os.Stat(partial)
	if err != nil {
		return err
	}
	if err := os.Rename(partial, file); err != nil {
		return err
	}
	if err := syncFolder(filepath.Dir(file)); err != nil {
		return err
	}
	_, err = fmt.Fprintf(cmd.OutOrStdout(), "%s: %s of %s\n", file, megabytes(info.Size()), contents(m))
	return err
}

// fetchBackup copies the server's backup to out and verifies it meanwhile.
func fetchBackup(cmd *cobra.Command, c *client.Client, f backupFlags, out io.Writer) (*backup.Manifest, error) {
	v := make(url.Values)
	if f.archive {
		v.Set("pages", "true")
	}
	if f.noIndex {
		v.Set("index", "false")
	}
	path := backupPath
	if len(v) > 0 {
		path += "?" + v.Encode()
	}
	type outcome struct {
		m   *backup.Manifest
		err error
	}
	pr, pw := io.Pipe()
	verified := make(chan outcome, 1)
	go func() {
		m, err := app.VerifyBackup(cmd.Context(), pr)
		_, _ = io.Copy(io.Discard, pr) // what is damaged is still to be written: the error comes at the end
		verified <- outcome{m, err}
	}()
	tally := &tally{w: cmd.ErrOrStderr(), live: terminal(cmd.ErrOrStderr())}
	err := c.Stream(cmd.Context(), http.MethodPost, path, backupType, io.MultiWriter(out, pw, tally))
	tally.end()
	pw.CloseWithError(err)
	o := <-verified
	if err != nil {
		return nil, err
	}
	return o.m, o.err
}

// A tally says on a terminal how much has come.
type tally struct {
	w    io.Writer
	live bool
	n    int64
	last time.Time
}

func (t *tally) Write(b []byte) (int, error) {
	t.n += int64(len(b))
	if t.live && time.Since(t.last) > 200*time.Millisecond {
		t.last = time.Now()
		fmt.Fprintf(t.w, "\r%s", megabytes(t.n))
	}
	return len(b), nil
}

func (t *tally) end() {
	if t.live {
		fmt.Fprint(t.w, "\r\x1b[K")
	}
}

func megabytes(n int64) string { return fmt.Sprintf("%.1f MB", float64(n)/1e6) }

// contents says what is in a backup.
func contents(m *backup.Manifest) string {
	text := m.Created.Local().Format("2006-01-02 15:04:05")
	if !m.Has("index") {
		text += ", without the index"
	}
	if m.Has("pages") {
		text += ", with pages"
	}
	return text
}

func syncFolder(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

// input opens a file, or standard input for -.
func input(cmd *cobra.Command, file string) (io.Reader, func() error, error) {
	if file == "-" {
		return cmd.InOrStdin(), func() error { return nil }, nil
	}
	f, err := os.Open(file)
	if err != nil {
		return nil, nil, err
	}
	return newProgress(cmd.ErrOrStderr(), f), f.Close, nil
}

func verifyBackup(cmd *cobra.Command, file string) error {
	r, done, err := input(cmd, file)
	if err != nil {
		return err
	}
	defer done()
	m, err := app.VerifyBackup(cmd.Context(), r)
	switch {
	case errors.Is(err, backup.ErrDamaged):
		_, printed := fmt.Fprintf(cmd.OutOrStdout(), "%s: %v\n", file, err)
		return errors.Join(printed, errNothing)
	case err != nil:
		return err
	}
	_, err = fmt.Fprintf(cmd.OutOrStdout(), "%s is whole: %s of %s, by newswatch %s\n", file, megabytes(m.Size()), contents(m), m.Program)
	return err
}

func newRestore() *cobra.Command {
	var p process
	cmd := &cobra.Command{
		Use:   "restore FILE|- --data DIR",
		Short: "Make a data folder of a backup",
		Long: `restore makes of a backup a data folder that newswatch run goes on with. The
folder must not exist, or be empty, and nobody may use it. Everything is unpacked,
verified and on the disk before anything is put in place: after an error the folder
is empty again.

With --nats, or nats.url in the settings, the streams go to that server, where
none of them may be.

Alerts that were sent when the backup was taken are not sent again. Don't let the
old newswatch go on beside the restored one: both would send what is new.

Exit codes: 0 done, 1 failed, 2 wrong use.`,
		Example: `  newswatch restore /backups/newswatch-2026-11-25.nwb --data ./newswatch-data
  newswatch run --data ./newswatch-data`,
		Args:    cobra.ExactArgs(1),
		PreRunE: func(*cobra.Command, []string) error { return p.check() },
		RunE: func(cmd *cobra.Command, args []string) error {
			return restoreBackup(cmd, &p, args[0])
		},
	}
	f := cmd.Flags()
	f.StringVar(&p.data, "data", "", "data folder to make")
	f.StringVar(&p.config, "config", "", "settings file (newswatch.yaml)")
	f.StringVar(&p.nats, "nats", "", "external NATS server or cluster, such as nats://127.0.0.1:4222")
	f.StringVar(&p.level, "log-level", "warn", "debug, info, warn or error")
	cobra.CheckErr(cmd.MarkFlagRequired("data"))
	return cmd
}

func restoreBackup(cmd *cobra.Command, p *process, file string) error {
	cfg, err := p.settings(cmd)
	if err != nil {
		return err
	}
	lg, err := newLogger(config.Log{Level: cfg.Log.Level, Format: cfg.Log.Format})
	if err != nil {
		return err
	}
	r, done, err := input(cmd, file)
	if err != nil {
		return err
	}
	defer done()
	m, err := app.Restore(cmd.Context(), lg, cfg, r)
	if err != nil {
		return fmt.Errorf("%s: nothing was restored: %w", file, err)
	}
	_, err = fmt.Fprintf(cmd.OutOrStdout(), "%s: restored %s of %s\n", cfg.Data, megabytes(m.Size()), contents(m))
	return err
}
