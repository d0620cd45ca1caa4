package jet

import (
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"
)

// A Config says which server to use and how to keep its streams. The zero
// value with a Dir is a good one for a single node.
type Config struct {
	// URL of an external NATS server or cluster (comma-separated), with
	// JetStream, version 2.14 or later. Empty: a server inside this process.
	URL string `yaml:"url,omitempty" json:"url,omitempty"`
	// CredsFile is the credentials file for the external server.
	CredsFile string `yaml:"creds_file,omitempty" json:"creds_file,omitempty"`
	// TokenFile holds the token that the external server asks for, or that
	// the embedded one asks of whoever connects to Listen.
	TokenFile string `yaml:"token_file,omitempty" json:"token_file,omitempty"`

	// Dir is the data folder of the embedded server, on a local disk.
	Dir string `yaml:"dir,omitempty" json:"dir,omitempty"`
	// Listen is the host:port on which the embedded server also serves other
	// processes (port 0: any). Empty: it has no listener. Beyond loopback it
	// needs a TokenFile.
	Listen string `yaml:"listen,omitempty" json:"listen,omitempty"`

	// Node is the name of this process, unlike that of any other. Empty: host,
	// process id and a random part.
	Node string `yaml:"node,omitempty" json:"node,omitempty"`
	// Replicas of each stream and bucket; 1 (the default), 3 or 5. More than
	// one needs an external cluster.
	Replicas int `yaml:"replicas,omitempty" json:"replicas,omitempty"`

	// SyncInterval is how often the embedded server flushes to the disk, and
	// so how much a power failure can take; a crash of the process takes
	// nothing. 0: one second.
	SyncInterval time.Duration `yaml:"sync_interval,omitempty" json:"sync_interval,omitempty"`
	// SyncAlways flushes each message, at about a tenth of the speed.
	SyncAlways bool `yaml:"sync_always,omitempty" json:"sync_always,omitempty"`

	// MaxStore bounds the bytes of all streams together. 0: 32 GiB.
	MaxStore int64 `yaml:"max_store,omitempty" json:"max_store,omitempty"`
	// MaxMemory bounds the embedded server's memory streams (there are
	// short-lived consumers only). 0: 256 MiB.
	MaxMemory int64 `yaml:"max_memory,omitempty" json:"max_memory,omitempty"`
	// MinFree is the free disk below which no new items are taken; at half of
	// it, nothing is. 0: 256 MiB. For the embedded server.
	MinFree int64 `yaml:"min_free,omitempty" json:"min_free,omitempty"`
	// Sizes bounds the streams one by one.
	Sizes Sizes `yaml:"sizes,omitempty" json:"sizes,omitzero"`

	// Retry is the delays before the second, third… try of a message that
	// fails, each ±20 %; after the last it is a dead letter. nil: 1s 5s 30s 2m
	// 10m 1h 6h.
	Retry []time.Duration `yaml:"retry,omitempty" json:"retry,omitempty"`
	// AckWait is how long a message is left with a process that gives no sign
	// of life. A sign is given every third of it. 0: one minute.
	AckWait time.Duration `yaml:"ack_wait,omitempty" json:"ack_wait,omitempty"`
	// FetchWait is how long one request for messages waits for them, and how
	// long an idle consumer takes to stop. 0: one second.
	FetchWait time.Duration `yaml:"fetch_wait,omitempty" json:"fetch_wait,omitempty"`
	// MaxCrashes is how often a message may be handed out without an outcome
	// before it is suspected of killing the process, and how often it may then
	// be started alone before it is set aside. 0: 5.
	MaxCrashes int `yaml:"max_crashes,omitempty" json:"max_crashes,omitempty"`
	// LeaseTTL is how long a lease outlives its holder. 0: 6 seconds.
	LeaseTTL time.Duration `yaml:"lease_ttl,omitempty" json:"lease_ttl,omitempty"`
	// StartWait is how long [Open] waits for the server to be ready. 0: one
	// minute.
	StartWait time.Duration `yaml:"start_wait,omitempty" json:"start_wait,omitempty"`
}

