package pipeline

import "time"

// A RetentionReport is what retention removed from the index, or would remove.
type RetentionReport struct {
	DryRun bool      `json:"dry_run"`
	At     time.Time `json:"at"`  // when it ran
	Now    time.Time `json:"now"` // what it took for the present: never later than the articles bear out; zero: nothing is known yet, and nothing removed
	TookMS int64     `json:"took_ms"`

	Partitions []RetentionPartition `json:"partitions"` // removed whole
	Rules      []RetentionRule      `json:"rules"`      // what each removed from partitions that stay
	Articles   int                  `json:"articles"`   // removed in all
	Bytes      int64                `json:"bytes"`      // of the partitions removed whole
	Total      int64                `json:"total"`      // bytes of the index before
	MaxSize    int64                `json:"max_size,omitempty"`
	Error      string               `json:"error,omitempty"` // why it ended early; it is tried again
}

// A RetentionPartition is one removed whole.
type RetentionPartition struct {
	Name     string `json:"name"`
	Articles int    `json:"articles"`
	Bytes    int64  `json:"bytes"`
	Why      string `json:"why"` // age, size, or empty
}

// A RetentionRule is what one rule did.
type RetentionRule struct {
	Match    string    `json:"match,omitempty"` // none: every article that no rule before it matches
	Keep     string    `json:"keep"`
	Articles int       `json:"articles"`
	Oldest   time.Time `json:"oldest,omitzero"` // of these articles
}

// RetentionStatus is how retention is set, and its last run.
type RetentionStatus struct {
	On      bool             `json:"on"`                // there are rules or a size
	Running bool             `json:"running,omitempty"` // just now
	Last    *RetentionReport `json:"last,omitempty"`    // none: it has not run yet
}
