package textnorm

import (
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
)

func TestFold(t *testing.T) {
	for _, tt := range []struct{ name, in, want string }{
		{"case", "HUAWEI Хуавей ΣΊΣΥΦΟΣ", "huawei хуавей σισυφοσ"},
		{"width", "Ｈｕａｗｅｉ，５Ｇ！", "huawei,5g!"},
		{"half-width kana", "ﾄﾖﾀ ｶﾞｽ", "トヨタ ガス"},
		{"compatibility", "ﬁne Ⅷ ﬀ", "fine viii ff"},
		{"diacritics", "Société Générale Ñandú Şişli", "societe generale nandu sisli"},
		{"decomposed diacritics", "Socie\u0301te\u0301", "societe"},
		{"strokes and ligatures", "Łódź Ærø Straße œuvre Diyarbakır", "lodz aero strasse oeuvre diyarbakir"},
		{"short i stays", "Йод и\u0306од", "йод йод"},
		{"yo", "Ёлка е\u0308лка", "елка елка"},
		{"stress", "Росси\u0301я", "россия"},
		{"quotes", "‘a’ “b” «c» „d“", `'a' "b" "c" "d"`},
		{"dashes", "a—b–c‑d−e", "a-b-c-d-e"},
		{"middle dots", "弗拉基米尔·普京 · • ・", "弗拉基米尔·普京 · · ·"},
		{"spaces", "a\u00a0b\u3000c\td\u2009e\nf", "a b c d e\nf"},
		{"invisible", "Hua\u200bwei\ufeff soft\u00adhyphen", "huawei softhyphen"},
		{"traditional", "華為發佈新手機 臺灣 裏 説 爲 綫", "华为发布新手机 台湾 里 说 为 线"},
		{"compatibility Han", "\uf900\uf91d", "岂栏"},
		{"digits", "٢٠١٥ १२", "2015 12"},
		{"symbols stay", "Huawei™ km² № ½ ㈱", "huawei™ km² № ½ ㈱"},
		{"kana voicing", "か\u3099は\u309a", "がぱ"},
		{"Hangul parts", "화웨이", "화웨이"},
		{"Latin with a Cyrillic letter", "Нuawei аpple", "huawei apple"},
		{"Cyrillic with Latin letters", "Pоccия", "россия"},
		{"mixed in earnest", "PDFки", "pdfки"},
		{"Arabic marks", "مُحَمَّد كتـــاب", "محمد كتاب"},
		{"broken bytes", "a\xffb", "a\ufffdb"},
		{"empty", "", ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got := Fold(tt.in); got != tt.want {
				t.Errorf("Fold(%q) = %q, want %q", tt.in, got, tt.want)
			}
		})
	}
}

func TestSource(t *testing.T) {
	for _, tt := range []struct{ text, folded, want string }{
		{"Ｈｕａｗｅｉ и", "huawei", "Ｈｕａｗｅｉ"},
		{"«Hua\u200bwei\u200b» и", "huawei", "Hua\u200bwei"},
		{"Cafe\u0301 x", "cafe", "Cafe\u0301"},
		{"и Нuawei, ok", "huawei", "Нuawei"},
		{"и Нu\u00adawei\u200b, ok", "huawei", "Нu\u00adawei"},
		{"а Pоccия, да", "россия", "Pоccия"},
		{"а Pоccия, да", "да", "да"},
		{"在華為，在", "华为", "華為"},
		{"a ﬁne x", "fine", "ﬁne"},
		{"a ﬁne x", "x", "x"},
		{"a ﬁne x", "ine", ""},
		{"İstanbul", "istanbul", "İstanbul"},
		{"и\u0306од", "йод", "и\u0306од"},
		{"\u0301a", "a", "a"},
	} {
		var f Folded
		f.Fold(tt.text)
		i := strings.Index(string(f.Text), tt.folded)
		if i < 0 {
			t.Errorf("fold of %q is %q, has no %q", tt.text, f.Text, tt.folded)
			continue
		}
		s, e, ok := f.Source(i, i+len(tt.folded))
		got := ""
		if ok {
			got = tt.text[s:e]
		}
		if got != tt.want {
			t.Errorf("source of %q in %q = %q, want %q", tt.folded, tt.text, got, tt.want)
		}
	}
}

func TestWords(t *testing.T) {
	var f Folded
	f.Fold("华为P9 на IT-рынке,Apple:ZTE 화웨이는 5G")
	type word struct {
		Text         string
		Upper, Caps  bool
		Bounded, Han bool
	}
	var got []word
	for _, w := range f.Words {
		got = append(got, word{string(f.Text[w.Start:w.End]), w.First&Upper != 0, w.AllUpper(), w.Class&Bounded != 0, w.Class&Free != 0})
	}
	want := []word{
		{"华为", false, false, false, true},
		{"p9", true, true, true, false},
		{"на", false, false, true, false},
		{"it", true, true, true, false},
		{"рынке", false, false, true, false},
		{"apple", true, false, true, false},
		{"zte", true, true, true, false},
		{"화웨이는", false, false, false, false},
		{"5g", false, true, true, false},
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
}

// Folding twice is folding once, for every character.
func TestFoldIdempotent(t *testing.T) {
	for r := range rune(tableLimit) {
		if !utf8.ValidRune(r) {
			continue
		}
		once := Fold(string(r))
		if twice := Fold(once); twice != once {
			t.Errorf("U+%04X folds to %q, then to %q", r, once, twice)
		}
		if e := lookup(r); e>>kindShift&kindMask == kindMap && e&entryValue != 0 {
			if n := utf8.RuneLen(rune(e & entryValue)); n > 2*utf8.RuneLen(r) {
				t.Errorf("U+%04X folds to something %d bytes long", r, n)
			}
		}
		if len(once) > 60 {
			t.Errorf("U+%04X expands to %d bytes", r, len(once))
		}
	}
}

// checkFolded holds what Folded promises of any text.
func checkFolded(t *testing.T, text string) {
	t.Helper()
	var f Folded
	f.Fold(text)
	if !utf8.Valid(f.Text) {
		t.Fatalf("fold of %q is not UTF-8: %q", text, f.Text)
	}
	if again := Fold(string(f.Text)); again != string(f.Text) {
		t.Fatalf("fold of %q: %q, folded again %q", text, f.Text, again)
	}
	end, last := 0, 0
	for _, w := range f.Words {
		if int(w.Start) < end || w.End <= w.Start || int(w.End) > len(f.Text) {
			t.Fatalf("fold of %q: word %d-%d after %d", text, w.Start, w.End, end)
		}
		end = int(w.End)
		s, e, ok := f.Source(int(w.Start), int(w.End))
		if !ok {
			t.Fatalf("fold of %q: word %q has no source", text, f.Text[w.Start:w.End])
		}
		if s < last || e <= s || e > len(text) {
			t.Fatalf("fold of %q: word %q came from %d-%d, the one before ended at %d", text, f.Text[w.Start:w.End], s, e, last)
		}
		last = e
		if utf8.ValidString(text) && (!utf8.RuneStart(text[s]) || e < len(text) && !utf8.RuneStart(text[e])) {
			t.Fatalf("fold of %q: word %q at %d-%d is not on character boundaries", text, f.Text[w.Start:w.End], s, e)
		}
		if got, want := Fold(text[s:e]), string(f.Text[w.Start:w.End]); got != want {
			t.Fatalf("fold of %q: word %q came from %q, which folds to %q", text, want, text[s:e], got)
		}
	}
}

func FuzzFold(f *testing.F) {
	for _, s := range samples {
		f.Add(s)
	}
	f.Fuzz(checkFolded)
}
