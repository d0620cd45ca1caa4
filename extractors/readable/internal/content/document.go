// Package content finds the text blocks of a parsed page that are its article.
//
// In goes a tree and what is known of the article ([Hints]); out comes a
// [Document]: the page's text blocks in order, each with the likelihood that it
// belongs to the article. One walk over the tree makes the blocks and the boxes
// they stand in; features are computed from them, in numbers and marks that
// most languages share; two forests of decision trees, the second of which also
// sees what the first said of a block's surroundings, make the likelihoods.
// The forests and the lexicon of class names are fitted by the command
// extractors/readable/internal/fit on pages with known text.
//
// It is pure: no network, no clock, no state.
package content

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/net/html"
)

// Breaks between a block and the one before it.
const (
	BreakLine  = 1 // an item, a row, <br>
	BreakBlock = 2 // a paragraph
)

// A Block is a stretch of text that nothing but inline elements interrupts.
type Block struct {
	start, end   int // in Document.text
	first, last  int // its words in Document.words
	box          int32
	Break        uint8 // BreakLine or BreakBlock: what sets it apart from the one before
	Item         bool  // it begins an item of a list
	heading      uint8 // 1 to 6 inside such a heading
	bits         bits  // of its box and its box's ancestors
	inline       bits  // of inline elements in it
	weight       int32 // letters and digits, a wide character for three
	linked       int32 // of these, in links
	strong       int32 // of these, in strong or b
	emphatic     int32 // of these, in em or i
	wide         int32 // of these, of wide characters
	digits       int32
	capitals     int32 // words that begin with a capital letter
	shouts       int32 // words of capitals alone
	latin        int32 // words in alphabetic script
	commas       int32
	stops        int32 // ends of sentences
	odd          int32 // |, », ©, •, ›, #, @ and the like
	quotes       int32
	links        int32 // links in it
	handle       bool  // it names an account: (@name)
	lastMark     rune  // last character that is no space
	firstRune    rune
	digest       uint64
	says         said
	Probability  float64 // that it belongs to the article
	probability1 float64 // what the first forest says
}

// A box is a block-level element.
type box struct {
	node     *html.Node
	parent   int32
	depth    int32
	index    int32 // among the boxes of its parent
	kind     uint8
	bits     bits // own and inherited
	own      int32
	worst    int32 // lexicon, over the box and its ancestors
	best     int32
	sum      int32
	name     uint64 // hash of tag and classes
	sig      uint64 // of the own name and the parent's
	path     uint64 // tags from the root
	weight   int32  // of all blocks inside
	linked   int32
	prose    int32 // weight of blocks inside that read like prose
	blocks   int32
	dated    int32 // of the blocks, with a date's marks
	named    int32 // with an author's
	heads    int32 // headings
	children int32
	group    int32 // in Document.groups, and those of the nearest and the outermost repetition; -1: none
	near     int32
	outer    int32
	section  int32   // a box
	above    bool    // it is the top box or holds it
	score    float32 // as a container of prose
	first    int32   // block
	last     int32
	mass     float32 // likely weight
}

// A Document is a page's text in blocks.
type Document struct {
	Blocks []Block
	text   []byte
	words  []uint64 // hashes
	boxes  []box
	groups []group
	top    int32   // the box with the highest score
	sigs   []int32 // for each block, its box's signature among those of the page
	nsigs  int
}

// Limits of the walk, over which the rest of a page is passed over.
const (
	maxBlocks = 20_000
	maxText   = 8 << 20
)

// Read makes blocks of a tree.
func Read(root *html.Node) *Document {
	d := &Document{
		Blocks: make([]Block, 0, 512),
		text:   make([]byte, 0, 32<<10),
		words:  make([]uint64, 0, 8<<10),
		boxes:  make([]box, 0, 1024),
	}
	w := walker{d: d, brk: BreakBlock}
	d.boxes = append(d.boxes, box{node: root, parent: -1})
	w.children(root)
	w.flush()
	return d
}

// Text is the text of a block.
func (d *Document) Text(i int) string {
	b := &d.Blocks[i]
	return string(d.text[b.start:b.end])
}

// Join is the text of the blocks for which keep is true.
func (d *Document) Join(keep func(int) bool) string {
	var out strings.Builder
	brk := uint8(0)
	for i := range d.Blocks {
		b := &d.Blocks[i]
		brk = max(brk, b.Break)
		if !keep(i) {
			continue
		}
		if out.Len() > 0 {
			out.WriteString("\n\n"[:brk])
		}
		if b.Item {
			out.WriteString("- ")
		}
		out.Write(d.text[b.start:b.end])
		brk = 0
	}
	return out.String()
}

// Weight is the letters and digits of a block, a wide character for three.
func (b *Block) Weight() int { return int(b.weight) }

