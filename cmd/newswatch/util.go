package main

import (
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"time"
)

// oneOf checks a flag that takes one of a few words.
func oneOf(flag, value string, words ...string) error {
	if slices.Contains(words, value) {
		return nil
	}
	return fmt.Errorf("--%s %q: want %s", flag, value, strings.Join(words, ", "))
}

// readSecret reads a secret from a file, without the line's end.
func readSecret(file string) (string, error) {
	b, err := os.ReadFile(file)
	if err != nil {
		return "", err
	}
	return strings.TrimSpace(string(b)), nil
}

// terminal says whether f is one.
func terminal(f any) bool {
	file, ok := f.(*os.File)
	if !ok {
		return false
	}
	st, err := file.Stat()
	return err == nil && st.Mode()&os.ModeCharDevice != 0
}

// progress passes a file through and says on a terminal how far it is.
type progress struct {
	w    io.Writer
	f    *os.File
	size int64
	read int64
	last time.Time
}

func newProgress(w io.Writer, f *os.File) io.Reader {
	st, err := f.Stat()
	if err != nil || st.Size() == 0 || !terminal(w) {
		return f
	}
	return &progress{w: w, f: f, size: st.Size()}
}

// Read passes on what the file gives.
func (p *progress) Read(b []byte) (int, error) {
	n, err := p.f.Read(b)
	p.read += int64(n)
	switch {
	case err != nil:
		fmt.Fprint(p.w, "\r\x1b[K")
	case time.Since(p.last) > 200*time.Millisecond:
		p.last = time.Now()
		fmt.Fprintf(p.w, "\r%3d %% of %.1f MB", 100*p.read/p.size, float64(p.size)/1e6)
	}
	return n, err
}
