package feeds

import (
	"container/heap"
	"net/url"
	"strings"
	"time"

	"github.com/newswatch/newswatch/pipeline/catalog"
)

const (
	// warm is how long after a request a host's connection is worth using again
	// for a feed that is due a little later, and early how much earlier, as a
	// share of its interval.
	warm  = 30 * time.Second
	early = 20
)

// A host is what is asked politely: it has its feeds, by when they are due, and
// its limits.
type host struct {
	name     string
	feeds    feedHeap  // those that are not being polled
	at       time.Time // when the first of them may be; set by place
	index    int32     // in the queue; -1: there is nothing to ask, or it is asked as often as it may be
	inFlight int32
	size     int32 // feeds, those being polled too

	asked   time.Time // the last start
	last    *feed     // which was asked then
	hold    time.Time // nothing starts before: Retry-After, or the breaker
	breaker breaker
	told    time.Time        // since when it was told to be down; zero: it was not
	spells  map[string]spell // of its feeds, by what those have in common
}

// A feed is one address on the schedule.
type feed struct {
	record
	url     string
	source  *catalog.Source // shared by the feeds of a source, never changed
	host    *host
	every   time.Duration
	due     time.Time
	index   int32  // in its host's heap; -1: being polled or read
	held    int32  // polls in a row whose items could not be stored
	offline int32  // polls in a row without a network
	shown   uint8  // the state it is counted under
	gone    bool   // no longer in the catalog
	first   bool   // not polled since the start
	ready   bool   // its state is loaded
	matched bool   // since its state was stored
	rev     uint64 // of its stored state
}

// address is where the feed is found now.
func (f *feed) address() string {
	if f.Move != nil && f.Move.Adopted {
		return f.Move.To
	}
	return f.url
}

// ready is when the host's first feed may be polled.
func (h *host) ready(cfg Config) time.Time {
	f := h.feeds[0]
	at := f.due
	if !h.asked.IsZero() {
		// Siblings are asked one after the other, while the connection is open.
		if soon := at.Add(-f.Interval / early); h.last != f && f.Trouble == nil && soon.Before(h.asked.Add(warm)) {
			at = soon
		}
		if next := h.asked.Add(cfg.gapOf(f.source)); next.After(at) {
			at = next
		}
	}
	if h.hold.After(at) {
		at = h.hold
	}
	return at
}

// A queue is the hosts that have something to ask, by when they may be.
type queue struct {
	heap hostHeap
	all  map[string]*host
	past map[string]hostRecord // of hosts without feeds
}

// of is the host of an address, made if need be.
func (q *queue) of(address string) *host {
	name := hostOf(address)
	h := q.all[name]
	if h == nil {
		h = &host{name: strings.Clone(name), index: -1}
		q.all[h.name] = h
		if r, ok := q.past[name]; ok {
			delete(q.past, name)
			h.recall(r)
		}
	}
	return h
}

// add puts a feed that is not being polled on its host's heap.
func (q *queue) add(f *feed, cfg Config) {
	heap.Push(&f.host.feeds, f)
	q.place(f.host, cfg)
}

// remove takes a feed from its host's heap, if it is there.
func (q *queue) remove(f *feed, cfg Config) {
	if f.index >= 0 {
		heap.Remove(&f.host.feeds, int(f.index))
		q.place(f.host, cfg)
	}
}

// moved puts a feed, whose due time has changed, in its place.
func (q *queue) moved(f *feed, cfg Config) {
	if f.index >= 0 {
		heap.Fix(&f.host.feeds, int(f.index))
		q.place(f.host, cfg)
	}
}

// place puts a host in its place after anything about it has changed.
func (q *queue) place(h *host, cfg Config) {
	if len(h.feeds) == 0 || int(h.inFlight) >= h.atOnce(cfg) {
		if h.index >= 0 {
			heap.Remove(&q.heap, int(h.index))
		}
		return
	}
	h.at = h.ready(cfg)
	if h.index < 0 {
		heap.Push(&q.heap, h)
	} else {
		heap.Fix(&q.heap, int(h.index))
	}
}

func (h *host) atOnce(cfg Config) int {
	if h.breaker.open() {
		return 1 // a probe
	}
	return cfg.atOnceOf(h.feeds[0].source)
}

// join and leave count the feeds of a host; one without feeds is forgotten.
func (q *queue) join(f *feed, h *host) {
	f.host = h
	h.size++
}

func (q *queue) leave(f *feed) {
	h := f.host
	if h.last == f {
		h.last = nil
	}
	h.size--
	q.forget(h)
}

// forget lets go of a host without feeds, but for what is to be remembered.
func (q *queue) forget(h *host) {
	if h.size > 0 || h.inFlight > 0 {
		return
	}
	delete(q.all, h.name)
	if r := h.record(); !r.empty() {
		q.past[h.name] = r
	}
}

// take takes the feed whose turn it is off the queue: at now, of the first host.
func (q *queue) take(now time.Time, cfg Config) *feed {
	h := q.heap[0]
	f := heap.Pop(&h.feeds).(*feed)
	h.inFlight++
	h.asked, h.last = now, f
	q.place(h, cfg)
	return f
}

// hostOf is what politeness counts by: the host, and its port where that is
// not the scheme's own. http and https are one host.
func hostOf(address string) string {
	u, err := url.Parse(address)
	if err != nil {
		return address
	}
	name := strings.ToLower(u.Hostname())
	switch port := u.Port(); port {
	case "", "80", "443":
		return name
	default:
		return name + ":" + port
	}
}

// feedHeap is feeds by when they are due.
type feedHeap []*feed

func (h feedHeap) Len() int           { return len(h) }
func (h feedHeap) Less(i, j int) bool { return h[i].due.Before(h[j].due) }
func (h feedHeap) Swap(i, j int) {
	h[i], h[j] = h[j], h[i]
	h[i].index, h[j].index = int32(i), int32(j)
}

// Push is for package heap.
func (h *feedHeap) Push(x any) {
	f := x.(*feed)
	f.index = int32(len(*h))
	*h = append(*h, f)
}

// Pop is for package heap.
func (h *feedHeap) Pop() any {
	old := *h
	f := old[len(old)-1]
	old[len(old)-1] = nil
	*h = old[:len(old)-1]
	f.index = -1
	return f
}

// hostHeap is hosts by when they may be asked.
type hostHeap []*host

func (h hostHeap) Len() int           { return len(h) }
func (h hostHeap) Less(i, j int) bool { return h[i].at.Before(h[j].at) }
func (h hostHeap) Swap(i, j int) {
	h[i], h[j] = h[j], h[i]
	h[i].index, h[j].index = int32(i), int32(j)
}

// Push is for package heap.
func (h *hostHeap) Push(x any) {
	v := x.(*host)
	v.index = int32(len(*h))
	*h = append(*h, v)
}

// Pop is for package heap.
func (h *hostHeap) Pop() any {
	old := *h
	v := old[len(old)-1]
	old[len(old)-1] = nil
	*h = old[:len(old)-1]
	v.index = -1
	return v
}