// Linked is what of the weight stands in links.
func (b *Block) Linked() int { return int(b.linked) }

type walker struct {
	d        *Document
	b        Block // being made
	box      int32
	brk      uint8 // due before the next block
	plain    bool  // only the text is wanted, and of that what is seen
	space    bool
	item     bool
	pre      int
	link     int
	strong   int
	emphatic int
	heading  uint8
	hash     uint64 // of the word being read, 0: none
	caps     uint8  // the word being read: 1 began with a capital, 2 capitals alone, 3 digit
	letters  int
	inline   bits
	name     nameBuffer
}

func (w *walker) children(n *html.Node) {
	for c := n.FirstChild; c != nil; c = c.NextSibling {
		switch c.Type {
		case html.TextNode:
			w.text(c.Data)
		case html.ElementNode:
			w.element(c)
		}
	}
}

func (w *walker) element(n *html.Node) {
	kind, ok := kinds[n.Data]
	switch {
	case kind == kindUnseen, w.plain && hiddenBy(n):
		return
	case !ok && strings.IndexByte(n.Data, '-') > 0:
		kind = kindCustom
	}
	switch kind {
	case kindBreak:
		if w.b.weight == 0 && w.brk >= BreakLine && w.b.start == w.b.end {
			w.brk = BreakBlock
			return
		}
		w.flush()
		w.brk = max(w.brk, BreakLine)
		return
	case kindCell:
		w.space = true
		w.inside(n, kind, 0)
		w.space = true
		return
	case kindInline, kindLink, kindStrong, kindEmphatic:
		w.inlineElement(n, kind)
		return
	}
	level := uint8(BreakBlock)
	if kind == kindItem || kind == kindRow || kind == kindTerm {
		level = BreakLine
	}
	w.flush()
	w.brk = max(w.brk, level)
	w.inside(n, kind, level)
	w.flush()
	w.brk = max(w.brk, level)
}

// inside walks a box. A cell is a box that does not break the line.
func (w *walker) inside(n *html.Node, kind uint8, level uint8) {
	d := w.d
	if len(d.Blocks) >= maxBlocks || len(d.text) >= maxText {
		return
	}
	outer := w.box
	parent := &d.boxes[outer]
	b := box{node: n, parent: outer, depth: parent.depth + 1, kind: kind, index: parent.children, bits: parent.bits | kindBits[kind]}
	parent.children++
	if !w.plain {
		b.classify(n, parent, &w.name)
	}
	d.boxes = append(d.boxes, b)
	w.box = int32(len(d.boxes) - 1)
	heading := w.heading
	switch kind {
	case kindItem:
		w.item = true
	case kindPre:
		w.pre++
	case kindH1, kindH2, kindH3:
		w.heading = n.Data[1] - '0'
	}
	if level == 0 { // the blocks of a row stand in the row
		w.box = outer
	}
	w.children(n)
	if level > 0 {
		w.flush()
	}
	w.heading = heading
	switch kind {
	case kindItem:
		w.item = false
	case kindPre:
		w.pre--
	}
	w.box = outer
}

func (w *walker) inlineElement(n *html.Node, kind uint8) {
	bits, hidden := inlineBits(n, &w.name)
	outer := w.inline
	w.inline |= bits
	if hidden {
		w.inline |= bitHidden
	}
	switch kind {
	case kindLink:
		w.link++
		w.b.links++
		w.children(n)
		w.link--
	case kindStrong:
		w.strong++
		w.children(n)
		w.strong--
	case kindEmphatic:
		w.emphatic++
		w.children(n)
		w.emphatic--
	default:
		w.children(n)
	}
	w.inline = outer
}

// text adds to the block. What a reader doesn't see is left out.
func (w *walker) text(s string) {
	for i := 0; i < len(s); {
		c := rune(s[i])
		size := 1
		if c >= utf8.RuneSelf {
			c, size = utf8.DecodeRuneInString(s[i:])
		}
		i += size
		switch {
		case c == '\n' && w.pre > 0:
			w.flush()
			w.brk = max(w.brk, BreakLine)
			continue
		case c == ' ' || c >= '\t' && c <= '\r' || c >= utf8.RuneSelf && unicode.IsSpace(c):
			w.endWord()
			w.space = true
			continue
		case invisible(c):
			continue
		}
		w.rune(c)
	}
}

