//go:build ignore

// Gen writes tables.go: what each character folds to, and its class.
//
// It needs the Unihan files of Debian's package unicode-data (traditional to
// simplified Han) and takes the rest from the standard library and x/text.
//
//	go run gen.go [-unihan /usr/share/unicode] > tables.go
package main

import (
	"bufio"
	"bytes"
	"compress/bzip2"
	"flag"
	"fmt"
	"go/format"
	"io"
	"log"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

// The layout of an entry is described in fold.go; the constants agree.
const (
	kindMap    = 0
	kindMark   = 1
	kindGap    = 2
	kindExpand = 3
	kindJoin   = 4

	latin    = 1 << 0
	cyrillic = 1 << 1
	alpha    = 1 << 2
	digit    = 1 << 3
	upper    = 1 << 4
	lower    = 1 << 5
	free     = 1 << 6
	hangul   = 1 << 7

	limit = 0x32400 // beyond the last Han extension
)

// letters that have no decomposition but are a base letter with a stroke, a
// ligature, or a variant that readers and feeds write without.
var letters = map[rune]string{
	'ß': "ss", 'ø': "o", 'ł': "l", 'đ': "d", 'ħ': "h", 'ŧ': "t", 'ı': "i", 'æ': "ae", 'œ': "oe", 'ς': "σ",
}

// unrecorded are traditional forms that news uses and Unihan knows no simplified
// one of.
var unrecorded = map[rune]rune{'佈': '布', '佔': '占', '喫': '吃', '啓': '启', '羣': '群', '峯': '峰', '牀': '床', '鬪': '斗'}

var punctuation = map[rune]rune{}

func init() {
	for folded, list := range map[rune]string{
		'\'': "‘’‚‛ʼʻʹ′‵＇`´ʽ",
		'"':  "“”„‟«»″‶〝〞〟＂",
		'-':  "‐‑‒–—―−﹘﹣－⸺⸻",
		'·':  "•‧∙⋅・･·",
		'\n': "\u2028\u2029\u0085",
	} {
		for _, r := range list {
			punctuation[r] = folded
		}
	}
}

func isMark(r rune) bool { // a diacritic that is dropped
	switch {
	case r >= 0x300 && r <= 0x36F && r != 0x34F,
		r >= 0x483 && r <= 0x487, r >= 0x1AB0 && r <= 0x1AFF, r >= 0x1DC0 && r <= 0x1DFF,
		r >= 0x20D0 && r <= 0x20FF, r >= 0xFE20 && r <= 0xFE2F: // Latin, Greek, Cyrillic
		return true
	case r >= 0x64B && r <= 0x65F, r == 0x670, r == 0x640, r >= 0x6D6 && r <= 0x6DC: // Arabic
		return true
	case r >= 0x591 && r <= 0x5C7 && unicode.Is(unicode.Mn, r): // Hebrew
		return true
	}
	return false
}

func isGap(r rune) bool { // not seen by a reader at all
	return unicode.Is(unicode.Cf, r) || r == 0x34F || r >= 0xFE00 && r <= 0xFE0F || r >= 0x180B && r <= 0x180D ||
		r == 0x115F || r == 0x1160 || r == 0x3164 || r == 0xFFA0
}

func isJoiner(r rune) bool { // composes with the character before: kana voicing, Hangul vowels and finals
	return r == 0x3099 || r == 0x309A || r >= 0x1161 && r <= 0x1175 || r >= 0x11A8 && r <= 0x11C2
}

// once is one step of folding r.
func once(r rune, simple map[rune]rune) string {
	if p, ok := punctuation[r]; ok {
		return string(p)
	}
	switch {
	case r == '\n' || r == 0xFFFD:
		return string(r)
	case unicode.Is(unicode.Cc, r) || unicode.Is(unicode.Zs, r):
		return " "
	case r == 'й' || r == 'Й':
		return "й"
	}
	if s, ok := simple[r]; ok {
		return string(s)
	}
	if v, ok := digitValue(r); ok {
		return string('0' + v)
	}
	s := string(r)
	wide := r >= 0xFF01 && r <= 0xFFEE || r >= 0xFE50 && r <= 0xFE6B
	switch {
	case unicode.Is(unicode.Hangul, r) && !wide: // composed as it stands
	case r >= 0x3040 && r <= 0x30FF: // kana keep their voicing
	case unicode.In(r, unicode.Thai, unicode.Lao, unicode.Khmer, unicode.Myanmar): // one character, one token
	case unicode.IsLetter(r) || unicode.IsMark(r) || unicode.Is(unicode.Nl, r) || unicode.IsPunct(r) || wide:
		s = norm.NFKD.String(s)
		s = strings.Map(func(x rune) rune {
			if isMark(x) {
				return -1
			}
			return x
		}, s)
	}
	if s == "" {
		return string(r)
	}
	var out strings.Builder
	for _, x := range s {
		x = unicode.ToLower(x)
		if l, ok := letters[x]; ok {
			out.WriteString(l)
			continue
		}
		out.WriteRune(x)
	}
	// A letter that stands for several words (Arabic ligatures) stays whole.
	if unicode.IsLetter(r) && strings.ContainsFunc(out.String(), func(x rune) bool { return props(x) == 0 }) {
		return string(r)
	}
	return out.String()
}

// fold repeats once until nothing changes.
func fold(r rune, simple map[rune]rune) string {
	s := string(r)
	for range 8 {
		var out strings.Builder
		for _, x := range s {
			out.WriteString(once(x, simple))
		}
		if out.String() == s {
			return s
		}
		s = out.String()
	}
	log.Fatalf("U+%04X folds without end", r)
	return ""
}

func digitValue(r rune) (rune, bool) {
	for _, t := range unicode.Nd.R16 {
		if r >= rune(t.Lo) && r <= rune(t.Hi) {
			return (r - rune(t.Lo)) % 10, true
		}
	}
	for _, t := range unicode.Nd.R32 {
		if r >= rune(t.Lo) && r <= rune(t.Hi) {
			return (r - rune(t.Lo)) % 10, true
		}
	}
	return 0, false
}

// props is the class and case of a character.
func props(r rune) uint32 {
	var p uint32
	switch {
	case unicode.Is(unicode.Han, r) && (unicode.IsLetter(r) || unicode.Is(unicode.Nl, r)),
		unicode.Is(unicode.Hiragana, r) && unicode.IsLetter(r), unicode.Is(unicode.Katakana, r) && unicode.IsLetter(r),
		r == 0x30FC, r == 0x3099, r == 0x309A, r == 0xFF70, r == 0xFF9E, r == 0xFF9F:
		return free
	case unicode.In(r, unicode.Thai, unicode.Lao, unicode.Khmer, unicode.Myanmar) && (unicode.IsLetter(r) || unicode.IsMark(r)):
		return free
	case unicode.Is(unicode.Hangul, r) && unicode.IsLetter(r):
		return hangul
	case unicode.Is(unicode.Nd, r):
		return digit
	case unicode.IsLetter(r) || unicode.IsMark(r) || unicode.Is(unicode.Nl, r):
		switch {
		case unicode.Is(unicode.Latin, r):
			p = latin
		case unicode.Is(unicode.Cyrillic, r):
			p = cyrillic
		default:
			p = alpha
		}
	default:
		return 0
	}
	if unicode.IsUpper(r) || unicode.IsTitle(r) {
		p |= upper
	} else if unicode.IsLower(r) {
		p |= lower
	}
	return p
}

func main() {
	log.SetFlags(0)
	unihan := flag.String("unihan", "/usr/share/unicode", "folder of the Unihan files")
	flag.Parse()
	simple := simplified(*unihan)

	var expansions []byte
	entries := make([]uint32, limit)
	for r := rune(0); r < limit; r++ {
		entries[r] = entry(r, simple, &expansions)
	}
	write(entries, expansions)
}

func entry(r rune, simple map[rune]rune, expansions *[]byte) uint32 {
	switch {
	case r >= 0xD800 && r < 0xE000:
		return 0
	case isGap(r):
		return kindGap << 21
	case isMark(r):
		return kindMark << 21
	}
	s := fold(r, simple)
	first, n := utf8.DecodeRuneInString(s)
	p := props(first)&^(upper|lower) | props(r)&(upper|lower)
	if p&(upper|lower) != 0 && p&(latin|cyrillic|alpha) == 0 {
		p &^= upper | lower
	}
	kind, val := uint32(kindMap), uint32(first)
	if first == r {
		val = 0 // itself; 0 stands for identity so that blocks are shared
	}
	if isJoiner(first) {
		kind, val = kindJoin, uint32(first)
	}
	if n < len(s) {
		kind, val = kindExpand, uint32(len(*expansions))
		*expansions = append(append(*expansions, byte(len(s))), s...)
	}
	return p<<24 | kind<<21 | val
}

// simplified reads the map from traditional to simplified characters.
//
// A character with several simplified forms goes to the first that is not
// itself and, where there is one, in the Basic Multilingual Plane. A variant
// outside GB 2312 without a simplified form of its own takes that of the
// character it is a variant of (説 as 說: 说), or becomes it (佈: 布).
func simplified(dir string) map[rune]rune {
	variants := map[string]map[rune][]rune{}
	read(filepath.Join(dir, "Unihan_Variants.txt.bz2"), func(r rune, field, value string) {
		if variants[field] == nil {
			variants[field] = map[rune][]rune{}
		}
		for _, v := range strings.Fields(value) {
			v, _, _ = strings.Cut(v, "<")
			variants[field][r] = append(variants[field][r], codepoint(v))
		}
	})
	gb := map[rune]bool{}
	read(filepath.Join(dir, "Unihan_IRGSources.txt.bz2"), func(r rune, field, value string) {
		if field == "kIRG_GSource" && strings.HasPrefix(value, "G0-") {
			gb[r] = true
		}
	})
	m := map[rune]rune{}
	for r, list := range variants["kSimplifiedVariant"] {
		list = slices.DeleteFunc(slices.Clone(list), func(v rune) bool { return v == r })
		if len(list) == 0 {
			continue
		}
		m[r] = list[0]
		if i := slices.IndexFunc(list, func(v rune) bool { return v < 0x10000 }); i >= 0 {
			m[r] = list[i]
		}
	}
	for r, s := range unrecorded {
		m[r] = s
	}
	direct := len(m)
	for _, field := range []string{"kZVariant", "kSemanticVariant"} {
		// In order: what is found for one character serves those after it.
		for _, r := range slices.Sorted(maps.Keys(variants[field])) {
			list := variants[field][r]
			if m[r] != 0 || gb[r] || variants["kSimplifiedVariant"][r] != nil || variants["kTraditionalVariant"][r] != nil {
				continue
			}
			for _, v := range list {
				if m[v] != 0 && m[v] != r {
					m[r] = m[v]
					break
				}
				if gb[v] {
					m[r] = v
					break
				}
			}
		}
	}
	// No circles: a chain is followed to its end, a circle is cut.
	for _, r := range slices.Sorted(maps.Keys(m)) {
		seen := map[rune]bool{r: true}
		for v := m[r]; m[v] != 0; v = m[v] {
			if seen[v] {
				log.Printf("circle at %c %c", r, v)
				delete(m, max(r, v))
				break
			}
			seen[v] = true
		}
	}
	log.Printf("%d simplified forms, %d more through variants", direct, len(m)-direct)
	return m
}

func codepoint(s string) rune {
	n, err := strconv.ParseInt(strings.TrimPrefix(s, "U+"), 16, 32)
	if err != nil {
		log.Fatal(err)
	}
	return rune(n)
}

func read(file string, line func(r rune, field, value string)) {
	f, err := os.Open(file)
	if err != nil {
		log.Fatal(err)
	}
	defer f.Close()
	sc := bufio.NewScanner(io.Reader(bzip2.NewReader(f)))
	for sc.Scan() {
		if parts := strings.SplitN(sc.Text(), "\t", 3); len(parts) == 3 && strings.HasPrefix(parts[0], "U+") {
			line(codepoint(parts[0]), parts[1], parts[2])
		}
	}
	if err := sc.Err(); err != nil {
		log.Fatal(err)
	}
}

func write(entries []uint32, expansions []byte) {
	index := make([]uint16, 0, limit>>6)
	blocks := map[string]uint16{}
	var values []uint32
	for b := 0; b < limit; b += 64 {
		key := fmt.Sprint(entries[b : b+64])
		n, ok := blocks[key]
		if !ok {
			n = uint16(len(blocks))
			blocks[key] = n
			values = append(values, entries[b:b+64]...)
		}
		index = append(index, n)
	}
	var out bytes.Buffer
	out.WriteString("// Code generated by gen.go from the Unicode Character Database (Unihan: Debian unicode-data). DO NOT EDIT.\n\npackage textnorm\n\n")
	fmt.Fprintf(&out, "// tableLimit is the first character the tables don't know.\nconst tableLimit = 0x%X\n\n", limit)
	out.WriteString("// expansions holds the characters that fold to several: a length byte, then UTF-8.\n")
	fmt.Fprintf(&out, "const expansions = %s\n\n", strconv.QuoteToASCII(string(expansions)))
	fmt.Fprintf(&out, "var blockIndex = [%d]uint16{", len(index))
	for i, v := range index {
		if i%24 == 0 {
			out.WriteByte('\n')
		}
		fmt.Fprintf(&out, "%d,", v)
	}
	fmt.Fprintf(&out, "\n}\n\nvar blocks = [%d]uint32{", len(values))
	for i, v := range values {
		if i%16 == 0 {
			out.WriteByte('\n')
		}
		fmt.Fprintf(&out, "0x%x,", v)
	}
	out.WriteString("\n}\n")
	src, err := format.Source(out.Bytes())
	if err != nil {
		log.Fatal(err)
	}
	if _, err := os.Stdout.Write(src); err != nil {
		log.Fatal(err)
	}
}
