package tags

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"github.com/newswatch/newswatch/pipeline"
)

// maxLineErrors is how many bad lines an error of Filter tells of.
const maxLineErrors = 100

// filterIn and filterOut are the lines of Filter.
type filterIn struct {
	ID    json.RawMessage `json:"id"`
	Lang  string          `json:"lang"`
	Title *string         `json:"title"`
	Text  *string         `json:"text"`
}

type filterOut struct {
	ID       json.RawMessage    `json:"id"`
	Mentions []pipeline.Mention `json:"mentions"`
}

// A LineError is a line that Filter could not read. It can be had from the error
// of Filter by errors.As.
type LineError struct {
	Line int // from 1
	Err  error
}

func (e *LineError) Error() string { return fmt.Sprintf("line %d: %v", e.Line, e.Err) }
func (e *LineError) Unwrap() error { return e.Err }

var errNoText = errors.New("has neither title nor text")

// Filter reads lines {"id","lang"?,"title"?,"text"} and writes for each, in
// order, a line {"id","mentions":[…]}. A line that can't be read is left out and
// told of in the error returned at the end, as a LineError with its number; the
// first hundred are, and how many there were. Blank lines are passed over.
func Filter(m *Matcher, r io.Reader, w io.Writer) error {
	in := bufio.NewReaderSize(r, 1<<16)
	out := bufio.NewWriterSize(w, 1<<16)
	enc := json.NewEncoder(out)
	enc.SetEscapeHTML(false)
	var bad []error
	nbad := 0
	for n := 1; ; n++ {
		line, err := in.ReadBytes('\n')
		if err != nil && err != io.EOF {
			return errors.Join(append(bad, fmt.Errorf("read line %d: %w", n, err), out.Flush())...)
		}
		if line = bytes.TrimSpace(line); len(line) > 0 {
			o, lerr := tagLine(m, line)
			if lerr == nil {
				if werr := enc.Encode(o); werr != nil {
					return errors.Join(append(bad, fmt.Errorf("write line %d: %w", n, werr))...)
				}
			} else if nbad++; nbad <= maxLineErrors {
				bad = append(bad, &LineError{n, lerr})
			}
		}
		if err == io.EOF {
			break
		}
		if in.Buffered() == 0 { // whoever writes waits: show what there is
			if werr := out.Flush(); werr != nil {
				return errors.Join(append(bad, fmt.Errorf("write line %d: %w", n, werr))...)
			}
		}
	}
	if nbad > maxLineErrors {
		bad = append(bad, fmt.Errorf("and %d more bad lines", nbad-maxLineErrors))
	}
	return errors.Join(append(bad, out.Flush())...)
}

func tagLine(m *Matcher, line []byte) (filterOut, error) {
	var in filterIn
	if err := json.Unmarshal(line, &in); err != nil {
		return filterOut{}, fmt.Errorf("decode: %w", err)
	}
	if in.Title == nil && in.Text == nil {
		return filterOut{}, errNoText
	}
	var title, text string
	if in.Title != nil {
		title = *in.Title
	}
	if in.Text != nil {
		text = *in.Text
	}
	if in.ID == nil {
		in.ID = json.RawMessage("null")
	}
	mentions := m.Tag(title, text, in.Lang)
	if mentions == nil {
		mentions = []pipeline.Mention{}
	}
	return filterOut{in.ID, mentions}, nil
}
