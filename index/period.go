package index

import (
	"fmt"
	"regexp"
	"time"

	"github.com/newswatch/newswatch/pipeline"
)

// Lengths of a partition.
const (
	PartitionWeek    = "week" // of ISO 8601
	PartitionMonth   = "month"
	PartitionQuarter = "quarter"
	PartitionYear    = "year"
)

// A period is how time is cut into partitions. Names of later partitions are
// greater.
type period string

// name is the partition an article belongs in by its id.
func (p period) name(id string) (string, error) {
	t, _, err := pipeline.ParseID(id)
	if err != nil {
		return "", err
	}
	switch p {
	case PartitionWeek:
		year, week := t.ISOWeek()
		return fmt.Sprintf("%04d-w%02d", year, week), nil
	case PartitionYear:
		return fmt.Sprintf("%04d", t.Year()), nil
	case PartitionQuarter:
		return fmt.Sprintf("%04d-q%d", t.Year(), (int(t.Month())+2)/3), nil
	default:
		return fmt.Sprintf("%04d-%02d", t.Year(), int(t.Month())), nil
	}
}

var periodNames = map[period]*regexp.Regexp{
	PartitionWeek:    regexp.MustCompile(`^\d{4}-w(0[1-9]|[1-4]\d|5[0-3])$`),
	PartitionMonth:   regexp.MustCompile(`^\d{4}-(0[1-9]|1[0-2])$`),
	PartitionQuarter: regexp.MustCompile(`^\d{4}-q[1-4]$`),
	PartitionYear:    regexp.MustCompile(`^\d{4}$`),
}

// isName reports whether a folder of that name is a partition.
func (p period) isName(name string) bool { return periodNames[p].MatchString(name) }

// end is when the time of the partition is over.
func (p period) end(name string) (time.Time, error) {
	var year, n int
	var err error
	months := 1
	switch p {
	case PartitionWeek:
		if _, err := fmt.Sscanf(name, "%04d-w%02d", &year, &n); err != nil {
			return time.Time{}, fmt.Errorf("partition %s: %w", name, err)
		}
		// The first week is the one with the fourth of January; it begins on Monday.
		fourth := time.Date(year, 1, 4, 0, 0, 0, 0, time.UTC)
		return fourth.AddDate(0, 0, 7*n-(int(fourth.Weekday())+6)%7), nil
	case PartitionYear:
		n, months = 1, 12
		_, err = fmt.Sscanf(name, "%04d", &year)
	case PartitionQuarter:
		months = 3
		_, err = fmt.Sscanf(name, "%04d-q%d", &year, &n)
	default:
		_, err = fmt.Sscanf(name, "%04d-%02d", &year, &n)
	}
	if err != nil {
		return time.Time{}, fmt.Errorf("partition %s: %w", name, err)
	}
	return time.Date(year, time.Month((n-1)*months+1+months), 1, 0, 0, 0, 0, time.UTC), nil
}
