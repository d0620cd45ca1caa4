package readable

import (
	"testing"
	"time"
)

func TestDateReader(t *testing.T) {
	tests := []struct{ in, want string }{
		{"2024-05-12T10:20:30.5+08:00", "2024-05-12T10:20:30.5+08:00"},
		{"2024-05-12T10:20:30+0200", "2024-05-12T10:20:30+02:00"},
		{"2024-05-12 10:20", "2024-05-12T10:20:00Z"},
		{"20240512", "2024-05-12T00:00:00Z"},
		{"1715509230", "2024-05-12T10:20:30Z"},
		{"Sun, 12 May 2024 10:20:30 GMT", "2024-05-12T10:20:30Z"},
		{"Published May 12, 2024 at 3:04 p.m.", "2024-05-12T15:04:00Z"},
		{"12 мая 2024 г., 15:04 мск", "2024-05-12T15:04:00+03:00"},
		{"15:04, 12 травня 2024", "2024-05-12T15:04:00Z"},
		{"12. Mai 2024 um 10.20 Uhr", "2024-05-12T10:20:00Z"},
		{"12 de mayo de 2024", "2024-05-12T00:00:00Z"},
		{"1er février 2024", "2024-02-01T00:00:00Z"},
		{"12 maja 2024", "2024-05-12T00:00:00Z"},
		{"12 Mayıs 2024", "2024-05-12T00:00:00Z"},
		{"2024年5月12日 下午3:04", "2024-05-12T15:04:00Z"},
		{"2024년 5월 12일", "2024-05-12T00:00:00Z"},
		{"25/12/2024", "2024-12-25T00:00:00Z"},
		{"12.05.24", "2024-05-12T00:00:00Z"},
		{"31.02.2024", ""},
		{"2024-13-01", ""},
		{"May 2024", ""},
		{"version 1.2.3.4", ""},
		{"", ""},
		{"\xff\xfe 99999999999999999999", ""},
	}
	for _, tt := range tests {
		t.Run(tt.in, func(t *testing.T) {
			var r dateReader
			st, ok := r.date(tt.in)
			got := ""
			if ok {
				got = st.t.Format(time.RFC3339Nano)
			}
			if got != tt.want {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
}

func TestAddressDate(t *testing.T) {
	for in, want := range map[string]string{
		"https://a.example/2024/05/12/deal":                                        "2024-05-12",
		"https://a.example/news/20240512/1.html":                                   "2024-05-12",
		"https://a.example/2024-05-12-deal":                                        "2024-05-12",
		"https://archive.example/web/20160218174457/http://a.example/2010/05/19/x": "2010-05-19",
		"https://a.example/x-20260701-p60bhj":                                      "",
		"https://a.example/123420240512":                                           "",
		"https://a.example/2024/13/12/":                                            "",
		"":                                                                         "",
	} {
		got := ""
		if st, ok := addressDate(in); ok {
			got = st.t.Format(time.DateOnly)
		}
		if got != want {
			t.Errorf("%s: got %q, want %q", in, got, want)
		}
	}
}

func TestAuthors(t *testing.T) {
	for in, want := range map[string]string{
		"By Wang Li and Ivan Petrov | May 12, 2024": "Wang Li, Ivan Petrov",
		"Автор: Иван Петров":                        "Иван Петров",
		"作者：王丽、李明":                                  "王丽, 李明",
		"Jane Doe (Reuters)":                        "Jane Doe",
		"Jane Doe, MD":                              "Jane Doe",
		"https://a.example/jane":                    "",
		"jane@a.example":                            "",
		"105092":                                    "",
	} {
		if got := cleanAuthor(in, ""); got != want {
			t.Errorf("%s: got %q, want %q", in, got, want)
		}
	}
}

func FuzzDateReader(f *testing.F) {
	f.Add("12 мая 2024 г., 15:04 мск")
	f.Add("2024年5月12日 下午3:04")
	f.Fuzz(func(t *testing.T, s string) {
		var r dateReader
		r.find(s, func(st stamp) bool {
			if st.start < 0 || st.end > len(s) || st.start >= st.end || st.t.IsZero() {
				t.Fatalf("%q: %+v", s, st)
			}
			return true
		})
	})
}
