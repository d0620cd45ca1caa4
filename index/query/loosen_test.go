package query

import "testing"

func TestLoosen(t *testing.T) {
	for _, tt := range []struct{ q, want string }{
		{"huawei chip", "huawei OR chip"},
		{"huawei chip lang:ru -nokia last:7d", "(huawei OR chip) AND lang:ru AND -nokia AND last:7d"},
		{`"supply chain" huawei`, `"supply chain" OR huawei`},
		{"title:huawei chip*", "title:huawei OR chip*"},
		{"(a OR b) c", "a OR b OR c"},
		{"a NEAR/3 b c", "a NEAR/3 b OR c"},
		{"总统访华", "总统 OR 统访 OR 访华"},
		{"title:总统访华 北京", "title:总统 OR title:统访 OR title:访华 OR 北京"},
		{`"总统访华" 北京`, `"总统访华" OR 北京`},
		{"C++ AT&T", `"C++" OR "AT&T"`},
		{"huawei", ""},
		{"华为", ""},
		{`"a b c"`, ""},
		{"huawei lang:ru", ""},
		{"-a -b", ""},
		{"*", ""},
		{"Wi-Fi", ""},
		{"a OR b", ""},
		{"Wi-Fi router", `"Wi-Fi" OR WiFi OR router`},
	} {
		q, err := Parse(tt.q, testNow)
		if err != nil {
			t.Fatal(err)
		}
		got, ok := q.Loosen()
		if got != tt.want || ok != (tt.want != "") {
			t.Errorf("%s loosened: %q, %v; want %q", tt.q, got, ok, tt.want)
		}
		if !ok {
			continue
		}
		loose, err := Parse(got, testNow)
		if err != nil {
			t.Errorf("%s loosened: %v", tt.q, err)
		} else if again := loose.String(); again != got {
			t.Errorf("%s loosened: %s, which is %s", tt.q, got, again)
		}
	}
}