func (w *walker) rune(c rune) {
	d := w.d
	b := &w.b
	if b.end == b.start { // begin a block
		b.start, b.first = len(d.text), len(d.words)
		b.box, b.Break, b.Item, b.heading = w.box, w.brk, w.item, w.heading
		b.firstRune = c
		w.brk, w.space, w.item = 0, false, false
	} else if w.space {
		d.text = append(d.text, ' ')
		w.space = false
	}
	d.text = utf8.AppendRune(d.text, c)
	b.end = len(d.text)
	if c == '@' && b.lastMark == '(' {
		b.handle = true
	}
	b.lastMark = c
	switch class := classOf(c); class {
	case classLower, classUpper, classLetter, classDigit, classMark:
		if w.hash == 0 {
			w.hash, w.letters, w.caps = fnvStart, 0, 0
			switch class {
			case classUpper:
				w.caps = 1
			case classDigit:
				w.caps = 3
			}
		} else if class == classLower && w.letters == 1 && w.caps == 2 || class == classLower && w.caps == 2 {
			w.caps = 1
		}
		if class == classUpper && w.letters == 1 && w.caps == 1 {
			w.caps = 2
		}
		w.letters++
		if class == classUpper {
			c = unicode.ToLower(c)
		}
		w.hash = (w.hash ^ uint64(c)) * fnvPrime
		if class != classMark {
			w.weigh(1)
		}
		if class == classDigit {
			b.digits++
		}
	case classWide:
		w.endWord()
		d.words = append(d.words, (fnvStart^uint64(c))*fnvPrime&^digitWord)
		b.wide += 3
		w.weigh(3)
	default:
		w.endWord()
		switch class {
		case classComma:
			b.commas++
		case classStop:
			b.stops++
		case classQuote:
			b.quotes++
		case classOdd:
			b.odd++
		}
	}
}

func (w *walker) weigh(n int32) {
	w.b.weight += n
	if w.link > 0 {
		w.b.linked += n
	}
	if w.strong > 0 {
		w.b.strong += n
	}
	if w.emphatic > 0 {
		w.b.emphatic += n
	}
	w.b.inline |= w.inline
}

func (w *walker) endWord() {
	if w.hash == 0 {
		return
	}
	h := w.hash &^ digitWord
	switch w.caps {
	case 1:
		w.b.capitals++
	case 2:
		w.b.capitals++
		w.b.shouts++
	case 3:
		h |= digitWord
	}
	w.b.latin++
	w.d.words = append(w.d.words, h)
	w.hash = 0
}

// flush ends the block.
func (w *walker) flush() {
	w.endWord()
	w.space = false
	if w.b.end == w.b.start {
		w.b = Block{}
		return
	}
	d := w.d
	b := w.b
	w.b = Block{}
	b.last = len(d.words)
	b.bits = d.boxes[b.box].bits
	b.digest = digestOf(d.words[b.first:b.last])
	d.Blocks = append(d.Blocks, b)
}

const (
	fnvStart  = 14695981039346656037
	fnvPrime  = 1099511628211
	digitWord = 1 << 63 // marks the hash of a word that begins with a digit
)

// hashWords cuts a text into words as the walk does.
func hashWords(s string) []uint64 {
	d := Document{}
	w := walker{d: &d}
	w.text(s)
	w.endWord()
	return d.words
}

// Classes of characters.
const (
	classOther = iota
	classLower
	classUpper
	classLetter
	classDigit
	classMark
	classWide
	classComma
	classStop
	classQuote
	classOdd
)

var asciiClass = func() (t [128]uint8) {
	for c := range t {
		switch {
		case c >= 'a' && c <= 'z':
			t[c] = classLower
		case c >= 'A' && c <= 'Z':
			t[c] = classUpper
		case c >= '0' && c <= '9':
			t[c] = classDigit
		case c == ',' || c == ';':
			t[c] = classComma
		case c == '.' || c == '!' || c == '?':
			t[c] = classStop
		case c == '"':
			t[c] = classQuote
		case strings.ContainsRune("|>#@<~^*=+_{}[]/\\", rune(c)):
			t[c] = classOdd
		}
	}
	return t
}()

func classOf(c rune) uint8 {
	if c < utf8.RuneSelf {
		return asciiClass[c]
	}
	switch {
	case unicode.IsLower(c):
		return classLower
	case unicode.IsUpper(c):
		return classUpper
	case c >= 0x2e80 && unicode.In(c, unicode.Han, unicode.Hiragana, unicode.Katakana, unicode.Hangul):
		return classWide
	case unicode.IsLetter(c):
		return classLetter
	case unicode.IsDigit(c):
		return classDigit
	case unicode.Is(unicode.M, c):
		return classMark
	}
	switch c {
	case '，', '、', '；', '،', '؛':
		return classComma
	case '。', '！', '？', '…', '؟', '।', '．':
		return classStop
	case '“', '”', '„', '«', '»', '‘', '’', '「', '」', '『', '』':
		return classQuote
	case '|', '｜', '›', '→', '©', '•', '·', '►', '▶', '®', '™', '✓', '/', '／', '【', '】':
		return classOdd
	}
	return classOther
}
