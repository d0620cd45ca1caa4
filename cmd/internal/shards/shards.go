// Package shards spreads the corpus over index nodes. In go the articles'
// stream and the folder of an index; out come a [Holder], the copies of shards
// that a process has, and an [Asker], which answers for the whole corpus from
// whichever copies there are.
//
// The corpus of an installation is divided into a number of shards that is
// fixed when it is made ([Fix]). An article's key says which one it lies in
// (pipeline.Shards). A process with the index role has a copy of some shards or
// of all: a replica. Each replica has a folder and a durable consumer of its
// own, needs no lease, and knows nothing of the others but where to fetch a
// first copy from.
//
// # What it owns
//
// The key "shards" of the checkpoints bucket: the number. The bucket replicas,
// with a key <shard>.<replica> for each: every beat its state, see [Replica].
// The services shard.<shard>.<replica>.<what>, see serve.go. And in the
// index's folder, where there are several shards, a folder shard-<n> for each;
// where there is one, the folder itself is the shard's. Beside it, for a time,
// <folder>.partial, what has arrived of a copy that is fetched, and the folders
// of exchange.go.
//
// Where no other process can be on the bus nothing is told and nothing served:
// one process with one shard asks its index by a call of a function.
package shards

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strconv"

	"github.com/newswatch/newswatch/pipeline"
)

// keyShards is the number of shards in the checkpoints bucket.
const keyShards = "shards"

// Fix returns the number of shards of the installation. The first who asks
// fixes it, at want or else 1. An installation that has articles from before
// the number was kept has one. It is an error to want another number than it
// has; 0 takes what there is.
func Fix(ctx context.Context, kv pipeline.KV, articles uint64, want int) (pipeline.Shards, error) {
	if want < 0 || want > pipeline.MaxShards {
		return 0, fmt.Errorf("index.shards: %d is not between 1 and %d", want, pipeline.MaxShards)
	}
	e, err := kv.Get(ctx, keyShards)
	if errors.Is(err, pipeline.ErrNotFound) {
		n := max(1, want)
		if articles > 0 {
			n = 1
		}
		_, err = kv.Update(ctx, keyShards, []byte(strconv.Itoa(n)), 0)
		if err == nil || errors.Is(err, pipeline.ErrExists) { // another process may have come first
			e, err = kv.Get(ctx, keyShards)
		}
	}
	if err != nil {
		return 0, fmt.Errorf("number of shards: %w", err)
	}
	n, err := strconv.Atoi(string(e.Value))
	if err != nil || n < 1 || n > pipeline.MaxShards {
		return 0, fmt.Errorf("number of shards: %q is stored, not a number between 1 and %d", e.Value, pipeline.MaxShards)
	}
	if want != 0 && want != n {
		return 0, fmt.Errorf("index.shards: the installation was made with %d, the configuration says %d: the number can't be changed, make a new installation and load the articles into it", n, want)
	}
	return pipeline.Shards(n), nil
}

// held is the shards to have a copy of, in order.
func held(n pipeline.Shards, hold []int) ([]int, error) {
	if len(hold) == 0 {
		hold = make([]int, n.Count())
		for i := range hold {
			hold[i] = i
		}
		return hold, nil
	}
	hold = slices.Clone(hold)
	slices.Sort(hold)
	hold = slices.Compact(hold)
	for _, shard := range hold {
		if shard < 0 || shard >= n.Count() {
			return nil, fmt.Errorf("index.hold: there is no shard %d: they are counted from 0, and there are %d", shard, n.Count())
		}
	}
	return hold, nil
}

// Folder is the folder of a shard in that of the index; "": it is that one
// itself, where there is one shard.
func Folder(n pipeline.Shards, shard int) string {
	if n.Count() == 1 {
		return ""
	}
	return "shard-" + strconv.Itoa(shard)
}

var folderForm = regexp.MustCompile(`^shard-\d{1,2}$`)

// IsFolder says whether a name may be that of a shard's folder.
func IsFolder(name string) bool { return folderForm.MatchString(name) }

// StagePrefix begins the names of the stages that feed copies.
const StagePrefix = "index-"

// consumer names the durable consumer of a replica.
func consumer(n pipeline.Shards, shard int, replica string) string {
	if n.Count() == 1 {
		return StagePrefix + replica
	}
	return StagePrefix + replica + "-" + strconv.Itoa(shard)
}
