// Package jet is the bus of package pipeline on NATS JetStream: with a server
// inside this process, or with an external one, by the same code. It is the
// only room that knows NATS.
//
// In go messages, handlers, keys and requests of the other rooms; out come the
// same at least once, whatever dies in between. [Open] gives a [Node], which is
// a [pipeline.Bus], a [pipeline.Log], the key-value buckets, leases, services
// and the dead letters.
//
// # What it owns
//
// The six streams named in package pipeline and their subjects, the key-value
// buckets, the subjects newswatch.<service> of requests, the headers
// Newswatch-*, and, for an embedded server, the data folder:
//
//	newswatch.lock   held (flock) while a process uses the folder: pid and node name
//	dirty            there while in use; left behind by a crash
//	jetstream/       the server's
//
// # How a message can't vanish
//
// No stream drops what a durable consumer has not settled: streams that are
// full refuse ([pipeline.ErrFull]) and the keeper makes room by removing only
// what every durable consumer has settled. A message that fails is retried,
// first by a delayed redelivery, later (or where many fail at once) by a copy in
// the retry stream, which the server hands in again when its time has come; in
// the end it is set aside as a dead letter. A message that kills the process
// each time it is handled is recognised by its count of deliveries and set
// aside too.
//
// # Backup
//
// A [Backup] reads all streams and buckets while they are written to, [Restore]
// makes them anew with the sequences they had, on an empty folder or an external
// server; see there for why they fit together.
//
// # Retry subjects
//
//	retry.<stage>.wait.<seq>.<subject>   the copy, until its time
//	retry.<stage>.due.<seq>.<subject>    the copy, handed to the stage again
//
// where seq and subject are those of the original message.
package jet
