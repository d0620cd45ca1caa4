//go:build !unix

package readabletest

import "time"

var began = time.Now()

// processorTime is the time gone by, where the system is not asked what the
// process has used of it.
func processorTime() time.Duration { return time.Since(began) }
