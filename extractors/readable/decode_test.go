package readable

import (
	"bytes"
	"strings"
	"testing"
	"unicode/utf8"

	"golang.org/x/net/html/charset"
	"golang.org/x/text/encoding/unicode"
)

const (
	russian = "Хуавей и Сбербанк договорились о сотрудничестве в области облачных вычислений, сообщает «Коммерсантъ»."
	chinese = "华为与俄罗斯联邦储蓄银行签署云计算合作协议，双方将共同建设数据中心。第二届世界互联网大会在乌镇开幕。"
	hant    = "華為與俄羅斯聯邦儲蓄銀行簽署雲端運算合作協議，雙方將共同建設資料中心。第二屆世界互聯網大會在烏鎮開幕。"
	french  = "Huawei a signé un accord de coopération avec la banque russe à Genève, où il s'est félicité de l'été passé."
)

func encode(t testing.TB, label, s string) []byte {
	t.Helper()
	enc, _ := charset.Lookup(label)
	b, err := enc.NewEncoder().Bytes([]byte(s))
	if err != nil {
		t.Fatalf("encode %s: %v", label, err)
	}
	return b
}

func document(meta, text string) string {
	return "<!DOCTYPE html><html><head>" + meta + "<title>t</title></head><body><p>" + text + "</p></body></html>"
}

func TestDecode(t *testing.T) {
	// More ASCII before the first other character than x/net looks at.
	far := strings.Repeat("<script>var a = 1;</script>", 100)
	utf16be, err := unicode.UTF16(unicode.BigEndian, unicode.UseBOM).NewEncoder().Bytes([]byte(document("", russian)))
	if err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		name        string
		body        []byte
		contentType string
		charset     string
		want        string // must be in the text
	}{
		{"utf-8, header", []byte(document("", russian)), "text/html; charset=UTF-8", "utf-8", russian},
		{"utf-8, nothing said, far from the top", []byte(document(far, russian)), "", "utf-8", russian},
		{"utf-8, header says latin 1", []byte(document("", french)), "text/html; charset=ISO-8859-1", "utf-8", french},
		{"utf-8, header says windows-1251", []byte(document("", russian)), "text/html;charset=windows-1251", "utf-8", russian},
		{"utf-8, meta says gbk", []byte(document(`<meta charset="gbk">`, chinese)), "text/html", "utf-8", chinese},
		{"utf-8, mark", []byte("\xEF\xBB\xBF" + document("", chinese)), "text/html; charset=gbk", "utf-8", chinese},
		{"utf-8 with junk", []byte(document("", russian) + "<p>\xe9t\xe9</p>"), "text/html; charset=utf-8", "utf-8", russian},
		{"utf-8 cut in a character", []byte(document("", russian) + "\xd0"), "", "utf-8", russian},
		{"utf-8 with junk, meta says windows-1251", []byte(document(`<meta charset=windows-1251>`, russian) + "\x92"), "", "utf-8", russian},
		{"windows-1251, header", encode(t, "windows-1251", document("", russian)), "text/html; charset=windows-1251", "windows-1251", russian},
		{"windows-1251, meta", encode(t, "windows-1251", document(`<meta http-equiv="Content-Type" content="text/html; charset=windows-1251">`, russian)), "text/html", "windows-1251", russian},
		{"windows-1251, meta far from the top", encode(t, "windows-1251", document(far+`<meta charset='cp1251'>`, russian)), "text/html", "windows-1251", russian},
		{"windows-1251, meta says utf-8", encode(t, "windows-1251", document(`<meta charset="utf-8">`, russian)), "text/html", "windows-1251", russian},
		{"windows-1251, header says utf-8", encode(t, "windows-1251", document("", russian)), "text/html; charset=utf-8", "windows-1251", russian},
		{"windows-1251, nothing said", encode(t, "windows-1251", document(far, russian)), "", "windows-1251", russian},
		{"koi8-r, header", encode(t, "koi8-r", document("", russian)), "text/html; charset=koi8-r", "koi8-r", "Хуавей и Сбербанк договорились"},
		{"koi8-r, nothing said", encode(t, "koi8-r", document("", strings.Trim(russian, "«»."))), "", "koi8-r", "Хуавей и Сбербанк"},
		{"gb2312, header", encode(t, "gbk", document("", chinese)), "text/html; charset=gb2312", "gb18030", chinese},
		{"gbk, meta", encode(t, "gbk", document(`<meta charset="gbk" />`, chinese)), "text/html", "gb18030", chinese},
		{"gb18030, nothing said", encode(t, "gb18030", document(far, chinese)), "", "gb18030", chinese},
		{"gb18030, four bytes", encode(t, "gb18030", document("", chinese+"𠮷㐂")), "text/html; charset=gbk", "gb18030", "𠮷㐂"},
		{"big5, header", encode(t, "big5", document("", hant)), "text/html; charset=Big5", "big5", hant},
		{"big5, nothing said", encode(t, "big5", document("", hant)), "", "big5", hant},
		{"utf-16, mark", utf16be, "", "utf-16be", russian},
		{"utf-16le, no mark", encode(t, "utf-16le", document("", russian)), "text/html", "utf-16le", russian},
		{"utf-16le, header", encode(t, "utf-16le", document("", chinese)), "text/html; charset=utf-16le", "utf-16le", chinese},
		{"iso-2022-jp, meta", encode(t, "iso-2022-jp", document(`<meta charset="iso-2022-jp">`, "日本語の記事です")), "", "iso-2022-jp", "日本語の記事です"},
		{"windows-1252, nothing said", encode(t, "windows-1252", document("", french)), "", "windows-1252", french},
		{"xml declaration", append([]byte(`<?xml version="1.0" encoding="windows-1251"?>`), encode(t, "windows-1251", document("", russian))...), "application/xhtml+xml", "windows-1251", russian},
		{"meta in a comment", encode(t, "windows-1251", document(`<!-- <meta charset="big5"> --><meta charset="windows-1251">`, russian)), "", "windows-1251", russian},
		{"header with a charset nobody knows", []byte(document("", russian)), "text/html; charset=klingon", "utf-8", russian},
		{"broken header", encode(t, "windows-1251", document("", russian)), "text/html; charset=windows-1251; charset=windows-1251", "windows-1251", russian},
		{"empty", nil, "", "utf-8", ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, charset := Decode(tt.body, tt.contentType)
			if charset != tt.charset {
				t.Errorf("charset = %q, want %q", charset, tt.charset)
			}
			if !bytes.Contains(got, []byte(tt.want)) {
				t.Errorf("text lacks %q:\n%.300q", tt.want, got)
			}
			if !utf8.Valid(got) {
				t.Error("text is not UTF-8")
			}
		})
	}
}

