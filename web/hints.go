package web

import "github.com/newswatch/newswatch/pipeline"

// A hintView says what of a query was understood otherwise than it may be meant.
type hintView struct {
	Message    string
	Query, URL string // what may be meant; empty: that is not known
}

// An absentView is a word that no article has.
type absentView struct {
	Term         string
	Instead, URL string // the word most like it; empty: there is none
	Count        string
}

func hintsOf(st searchState, hints []pipeline.Hint) (out []hintView) {
	for _, h := range hints {
		v := hintView{Message: h.Message, Query: h.Query}
		if h.Query != "" {
			v.URL = st.asking(h.Query).url()
		}
		out = append(out, v)
	}
	return out
}

func absentOf(st searchState, absent []pipeline.Absent) (out []absentView) {
	for _, a := range absent {
		v := absentView{Term: a.Term}
		if a.Query != "" {
			v.Instead, v.URL, v.Count = a.Instead, st.asking(a.Query).url(), count(a.Count, "article", "articles")
		}
		out = append(out, v)
	}
	return out
}

// widerOf links what would be found with one condition less.
func widerOf(st searchState, without []pipeline.Without) (out []filterView) {
	for _, w := range without {
		label, to := "without "+w.Term, st.asking(w.Query)
		if w.Term == "" {
			label, to = "any day", st.between("", "")
		}
		out = append(out, filterView{Label: label, URL: to.url(), Count: number(w.Count)})
	}
	return out
}
