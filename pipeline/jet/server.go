package jet

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/nats-io/nats-server/v2/server"
)

// Why an embedded server can't start.
var (
	ErrInUse       = errors.New("jet: data folder is in use")
	ErrNotWritable = errors.New("jet: data folder is not writable")
	ErrDiskFull    = errors.New("jet: disk full")
	ErrPortTaken   = errors.New("jet: address is taken")
)

// maxPayload is the largest message the embedded server takes: a page's text
// with its mentions is far below it.
const maxPayload = 8 << 20

// An embedded is a NATS server inside this process, and the data folder it
// alone uses.
type embedded struct {
	srv     *server.Server
	lg      *slog.Logger
	dir     string
	lock    *os.File
	former  string // name of the node that used the folder before
	unclean bool   // it did not end in order
}

// startServer locks the data folder, starts a server on it and waits until it
// is ready.
func startServer(ctx context.Context, lg *slog.Logger, cfg Config, token string, free func(string) (int64, error)) (*embedded, error) {
	e := &embedded{lg: lg, dir: cfg.Dir}
	// Before anything is written: the server itself would start happily on a
	// folder another one is using.
	if err := e.lockDir(cfg.Node); err != nil {
		return nil, err
	}
	err := e.start(ctx, cfg, token, free)
	if err != nil {
		err = errors.Join(err, e.lock.Close())
		return nil, err
	}
	return e, nil
}

func (e *embedded) start(ctx context.Context, cfg Config, token string, free func(string) (int64, error)) error {
	switch n, err := free(e.dir); {
	case err != nil:
		return fmt.Errorf("free disk of %s: %w", e.dir, err)
	case n < cfg.MinFree/4:
		return fmt.Errorf("%w: %s has %d MiB left, %d MiB are needed to start", ErrDiskFull, e.dir, n>>20, cfg.MinFree>>22)
	}
	host, port, err := listenAddr(cfg.Listen, token)
	if err != nil {
		return err
	}
	if err := e.markDirty(); err != nil {
		return err
	}
	logger := &serverLogger{lg: e.lg, fatal: make(chan string, 1)}
	e.srv, err = server.NewServer(&server.Options{
		ServerName:             "newswatch",
		Host:                   host,
		Port:                   port,
		DontListen:             cfg.Listen == "",
		Authorization:          token,
		NoSigs:                 true,
		JetStream:              true,
		StoreDir:               e.dir, // else it would use a temporary one, with a warning only
		JetStreamMaxStore:      cfg.MaxStore,
		JetStreamMaxMemory:     cfg.MaxMemory,
		SyncInterval:           cfg.SyncInterval,
		SyncAlways:             cfg.SyncAlways,
		MaxPayload:             maxPayload,
		DisableJetStreamBanner: true,
	})
	if err != nil {
		return fmt.Errorf("nats server: %w", err)
	}
	e.srv.SetLoggerV2(logger, false, false, false)
	started := make(chan struct{})
	go func() {
		defer close(started)
		e.srv.Start() // returns no error: it reports through the logger
	}()
	if err := e.waitReady(ctx, started, logger.fatal); err != nil {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 10*time.Second)
		defer cancel()
		return errors.Join(err, e.shutdown(ctx))
	}
	return nil
}

// lockDir makes the folder, shows that it can be written and takes its lock.
func (e *embedded) lockDir(node string) error {
	if err := os.MkdirAll(e.dir, 0o700); err != nil {
		return dirError(e.dir, err)
	}
	f, err := os.OpenFile(filepath.Join(e.dir, "newswatch.lock"), os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return dirError(e.dir, err)
	}
	text, err := os.ReadFile(f.Name())
	if err != nil {
		return errors.Join(dirError(e.dir, err), f.Close())
	}
	pid, former, _ := strings.Cut(strings.TrimSpace(string(text)), " ")
	locked, err := tryLock(f)
	switch {
	case err != nil:
		err = fmt.Errorf("lock %s: %w", f.Name(), err)
	case !locked:
		err = fmt.Errorf("%w: another newswatch (pid %s) is using %s", ErrInUse, pid, e.dir)
	default:
		err = dirError(e.dir, rewrite(f, strconv.Itoa(os.Getpid())+" "+node+"\n"))
	}
	if err != nil {
		return errors.Join(err, f.Close())
	}
	e.lock, e.former = f, former
	return nil
}

// Lock takes the lock on a data folder, which it makes if there is none, or
// answers ErrInUse.
func Lock(dir string) (unlock func() error, err error) {
	e := &embedded{dir: dir}
	if err := e.lockDir(nodeName()); err != nil {
		return nil, err
	}
	return e.lock.Close, nil
}

func rewrite(f *os.File, text string) error {
	if err := f.Truncate(0); err != nil {
		return err
	}
	if _, err := f.WriteAt([]byte(text), 0); err != nil {
		return err
	}
	return f.Sync()
}