// What is UTF-8 comes out as it went in, whatever is declared of it, unless
// the declaration is of UTF-16.
func FuzzDecode(f *testing.F) {
	for _, label := range []string{"windows-1251", "koi8-r", "gbk", "utf-16le"} {
		text := russian
		if label == "gbk" {
			text = chinese
		}
		f.Add(encode(f, label, document("", text)), "text/html; charset="+label)
		f.Add(encode(f, label, document(`<meta charset="`+label+`">`, text)), "")
	}
	f.Add([]byte("\xFF\xFE<"), "")
	f.Add([]byte("<?xml encoding="), "text/html; charset")
	f.Add([]byte("<meta charset='"), "a/b;charset=\"")
	f.Fuzz(func(t *testing.T, body []byte, contentType string) {
		got, name := Decode(body, contentType)
		if !utf8.Valid(got) {
			t.Fatalf("not UTF-8: %q from %q", got, body)
		}
		if name == "" {
			t.Fatal("charset has no name")
		}
		again, name2 := Decode(body, contentType)
		if !bytes.Equal(got, again) || name != name2 {
			t.Fatal("two answers to one question")
		}
		if good, bad := countUTF8(body); bad == 0 && good >= 8 && !bytes.ContainsAny(body, "\x00\x1b") &&
			!strings.Contains(contentType, "16") && utf8.Valid(body) && !bytes.HasPrefix(body, []byte("\xEF\xBB\xBF")) && !bytes.Equal(got, body) {
			t.Fatalf("UTF-8 damaged: %q became %q (%s)", body, got, name)
		}
	})
}
