// Package searchbench measures the index: in go a corpus of real articles and
// a size, out come what indexing so many costs and how long queries of each
// shape take.
package searchbench
