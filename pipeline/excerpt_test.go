package pipeline

import (
	"strings"
	"testing"
)

func TestExcerpt(t *testing.T) {
	for _, tt := range []struct {
		name, text, mark string
		most             int
		before, after    string
	}{
		{"whole line", "first line\nabout Huawei today\nlast", "Huawei", 40, "about ", " today"},
		{"cut at spaces", "one two three four Huawei five six seven", "Huawei", 10, "…four ", " five six…"},
		{"Han is cut anywhere", "昨天下午在深圳华为发布了新手机", "华为", 3, "…在深圳", "发布了…"},
		{"alone", "Huawei", "Huawei", 10, "", ""},
		{"to the letter", "ab Huawei cd", "Huawei", 3, "ab ", " cd"},
		{"a long word", strings.Repeat("x", 30) + "Huawei", "Huawei", 5, "…xxxxx", ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			i := strings.Index(tt.text, tt.mark)
			before, after := Excerpt(tt.text, i, i+len(tt.mark), tt.most)
			if before != tt.before || after != tt.after {
				t.Errorf("%q [%s] %q, want %q, %q", before, tt.mark, after, tt.before, tt.after)
			}
		})
	}
}
