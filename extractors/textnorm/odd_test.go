package textnorm

import "testing"

// What is written in odd ways is cut in one way only, whoever asks: a name is
// found by how people type it.
func TestAnalyzeOddWords(t *testing.T) {
	for _, tt := range []struct{ text, words, bigrams string }{
		{"state-of-the-art", "state[state]0 of[of]1 the[the]2 art[art]3", ""},
		{"Mail.Ru's", "mail[Mail]0 ru[Ru]1", ""},
		{"rock 'n' roll", "rock[rock]0 n[n]1 roll[roll]2", ""},
		{"O'Brien", "o[O]0 obrien[O'Brien]0 brien[Brien]1", ""},
		{"1 000 000", "1[1]0 000[000]1 000[000]2", ""},
		{"C++ and C#", "c[C]0 c++[C++]0 and[and]1 c[C]2 c#[C#]2", ""},
		{"C++11, C/C++.", "c[C]0 c++[C++]0 11[11]1 c[C]2 c[C]3 c++[C++]3", ""},
		{"Ｃ＋＋ C+++", "c[Ｃ]0 c++[Ｃ＋＋]0 c[C]1", ""},
		{"F#-developer", "f[F]0 f#[F#]0 develop[developer]1", ""},
		{"#Huawei# page#part", "huawei[Huawei]0 page[page]1 part[part]2", ""}, // hashtags and addresses
		{".NET", "net[NET]0 .net[.NET]0", ""},
		{"ASP.NET ...and", "asp[ASP]0 net[NET]1 and[and]2", ""},
		{"ОПЕК+ Disney+'s 18+", "опек[ОПЕК]0 опек+[ОПЕК+]0 disney[Disney]1 disney+[Disney+]1 s[s]2 18[18]3 18+[18+]3", ""},
		{"Huawei+Leica 2+2", "huawei[Huawei]0 leica[Leica]1 2[2]2 2[2]3", ""},
		{"互联网+政务", "互[互]0 联[联]1 网[网]2 网+[网+]2 政[政]3 务[务]4", "互联[互联]0 联网[联网]1 政务[政务]3"},
		{"5G+工业", "5g[5G]0 5g+[5G+]0 工[工]1 业[业]2", "工业[工业]1"},
		{"AT&T's R & D", "at[AT]0 t[T]1 r[R]2 d[D]3", "at&t[AT&T]0 r&d[R & D]2"},
		{"A&B&C", "a[A]0 b[B]1 c[C]2", "a&b[A&B]0 b&c[B&C]1"},
		{"Companies & markets, & more", "compani[Companies]0 market[markets]1 more[more]2", "compani&market[Companies & markets]0"},
		{"华为&荣耀", "华[华]0 为[为]1 荣[荣]2 耀[耀]3", "华为[华为]0 荣耀[荣耀]2"},
		{"ivan.petrov@mail.ru", "ivan[ivan]0 petrov[petrov]1 mail[mail]2 ru[ru]3", ""},
		{"https://example.org/a-b?c=1", "https[https]0 exampl[example]1 org[org]2 a[a]3 ab[a-b]3 b[b]4 c[c]5 1[1]6", ""},
		{"😀 ok👍", "ok[ok]0", ""},
		{"الرياض والصين", "الرياض[الرياض]0 والصين[والصين]1", ""},
		{"ไทย", "ไ[ไ]0 ท[ท]1 ย[ย]2", "ไท[ไท]0 ทย[ทย]1"},
		{"삼성전자", "삼[삼]0 성[성]1 전[전]2 자[자]3", "삼성[삼성]0 성전[성전]1 전자[전자]2"},
		{"ёж Ещё", "еж[ёж]0 ещ[Ещё]1", ""},
		{"iPhone 17 Pro华为", "iphon[iPhone]0 17[17]1 pro[Pro]2 华[华]3 为[为]4", "华为[华为]3"},
	} {
		words, bigrams := show(tt.text)
		if words != tt.words || bigrams != tt.bigrams {
			t.Errorf("Analyze(%q)\n got %s | %s\nwant %s | %s", tt.text, words, bigrams, tt.words, tt.bigrams)
		}
	}
}
