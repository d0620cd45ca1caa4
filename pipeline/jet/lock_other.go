//go:build !linux && !darwin && !freebsd

package jet

import (
	"errors"
	"math"
	"os"
)

// tryLock refuses: without a lock two processes could ruin one folder.
func tryLock(*os.File) (bool, error) {
	return false, errors.New("locking is not supported on this system; use an external NATS server (url)")
}

func isDiskFull(error) bool { return false }

func freeBytes(string) (int64, error) { return math.MaxInt64, nil }