// dirError says of what class an error on the data folder is.
func dirError(dir string, err error) error {
	switch {
	case err == nil:
		return nil
	case isDiskFull(err):
		return fmt.Errorf("%w: %s: %w", ErrDiskFull, dir, err)
	case errors.Is(err, fs.ErrPermission), errors.Is(err, syscall.EROFS), errors.Is(err, syscall.ENOTDIR):
		return fmt.Errorf("%w: %s: %w", ErrNotWritable, dir, err)
	}
	return fmt.Errorf("data folder %s: %w", dir, err)
}

// markDirty leaves a mark that only an orderly end removes.
func (e *embedded) markDirty() error {
	name := filepath.Join(e.dir, "dirty")
	if _, err := os.Stat(name); err == nil {
		e.unclean = true
		return nil
	}
	f, err := os.Create(name)
	if err != nil {
		return dirError(e.dir, err)
	}
	err = errors.Join(f.Sync(), f.Close())
	return dirError(e.dir, err)
}

// listenAddr splits the address and sees whether it is free: the server would
// only log that it is not.
func listenAddr(addr, token string) (host string, port int, err error) {
	if addr == "" {
		return "", 0, nil
	}
	host, p, err := net.SplitHostPort(addr)
	if err != nil {
		return "", 0, fmt.Errorf("listen %q: %w", addr, err)
	}
	if ip := net.ParseIP(host); token == "" && host != "localhost" && (ip == nil || !ip.IsLoopback()) {
		return "", 0, fmt.Errorf("listen %q: beyond loopback a token_file is needed", addr)
	}
	l, err := net.Listen("tcp", addr)
	if err != nil {
		if errors.Is(err, syscall.EADDRINUSE) {
			return "", 0, fmt.Errorf("%w: %s", ErrPortTaken, addr)
		}
		return "", 0, fmt.Errorf("listen: %w", err)
	}
	if err := l.Close(); err != nil {
		return "", 0, err
	}
	if port, err = strconv.Atoi(p); err != nil {
		return "", 0, fmt.Errorf("listen %q: %w", addr, err)
	}
	if port == 0 {
		port = server.RANDOM_PORT
	}
	return host, port, nil
}

// waitReady waits until the server takes connections and is healthy. Neither
// alone will do: with a bad folder it claims to run, with JetStream enabled.
func (e *embedded) waitReady(ctx context.Context, started <-chan struct{}, fatal <-chan string) error {
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	status := "starting"
	for {
		select {
		case text := <-fatal:
			return fmt.Errorf("nats server: %s", text)
		case <-ctx.Done():
			return fmt.Errorf("nats server not ready: %s: %w", status, ctx.Err())
		case <-tick.C:
		}
		select {
		case <-started:
		default:
			continue
		}
		if !e.srv.ReadyForConnections(time.Millisecond) {
			status = "not ready for connections"
			continue
		}
		if h := e.srv.Healthz(&server.HealthzOptions{JSServerOnly: true}); h.Status != "ok" {
			status = h.Error
			continue
		}
		return nil
	}
}

// shutdown ends the server. LameDuckShutdown would do nothing without a
// listener, and waiting after it never end.
func (e *embedded) shutdown(ctx context.Context) error {
	done := make(chan struct{})
	go func() {
		defer close(done)
		e.srv.Shutdown()
		e.srv.WaitForShutdown()
	}()
	select {
	case <-done:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("nats server shutdown: %w", ctx.Err())
	}
}

// close ends the server and gives the folder back. The dirty mark goes only
// when everything is on the disk, and the lock goes last.
func (e *embedded) close(ctx context.Context) error {
	if err := e.shutdown(ctx); err != nil {
		return err // still at work on the folder: it stays locked while the process lives
	}
	return errors.Join(os.Remove(filepath.Join(e.dir, "dirty")), e.lock.Close())
}

// A serverLogger takes the server's log lines.
type serverLogger struct {
	lg    *slog.Logger
	fatal chan string
}

func (l *serverLogger) log(level slog.Level, format string, v []any) {
	l.lg.Log(context.Background(), level, "nats server", "text", fmt.Sprintf(format, v...))
}

func (l *serverLogger) Noticef(format string, v ...any) { l.log(slog.LevelDebug, format, v) }
func (l *serverLogger) Warnf(format string, v ...any)   { l.log(slog.LevelWarn, format, v) }
func (l *serverLogger) Errorf(format string, v ...any)  { l.log(slog.LevelError, format, v) }
func (l *serverLogger) Debugf(format string, v ...any)  { l.log(slog.LevelDebug, format, v) }
func (l *serverLogger) Tracef(format string, v ...any)  { l.log(slog.LevelDebug, format, v) }

// Fatalf does not end the process: the first such line is why the start failed.
func (l *serverLogger) Fatalf(format string, v ...any) {
	l.log(slog.LevelError, format, v)
	select {
	case l.fatal <- fmt.Sprintf(format, v...):
	default:
	}
}
