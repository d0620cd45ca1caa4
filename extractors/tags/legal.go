package tags

import (
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/newswatch/newswatch/extractors/textnorm"
)

// Legal forms of organizations, folded. Weak ones are words of names as well:
// what is left without them must be two words. Cyrillic ones stand before the
// name, too; Latin ones don't (AS Roma is none).
var (
	legalForms = [][]string{
		{"ооо"}, {"ао"}, {"пао"}, {"оао"}, {"зао"}, {"нао"}, {"тоо"}, {"фгуп"}, {"гуп"}, {"муп"}, {"тов"}, {"прат"}, {"пат"},
		{"inc"}, {"ltd"}, {"llc"}, {"llp"}, {"plc"}, {"corp"}, {"gmbh"}, {"ag"}, {"kg"}, {"kgaa"}, {"se"}, {"sa"}, {"nv"}, {"bv"},
		{"oy"}, {"oyj"}, {"ab"}, {"asa"}, {"spa"}, {"srl"}, {"sarl"}, {"sas"}, {"pty"}, {"pte"}, {"bhd"}, {"sro"}, {"doo"},
		{"s", "a"}, {"s", "p", "a"}, {"n", "v"}, {"b", "v"}, {"a", "s"}, {"s", "r", "o"}, {"d", "o", "o"}, {"sp", "z", "o", "o"},
		{"limited"}, {"incorporated"},
	}
	weakForms   = [][]string{{"co"}, {"company"}, {"corporation"}, {"holding"}, {"holdings"}}
	hanForms    = []string{"股份有限公司", "有限责任公司", "有限公司"}
	hanWeak     = []string{"控股", "集团", "公司"}
	minHan      = 2 // characters left without a legal form
	minHanWeak  = 3
	minUnlegal  = 4 // letters of a single word left, which must have a capital and be no acronym
	legalDropAt = 4 // legal forms a name may have
)

// withoutLegal is the name of an organization without its legal form: ООО
// «Яндекс», Huawei Technologies Co., Ltd., 华为技术有限公司. Nil where it has none
// or too little is left. A name without one is found beside any; one that has one
// is found without it only beside the whole name: Apple Inc. is not every apple,
// Nord Stream 2 AG not its pipeline.
func withoutLegal(parts []part) []part {
	left := parts
	for range legalDropAt {
		n := len(left)
		left = dropLegal(left, legalForms, 1)
		left = dropLegal(left, weakForms, 2)
		if len(left) == n {
			break
		}
	}
	if last := left[len(left)-1]; last.class&textnorm.Free != 0 {
		if text := dropHan(last.text); text != last.text {
			left = slices.Clone(left)
			left[len(left)-1].text = text
			return left
		}
	}
	if len(left) == len(parts) {
		return nil
	}
	if p := left[0]; len(left) == 1 && (utf8.RuneCountInString(p.text) < minUnlegal || p.want == wantNothing || p.want > wantCaps) {
		return nil
	}
	left = slices.Clone(left)
	left[0].sep = sepSoft
	return left
}

// dropLegal is the parts without one of the forms before or after them, if at
// least keep are left.
func dropLegal(parts []part, forms [][]string, keep int) []part {
	for _, f := range forms {
		rest := len(parts) - len(f)
		if rest < keep {
			continue
		}
		if areWords(parts[rest:], f) {
			return parts[:rest]
		}
		if areWords(parts[:len(f)], f) && parts[0].want > wantCaps && parts[0].class&textnorm.Cyrillic != 0 {
			return parts[len(f):]
		}
	}
	return parts
}

func areWords(parts []part, words []string) bool {
	for i, w := range words {
		if parts[i].text != w {
			return false
		}
	}
	return true
}

// dropHan is a Chinese name without its legal form.
func dropHan(name string) string {
	for _, f := range hanForms {
		if rest, ok := strings.CutSuffix(name, f); ok && utf8.RuneCountInString(rest) >= minHan {
			name = rest
			break
		}
	}
	for _, f := range hanWeak {
		if rest, ok := strings.CutSuffix(name, f); ok && utf8.RuneCountInString(rest) >= minHanWeak {
			return rest
		}
	}
	return name
}
