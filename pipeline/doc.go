// Package pipeline is the spine of newswatch: the values that flow, the topics
// they flow through, and the contract of the bus that carries them. It imports
// only the standard library, and every other room meets the rest here.
//
//	catalog ─▶ feeds ──Items──▶ extract+tag ──Extracted──▶ stories ──Articles──┬─▶ index  ─▶ search · web · API
//	                                                                           └─▶ alerts ──Alerts──▶ channels
//
// An arrow is a [Topic]: one JetStream stream of JSON values, read by named
// durable consumers. A [Stage] is a plain function of values between two
// topics, a [Sink] the end of the way. Neither knows of the bus: they are
// handed values, and what they return is published before their input is
// acknowledged.
//
// # Fates
//
// A handler's error decides over its message: nil acknowledges it, [Permanent]
// sets it aside as a dead letter, [Later] asks for it again without blame, and
// any other error is retried with growing, jittered delays until it too ends
// among the dead letters. A panic is a dead letter. A message can't vanish.
//
// # At least once, counted once
//
// Every stage may run twice on the same input and must then change nothing.
// Identity does that: an [Item] is stored under its key and content, create
// only; an [Article] has one key, one id and one subject; an [Alert] is created
// once per watch and deduplication id. A batch sink acknowledges when its write
// is durable, not when the call returns.
//
// # Subjects
//
//	ITEMS      item.<partition>.<key>.<content>   partition by host, create-only
//	EXTRACTED  extracted.<key>
//	ARTICLES   article.<shard>.<key>              latest per subject
//	ALERTS     alert.<watch>.<dedup id>           latest per subject, create-only, then updated by sequence
//	DEAD       dead.<stage>.<reason>.<key>
//	RETRY      retry.<stage>.<key>                scheduled
//
// Key-value buckets: feeds, catalog, leases, checkpoints, copies.
package pipeline
