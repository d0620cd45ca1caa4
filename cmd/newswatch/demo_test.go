package main

import (
	"errors"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// A second run on the same data finds the outlets where the first had them, or
// says that it can't.
func TestNewsroomStaysWhereItWas(t *testing.T) {
	data := filepath.Join(t.TempDir(), "new", "data")
	first, err := listenNewsroom(data)
	if err != nil {
		t.Fatal(err)
	}
	addr := first.Addr().String()
	if _, err := listenNewsroom(data); !errors.Is(err, syscall.EADDRINUSE) || !strings.Contains(err.Error(), addr) {
		t.Errorf("while the first runs: error is %v, want one that names %s", err, addr)
	}
	if other, err := listenNewsroom(filepath.Join(t.TempDir(), "other")); err != nil {
		t.Errorf("on other data: %v", err)
	} else {
		other.Close()
	}
	first.Close()
	second, err := listenNewsroom(data)
	if err != nil {
		t.Fatal(err)
	}
	defer second.Close()
	if got := second.Addr().String(); got != addr {
		t.Errorf("second run at %s, want %s", got, addr)
	}
}
