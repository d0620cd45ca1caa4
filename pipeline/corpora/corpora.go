// Package corpora finds and reads the test corpora: real feeds, pages and
// articles that are no part of the repository. What goes in is the folder they
// were unpacked to, which NEWSWATCH_CORPORA names; what comes out is their
// records. Tests and measurements use it, nothing else does.
package corpora

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"iter"
	"os"
	"path/filepath"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
)

// Env is the environment variable with the folder of the corpora.
const Env = "NEWSWATCH_CORPORA"

// maxLine is the longest record, bytes.
const maxLine = 16 << 20

// T is what is used of testing.TB, so that no program links package testing.
type T interface {
	Helper()
	Fatal(args ...any)
	Skip(args ...any)
}

// Folder is the folder of the corpora. Without one the test is skipped, except
// where CI is true: there everything must run, and it fails.
func Folder(t T) string {
	t.Helper()
	dir := os.Getenv(Env)
	switch {
	case dir != "":
	case os.Getenv("CI") == "true":
		t.Fatal(Env + " is not set, and CI needs the corpora")
	default:
		t.Skip(Env + " is not set: no corpora to test with")
	}
	return dir
}

// An Article is one of the news corpus: 47,443 real articles in English,
// Chinese and Russian.
type Article struct {
	ID     string `json:"id"`
	Title  string `json:"title"`
	Body   string `json:"body"`
	Lang   string `json:"lang"`
	Source string `json:"source"`
}

// News yields the articles of the news corpus in the folder dir, in the order
// they are there, and an error as the last where they can't be read to the end.
func News(dir string) iter.Seq2[Article, error] {
	return Records[Article](filepath.Join(dir, "news", "news-47k.jsonl.zst"))
}

// Records yields the lines of a file of JSON Lines as values; see [Lines].
func Records[V any](path string) iter.Seq2[V, error] {
	return func(yield func(V, error) bool) {
		n := 0
		for line, err := range Lines(path) {
			var v V
			if n++; err == nil {
				if err = json.Unmarshal(line, &v); err != nil {
					err = fmt.Errorf("%s:%d: %w", path, n, err)
				}
			}
			if !yield(v, err) || err != nil {
				return
			}
		}
	}
}

// Lines yields the lines of a file, packed (.gz, .zst) or not, each valid until
// the next, and an error as the last, with the file, where it can't be read to
// the end.
func Lines(path string) iter.Seq2[[]byte, error] {
	return func(yield func([]byte, error) bool) {
		f, err := open(path)
		if err != nil {
			yield(nil, err)
			return
		}
		defer f.Close()
		lines := bufio.NewScanner(f)
		lines.Buffer(nil, maxLine)
		for lines.Scan() {
			if !yield(lines.Bytes(), nil) {
				return
			}
		}
		if err := lines.Err(); err != nil {
			yield(nil, fmt.Errorf("%s: %w", path, err))
		}
	}
}

// open opens a file and unpacks it as its name says (.gz, .zst).
func open(path string) (io.ReadCloser, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	var r io.Reader = f
	unpacked := func() {}
	switch filepath.Ext(path) {
	case ".gz":
		r, err = gzip.NewReader(f)
	case ".zst":
		var z *zstd.Decoder
		if z, err = zstd.NewReader(f); err == nil {
			r, unpacked = z, z.Close
		}
	}
	if err != nil {
		f.Close()
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return file{r, f, unpacked}, nil
}

// A file is one that is unpacked while it is read.
type file struct {
	io.Reader
	file     *os.File
	unpacked func()
}

func (f file) Close() error {
	f.unpacked()
	return f.file.Close()
}
