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
