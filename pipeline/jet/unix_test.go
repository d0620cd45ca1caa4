//go:build linux

package jet

import (
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"syscall"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
)

// TestReadOnlyFolder drops the rights to files of this test's thread, so that
// it holds for root too.
func TestReadOnlyFolder(t *testing.T) {
	parent, err := os.MkdirTemp("", "jet")
	if err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(parent)
	dir := filepath.Join(parent, "data")
	if err := errors.Join(os.Chmod(parent, 0o755), os.Mkdir(dir, 0o555)); err != nil {
		t.Fatal(err)
	}
	got := make(chan error)
	go func() {
		runtime.LockOSThread() // and never unlocked: the thread ends with its rights
		if os.Getuid() == 0 {
			if err := syscall.Setfsuid(65534); err != nil {
				got <- err
				return
			}
		}
		_, err := Open(t.Context(), testLog(t), prometheus.NewRegistry(), Config{Dir: dir})
		got <- err
	}()
	if err := <-got; !errors.Is(err, ErrNotWritable) {
		t.Errorf("got %v", err)
	}
}
