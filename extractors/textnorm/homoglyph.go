package textnorm

import "unicode/utf8"

// lookalikes pairs folded Latin and Cyrillic letters whose small or capital
// forms can't be told apart in print (Unicode confusables, without those that
// only resemble each other in some fonts).
var lookalikes = [...][2]rune{
	{'a', 'а'},
	{'b', 'в'},
	{'c', 'с'},
	{'e', 'е'},
	{'h', 'н'},
	{'i', 'і'},
	{'j', 'ј'},
	{'k', 'к'},
	{'m', 'м'},
	{'o', 'о'},
	{'p', 'р'},
	{'s', 'ѕ'},
	{'t', 'т'},
	{'x', 'х'},
	{'y', 'у'},
}

// lookalike is the letter of the other script that looks like r, 0 for none.
func lookalike(r rune) rune {
	for _, p := range lookalikes {
		switch r {
		case p[0]:
			return p[1]
		case p[1]:
			return p[0]
		}
	}
	return 0
}

// unmix writes the word from w.start to n in one script if the letters of the
// rarer script all look like letters of the other, else of the other way round;
// words that are mixed in earnest (PDFки) stay. It returns the new end.
func (f *Folded) unmix(w *word, n int) int {
	latin, cyrillic := 0, 0
	latinOK, cyrillicOK := true, true // all its letters have a lookalike
	f.spans = f.spans[:0]
	for i := w.start; i < n; {
		r, size := utf8.DecodeRune(f.Text[i:n])
		s, e, _ := f.Source(i, i+size)
		f.spans = append(f.spans, span{r, int32(s), int32(e)})
		switch ClassOf(r) & (Latin | Cyrillic) {
		case Latin:
			latin++
			latinOK = latinOK && lookalike(r) != 0
		case Cyrillic:
			cyrillic++
			cyrillicOK = cyrillicOK && lookalike(r) != 0
		}
		i += size
	}
	var from Class
	switch {
	case cyrillicOK && (latin >= cyrillic || !latinOK):
		from = Cyrillic
	case latinOK:
		from = Latin
	default:
		return n
	}
	w.class &^= from
	return f.rewrite(w.start, n, from)
}

// rewrite writes the characters of f.spans at start with those of class from
// replaced by their lookalikes, and their breakpoints with them.
func (f *Folded) rewrite(start, end int, from Class) int {
	k := f.breakAt(start)
	var last breakpoint // what holds at start
	if k >= 0 {
		last = f.breaks[k]
	}
	for k++; k < len(f.breaks) && int(f.breaks[k].at) < end; k++ {
	}
	// What stands at the end of the word is of the characters after it as well.
	var tail breakpoint
	if k < len(f.breaks) {
		tail = f.breaks[k]
	}
	f.breaks = f.breaks[:f.breakAt(start)+1]
	delta := last.start - last.at
	n := start
	for i, s := range f.spans {
		r := s.r
		if ClassOf(r)&from != 0 {
			r = lookalike(r)
		}
		if i > 0 {
			if prev := f.spans[i-1].end; s.start-int32(n) != delta || prev != s.start {
				f.breaks = append(f.breaks, breakpoint{int32(n), prev, s.start})
				delta = s.start - int32(n)
			}
		}
		n += utf8.EncodeRune(f.Text[n:], r)
	}
	stop := breakpoint{int32(n), f.spans[len(f.spans)-1].end, f.spans[len(f.spans)-1].end}
	if tail.at == int32(end) && tail.start > stop.start {
		stop.start = tail.start
	}
	f.breaks = append(f.breaks, stop)
	return n
}
