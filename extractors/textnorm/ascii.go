package textnorm

// ascii is the tables' first block in the form the inner loop wants.
var ascii = asciiTable()

type asciiEntry struct {
	folded byte
	class  Class
}

func asciiTable() (t [128]asciiEntry) {
	for c := range t {
		e := lookup(rune(c))
		t[c] = asciiEntry{byte(c), Class(e >> propShift)}
		if v := e & entryValue; v != 0 {
			t[c].folded = byte(v)
		}
	}
	return t
}

// cyrillic is the same for U+0400 to U+04FF, two bytes each: plain are those that
// fold to two bytes.
var cyrillic = cyrillicTable()

type cyrillicEntry struct {
	folded [2]byte
	class  Class
	plain  bool
}

func cyrillicTable() (t [256]cyrillicEntry) {
	for i := range t {
		r := rune(0x400 + i)
		e := lookup(r)
		if v := rune(e & entryValue); v != 0 {
			r = v
		}
		t[i].class = Class(e >> propShift)
		t[i].plain = e>>kindShift&kindMask == kindMap && r >= 0x80 && r < 0x800
		if t[i].plain {
			encode(t[i].folded[:], 0, r)
		}
	}
	return t
}
