package shards

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/newswatch/newswatch/pipeline"
)

// What retention does in several shards is told as one.
func TestAddReports(t *testing.T) {
	at := time.Date(2015, 12, 16, 9, 0, 0, 0, time.UTC)
	part := func(name, why string, articles int) pipeline.RetentionPartition {
		return pipeline.RetentionPartition{Name: name, Why: why, Articles: articles, Bytes: int64(100 * articles)}
	}
	a := pipeline.RetentionReport{
		At: at, TookMS: 3, Articles: 7, Bytes: 500, Total: 5000, MaxSize: 9000,
		Partitions: []pipeline.RetentionPartition{part("2014-11", "age", 2), part("2014-12", "age", 3)},
		Rules:      []pipeline.RetentionRule{{Match: "lang:en", Keep: "30d", Articles: 2, Oldest: at.AddDate(0, -3, 0)}, {Keep: "1y"}},
	}
	b := pipeline.RetentionReport{
		At: at.Add(time.Minute), TookMS: 4, Articles: 6, Bytes: 400, Total: 6000, MaxSize: 9000, Error: "disk",
		Partitions: []pipeline.RetentionPartition{part("2014-10", "age", 1), part("2014-12", "age", 4)},
		Rules:      []pipeline.RetentionRule{{Match: "lang:en", Keep: "30d", Articles: 1, Oldest: at.AddDate(0, -4, 0)}, {Keep: "1y", Articles: 1, Oldest: at.AddDate(-2, 0, 0)}},
	}
	want := pipeline.RetentionReport{
		At: b.At, TookMS: 7, Articles: 13, Bytes: 900, Total: 11000, MaxSize: 18000, Error: "disk",
		Partitions: []pipeline.RetentionPartition{part("2014-10", "age", 1), part("2014-11", "age", 2), part("2014-12", "age", 7)},
		Rules:      []pipeline.RetentionRule{{Match: "lang:en", Keep: "30d", Articles: 3, Oldest: at.AddDate(0, -4, 0)}, {Keep: "1y", Articles: 1, Oldest: at.AddDate(-2, 0, 0)}},
	}
	if diff := cmp.Diff(want, addReports(addReports(pipeline.RetentionReport{}, a), b)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}
