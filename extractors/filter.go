package extractors

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"time"

	"github.com/newswatch/newswatch/extractors/readable"
)

// A LineIn is a line that [Filter] reads: a page, in a file or as a string.
type LineIn struct {
	ID       string `json:"id"`
	URL      string `json:"url"`
	HTMLFile string `json:"html_file"`
	HTML     string `json:"html"`
	Lang     string `json:"lang"` // as declared, where that is known
}

// A LineOut is a line that [Filter] writes: the article, or what kept it from
// being one.
type LineOut struct {
	ID        string    `json:"id"`
	Title     string    `json:"title"`
	Text      string    `json:"text"`
	Author    string    `json:"author"`
	Published time.Time `json:"published,omitzero"`
	Lang      string    `json:"lang"`
	Canonical string    `json:"canonical"`
	Method    string    `json:"method"`
	Notes     []string  `json:"notes,omitempty"`
	Error     string    `json:"error,omitempty"`
	Line      int       `json:"line,omitempty"` // the number of the line read, with an error
}

// FilterOptions of [Filter].
type FilterOptions struct {
	Dir     string // relative html_file paths are below it; empty: the working directory
	NoFiles bool   // refuse html_file: the lines are foreign, the files are not theirs
	Workers int    // pages read at once; 0: one per processor
	MaxLine int    // bytes of a line; 0: 32 MiB
}

// Filter reads JSON Lines of [LineIn] and writes a [LineOut] for each that is
// not blank, in the same order, several at a time. A bad line becomes a line
// with an error. Filter itself fails only where r or w does.
func Filter(r io.Reader, w io.Writer, opt FilterOptions) error {
	if opt.Workers <= 0 {
		opt.Workers = runtime.GOMAXPROCS(0)
	}
	if opt.MaxLine <= 0 {
		opt.MaxLine = 32 << 20
	}
	// Each line's answer comes through its own channel; the queue of channels
	// keeps the order and bounds how many lines are held.
	queue := make(chan chan LineOut, opt.Workers)
	stop := make(chan struct{})
	read := make(chan error, 1)
	go func() {
		defer close(queue)
		read <- eachLine(r, opt.MaxLine, func(n int, line []byte, err error) bool {
			answer := make(chan LineOut, 1)
			select {
			case queue <- answer:
			case <-stop:
				return false
			}
			go func() { answer <- filterLine(n, line, err, opt) }()
			return true
		})
	}()
	out := bufio.NewWriter(w)
	enc := json.NewEncoder(out)
	enc.SetEscapeHTML(false)
	for answer := range queue {
		err := enc.Encode(<-answer)
		if err == nil && len(queue) == 0 {
			err = out.Flush() // nobody waits for a line that is ready
		}
		if err != nil {
			close(stop)
			return fmt.Errorf("write article: %w", err)
		}
	}
	if err := out.Flush(); err != nil {
		return fmt.Errorf("write article: %w", err)
	}
	return <-read
}

var errLongLine = errors.New("line is too long")

// eachLine calls fn with every line that is not blank and its number, until fn
// answers false. The line is fn's to keep.
func eachLine(r io.Reader, limit int, fn func(n int, line []byte, err error) bool) error {
	br := bufio.NewReaderSize(r, 64<<10)
	for n := 1; ; n++ {
		var line []byte
		var long error
		var err error
		for {
			var part []byte
			part, err = br.ReadSlice('\n')
			if len(line)+len(part) > limit {
				line, long = nil, fmt.Errorf("%w: over %d bytes", errLongLine, limit)
			}
			if long == nil {
				line = append(line, part...)
			}
			if !errors.Is(err, bufio.ErrBufferFull) {
				break
			}
		}
		line = bytes.TrimSpace(line)
		if (len(line) > 0 || long != nil) && !fn(n, line, long) {
			return nil
		}
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("read line %d: %w", n, err)
		}
	}
}

func filterLine(n int, line []byte, err error, opt FilterOptions) LineOut {
	var in LineIn
	if err == nil {
		err = json.Unmarshal(line, &in)
	}
	if err != nil {
		return LineOut{ID: in.ID, Line: n, Error: fmt.Sprintf("line %d: %v", n, err)}
	}
	out, err := extractLine(in, opt)
	out.ID = in.ID
	if err != nil {
		out.Line, out.Error = n, fmt.Sprintf("line %d: %v", n, err)
	}
	return out
}

func extractLine(in LineIn, opt FilterOptions) (LineOut, error) {
	body, contentType := []byte(in.HTML), "text/html; charset=utf-8"
	switch {
	case in.HTML != "" && in.HTMLFile != "":
		return LineOut{}, errors.New(`one of "html" and "html_file" is wanted, not both`)
	case in.HTMLFile != "" && opt.NoFiles:
		return LineOut{}, errors.New(`"html_file" is not allowed here, send "html"`)
	case in.HTMLFile != "":
		name := in.HTMLFile
		if opt.Dir != "" && !filepath.IsAbs(name) {
			name = filepath.Join(opt.Dir, name)
		}
		var err error
		if body, err = os.ReadFile(name); err != nil {
			return LineOut{}, err
		}
		contentType = ""
	case in.HTML == "":
		return LineOut{}, errors.New(`one of "html" and "html_file" is wanted`)
	}
	page, err := readable.Extract(body, readable.Options{URL: in.URL, ContentType: contentType})
	return LineOut{
		Title:     page.Title,
		Text:      page.Text,
		Author:    page.Author,
		Published: page.Published, // in the page's own zone: its first ten characters are the day that the page names
		Lang:      Language(page.Title, page.Text, in.Lang, page.Lang),
		Canonical: page.Canonical,
		Method:    page.Method,
		Notes:     page.Notes,
	}, err
}