// Sizes bounds the streams in bytes. A zero is that stream's share of
// Config.MaxStore, in 32nds: items 6, extracted 1, articles 20, alerts 1,
// dead 1, retry 1; the rest is for key-value.
type Sizes struct {
	Items     int64 `yaml:"items,omitempty" json:"items,omitempty"`
	Extracted int64 `yaml:"extracted,omitempty" json:"extracted,omitempty"`
	Articles  int64 `yaml:"articles,omitempty" json:"articles,omitempty"`
	Alerts    int64 `yaml:"alerts,omitempty" json:"alerts,omitempty"`
	Dead      int64 `yaml:"dead,omitempty" json:"dead,omitempty"`
	Retry     int64 `yaml:"retry,omitempty" json:"retry,omitempty"`
}

// retryDelays is the default of Config.Retry.
func retryDelays() []time.Duration {
	return []time.Duration{
		time.Second, 5 * time.Second, 30 * time.Second,
		2 * time.Minute, 10 * time.Minute, time.Hour, 6 * time.Hour,
	}
}

// withDefaults returns cfg with each zero replaced, or an error that names the
// field that can't be.
func (cfg Config) withDefaults() (Config, error) {
	switch {
	case cfg.URL == "" && cfg.Dir == "":
		return cfg, errors.New("jet config: dir is empty, and there is no url of an external server")
	case cfg.URL != "" && cfg.Listen != "":
		return cfg, errors.New("jet config: listen is for the embedded server, url names an external one")
	case cfg.URL == "" && cfg.Replicas > 1:
		return cfg, fmt.Errorf("jet config: replicas %d needs an external cluster (url)", cfg.Replicas)
	}
	if cfg.Node == "" {
		cfg.Node = nodeName()
	}
	if strings.ContainsAny(cfg.Node, " \n/") {
		return cfg, fmt.Errorf("jet config: node %q has a space or slash", cfg.Node)
	}
	set(&cfg.Replicas, 1)
	set(&cfg.SyncInterval, time.Second)
	set(&cfg.MaxStore, 32<<30)
	set(&cfg.MaxMemory, 256<<20)
	set(&cfg.MinFree, 256<<20)
	set(&cfg.AckWait, time.Minute)
	set(&cfg.FetchWait, time.Second)
	set(&cfg.MaxCrashes, 5)
	set(&cfg.LeaseTTL, 6*time.Second)
	set(&cfg.StartWait, time.Minute)
	if cfg.Retry == nil {
		cfg.Retry = retryDelays()
	}
	part := cfg.MaxStore / 32
	z := &cfg.Sizes
	set(&z.Items, 6*part)
	set(&z.Extracted, part)
	set(&z.Articles, 20*part)
	set(&z.Alerts, part)
	set(&z.Dead, part)
	set(&z.Retry, part)
	if sum := z.Items + z.Extracted + z.Articles + z.Alerts + z.Dead + z.Retry; sum > cfg.MaxStore {
		return cfg, fmt.Errorf("jet config: sizes add up to %d bytes, max_store is %d", sum, cfg.MaxStore)
	}
	return cfg, nil
}

func set[T comparable](p *T, def T) {
	var zero T
	if *p == zero {
		*p = def
	}
}

func nodeName() string {
	host, err := os.Hostname()
	if err != nil {
		host = "node"
	}
	var b [4]byte
	rand.Read(b[:]) // never fails
	return fmt.Sprintf("%s-%d-%s", strings.Map(plainRune, host), os.Getpid(), hex.EncodeToString(b[:]))
}

// token reads the secret of cfg.TokenFile; empty without one.
func (cfg Config) token() (string, error) {
	if cfg.TokenFile == "" {
		return "", nil
	}
	b, err := os.ReadFile(cfg.TokenFile)
	if err != nil {
		return "", fmt.Errorf("token file: %w", err)
	}
	t := strings.TrimSpace(string(b))
	if t == "" {
		return "", fmt.Errorf("token file %s is empty", cfg.TokenFile)
	}
	return t, nil
}

// plainRune maps what a name or subject token may not hold to a dash.
func plainRune(r rune) rune {
	switch {
	case 'a' <= r && r <= 'z', 'A' <= r && r <= 'Z', '0' <= r && r <= '9', r == '-', r == '_':
		return r
	}
	return '-'
}
