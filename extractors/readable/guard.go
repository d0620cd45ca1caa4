package readable

import "bytes"

// maxReopened is how many elements the parser may open again. Beyond it what is
// left of a page is not read: a page of a few megabytes could fill any memory.
const maxReopened = 1_000_000

// affordable is the part of a page that can be parsed at a cost like its size.
// HTML's rules have a parser open elements for bold, italic, fonts and the like
// again in each block that follows, until they are closed. A page that never
// does so grows with the square of its length. What the parser would open is
// reckoned from the tags, which costs little beside parsing.
func affordable(b []byte) []byte {
	var open, plain [len(formats)]int
	var active, reopened int
	for at := 0; ; {
		i := bytes.IndexByte(b[at:], '<')
		if i < 0 || at+i+1 >= len(b) {
			return b
		}
		at += i + 1
		end := b[at] == '/'
		if end {
			at++
		}
		name := tagName(b[at:])
		if len(name) == 0 {
			continue
		}
		f := formatOf(name)
		switch {
		case f < 0 && inText(name):
		case f < 0: // a block, or what might be one
			if reopened += active; reopened > maxReopened {
				return b[:at-1]
			}
		case end:
			if plain[f] > 0 {
				plain[f]--
				active--
			} else if open[f] > 0 {
				open[f]--
				active--
			}
		case at+len(name) < len(b) && b[at+len(name)] == '>':
			if plain[f] < likeElements {
				plain[f]++
				active++
			}
		default:
			open[f]++
			active++
		}
		at += len(name)
	}
}

// likeElements is how many elements that are alike in all the parser remembers.
const likeElements = 3

// formats are the elements that are opened again but for a and nobr, of which
// one is remembered at most.
var formats = [...]string{"b", "i", "u", "s", "em", "tt", "big", "code", "font", "small", "strike", "strong"}

func formatOf(name []byte) int {
	for i, f := range formats {
		if len(f) == len(name) && bytes.EqualFold([]byte(f), name) {
			return i
		}
	}
	return -1
}

// inText says whether an element is one of those that most stand inside a line.
func inText(name []byte) bool {
	switch string(name) {
	case "a", "span", "img", "br", "A", "SPAN", "IMG", "BR":
		return true
	}
	return false
}

func tagName(b []byte) []byte {
	n := 0
	for n < len(b) && n < 8 && (b[n]|0x20 >= 'a' && b[n]|0x20 <= 'z' || n > 0 && b[n] >= '0' && b[n] <= '9') {
		n++
	}
	return b[:n]
}
