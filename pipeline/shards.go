package pipeline

import (
	"hash/fnv"
	"strconv"
)

// MaxShards is the most parts a corpus can be divided into.
const MaxShards = 64

// Shards is the number of parts that the corpus of an installation is divided
// into, fixed when the installation is made. Zero is one.
//
// Whoever publishes an article, or looks for one by its key, must know the
// number; whoever reads all of them need not.
type Shards int

// Count is the number, at least 1.
func (n Shards) Count() int { return max(1, int(n)) }

// Of is the shard of the article with the key: the 32-bit FNV-1a hash of the
// key, modulo the number of shards.
func (n Shards) Of(key string) int {
	if n.Count() == 1 {
		return 0
	}
	h := fnv.New32a()
	h.Write([]byte(key)) // never fails
	return int(h.Sum32() % uint32(n))
}

// Subject is where the article with the key is found in the articles stream.
func (n Shards) Subject(key string) string {
	return "article." + strconv.Itoa(n.Of(key)) + "." + key
}

// Filter selects the articles of one shard; it is empty where there is one.
func (n Shards) Filter(shard int) string {
	if n.Count() == 1 {
		return ""
	}
	return "article." + strconv.Itoa(shard) + ".>"
}

// Articles is the corpus, to publish to and to read.
func (n Shards) Articles() Topic[Article] {
	t := Articles
	t.Subject = func(a Article) string { return n.Subject(a.Key) }
	return t
}
