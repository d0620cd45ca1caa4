package inverted

import (
	"encoding/binary"
	"math/bits"

	"github.com/golang/snappy"
)

// blocks are numbers of documents, cut into blocks by the documents' numbers.
type blocks struct {
	data []byte
	ends []int
	size int // documents a block is for
	now  int // block
}

// postingsPerBlock is about how many postings zapx's chunk mode 1026 has in a
// block.
const postingsPerBlock = 1024

// start begins anew, for so many of a segment's documents.
func (b *blocks) start(docs, postings int) {
	b.data, b.ends, b.now = b.data[:0], b.ends[:0], 0
	b.size = docs / (postings/postingsPerBlock + 1)
	for range (docs-1)/b.size + 1 {
		b.ends = append(b.ends, 0)
	}
}

// at says that what comes next is the document's. They come in order.
func (b *blocks) at(doc int) {
	for to := doc / b.size; b.now < to; b.now++ {
		b.ends[b.now] = len(b.data)
	}
}

func (b *blocks) add(v uint64) { b.data = binary.AppendUvarint(b.data, v) }

// location adds a location of a field that is nothing but its array positions.
func (b *blocks) location(field int, places []uint64) {
	size := uvarintLen(uint64(field)) + 3 + uvarintLen(uint64(len(places)))
	for _, p := range places {
		size += uvarintLen(p)
	}
	for _, v := range [...]int{size, field, 0, 0, 0, len(places)} { // zeros: position, start, end
		b.add(uint64(v))
	}
	for _, p := range places {
		b.add(p)
	}
}

func uvarintLen(v uint64) int { return (bits.Len64(v|1) + 6) / 7 }

// appendTo ends them.
func (b *blocks) appendTo(out []byte) []byte {
	for ; b.now < len(b.ends); b.now++ {
		b.ends[b.now] = len(b.data)
	}
	out = binary.AppendUvarint(out, uint64(len(b.ends)))
	for _, end := range b.ends {
		out = binary.AppendUvarint(out, uint64(end))
	}
	return append(out, b.data...)
}

// valuesPerBlock is the documents of a block of doc values.
const valuesPerBlock = 1024

// writeValues writes the doc values of a field, and says where.
func (w *writer) writeValues() (start, end uint64) {
	start = uint64(len(w.out))
	ends := make([]int, (w.docs-1)/valuesPerBlock+1)
	for i := range ends {
		block := w.values[i*valuesPerBlock : min((i+1)*valuesPerBlock, w.docs)]
		n := 0
		w.meta, w.data = w.meta[:0], w.data[:0]
		for j, v := range block {
			if len(v) == 0 {
				continue
			}
			n++
			w.data = append(w.data, v...)
			w.meta = binary.AppendUvarint(w.meta, uint64(i*valuesPerBlock+j))
			w.meta = binary.AppendUvarint(w.meta, uint64(len(w.data)))
		}
		// As zapx does it, block 0 is written even where it is empty, and any
		// other is left out.
		if n > 0 || i == 0 {
			w.number(n)
			w.out = append(w.out, w.meta...)
			w.packed = snappy.Encode(w.packed[:cap(w.packed)], w.data)
			w.out = append(w.out, w.packed...)
		}
		ends[i] = len(w.out) - int(start)
	}
	at := len(w.out)
	for _, e := range ends {
		w.number(e)
	}
	w.out = binary.BigEndian.AppendUint64(w.out, uint64(len(w.out)-at))
	w.out = binary.BigEndian.AppendUint64(w.out, uint64(len(ends)))
	return start, uint64(len(w.out))
}
