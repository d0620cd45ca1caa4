package textnorm

import "testing"

// What is written in odd ways is cut in one way only, whoever asks: a name is
// found by how people type it.
func TestAnalyzeOddWords(t *testing.T) {
	for _, tt := range []struct{ text, words, bigrams string }{
		{"state-of-the-art", "state[state]0 of[of]1 the[the]2 art[art]3", ""},
		{"Mail.Ru's", "mail[Mail]0 ru[Ru]1", ""},
		{"rock 'n' roll", "rock[rock]0 n[n]1 roll[roll]2", ""},
		{"O'Brien", "o[O]0 brien[Brien]1", ""},
		{"1 000 000", "1[1]0 000[000]1 000[000]2", ""},
		{"C++ and C#", "c[C]0 and[and]1 c[C]2", ""}, // signs are no letters
		{".NET", "net[NET]0", ""},
		{"ivan.petrov@mail.ru", "ivan[ivan]0 petrov[petrov]1 mail[mail]2 ru[ru]3", ""},
		{"https://example.org/a-b?c=1", "https[https]0 exampl[example]1 org[org]2 a[a]3 b[b]4 c[c]5 1[1]6", ""},
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
