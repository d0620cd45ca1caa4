package index

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"runtime/debug"
	"syscall"

	"github.com/RoaringBitmap/roaring/v2"
	"github.com/klauspost/compress/s2"

	"github.com/newswatch/newswatch/pipeline"
)

// Bleve opens a segment file whole or not at all, so what is stored in a damaged
// one is read here, document by document. The form is that of zap.md in
// github.com/blevesearch/zapx/v17; the stored fields of versions 11 to 17 are
// alike. All documents' stored fields come first in a file, one after the
// other:
//
//	uvarint  length of meta
//	uvarint  length of data
//	meta     uvarint length of the id, then for each value the uvarints
//	         field, type, offset, length, number of array positions, these
//	data     the id, then all values together, compressed with Snappy
//
// then an index with the offset of each, 8 bytes big-endian, then what is
// searched, which is of no use here, and a footer that ends in
//
//	writer's id and its length (4 bytes), number of documents (8),
//	offset of the index (8), of the sections (8), chunk factor (4),
//	version (4), CRC-32 of everything before (4)
//
// What is read is trusted because a stored article carries a checksum of its
// own (zstd's) and its id, key and revision are there twice.
const (
	zapFooter     = 4 + 8 + 8 + 8 + 4 + 4 + 4
	zapMinVersion = 11
	zapMaxVersion = 17
	zapMaxMeta    = 4 << 10 // of ours, with two stored fields, it takes 20 bytes
	idLen         = 31
)

// A storedArticle is what a document stores.
type storedArticle struct {
	article pipeline.Article
	version version
}

// A zapFile is a segment file mapped into memory. Reading it may fault where
// the file was cut off or the disk is bad: see guarded.
type zapFile struct {
	data  []byte
	codec *codec

	docs  int // -1: the footer can't be read
	index int // offset of the index of stored fields
}

// errUnreadable says that a document can't be read or is not what was written.
var errUnreadable = errors.New("index: stored article can't be read")

func openZap(path string, c *codec) (*zapFile, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	z := &zapFile{codec: c, docs: -1}
	if info.Size() == 0 {
		return z, nil
	}
	if z.data, err = syscall.Mmap(int(f.Fd()), 0, int(info.Size()), syscall.PROT_READ, syscall.MAP_PRIVATE); err != nil {
		return nil, fmt.Errorf("map %s: %w", path, err)
	}
	_ = guarded(func() error { z.readFooter(); return nil }) // without, docs stays -1
	return z, nil
}

func (z *zapFile) close() error {
	if z.data == nil {
		return nil
	}
	return syscall.Munmap(z.data)
}

// guarded turns a panic or a fault of fn into an error.
func guarded(fn func() error) (err error) {
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("%w: %v", errUnreadable, r)
		}
	}()
	return fn()
}

func (z *zapFile) readFooter() {
	if len(z.data) < zapFooter {
		return
	}
	foot := z.data[len(z.data)-zapFooter:]
	docs, index := binary.BigEndian.Uint64(foot[4:]), binary.BigEndian.Uint64(foot[12:])
	version := binary.BigEndian.Uint32(foot[32:])
	end := uint64(len(z.data) - zapFooter)
	if version < zapMinVersion || version > zapMaxVersion || index > end || docs > (end-index)/8 {
		return
	}
	z.docs, z.index = int(docs), int(index)
}

// each calls fn with every document that can be read and was not deleted. lost
// is how many can't, of those that the footer tells of; where it tells nothing
// none are known to be lost.
func (z *zapFile) each(deleted *roaring.Bitmap, fn func(storedArticle) error) (lost int, err error) {
	gone := func(n int) bool { return deleted != nil && n >= 0 && deleted.Contains(uint32(n)) }
	number := make(map[int]int, max(z.docs, 0)) // of the document at an offset
	read := make(map[int]int, max(z.docs, 0))   // offset of what was read → where it ends
	for n := range max(z.docs, 0) {
		at, ok := z.offset(n)
		if _, taken := number[at]; taken {
			ok = false // zeros in the index all lead to the first document
		}
		if ok {
			number[at] = n
		}
		if gone(n) {
			if _, _, end, err := z.frame(at); ok && err == nil {
				read[at] = end
			}
			continue
		}
		var s storedArticle
		end := 0
		if ok {
			s, end, err = z.document(at)
		}
		if !ok || err != nil {
			lost++
			continue
		}
		read[at] = end
		if err := fn(s); err != nil {
			return lost, err
		}
	}
	if z.docs >= 0 && lost == 0 {
		return 0, nil
	}
	// Where the index is gone, or wrong, the documents are found one after the
	// other, and behind a gap by their looks.
	limit := len(z.data)
	if z.docs >= 0 {
		limit = z.index
	}
	chain := 0 // number of the next document; -1: not known since a gap
	for at := 0; at < limit; {
		n, known := number[at]
		if !known {
			n = chain
		}
		if end, done := read[at]; done {
			at = end
			if chain >= 0 {
				chain = n + 1
			}
			continue
		}
		s, end, err := z.document(at)
		if err != nil {
			chain = -1
			at = z.next(at+1, limit)
			continue
		}
		at = end
		if chain >= 0 || known {
			chain = n + 1
		}
		if gone(n) {
			continue
		}
		lost = max(0, lost-1)
		if err := fn(s); err != nil {
			return lost, err
		}
	}
	return lost, nil
}

// next is the next offset at which what begins looks like a document.
func (z *zapFile) next(at, limit int) int {
	for at < limit {
		err := guarded(func() error {
			for ; at < limit; at++ {
				if z.data[at] > 1 && z.data[at] < 0x80 { // meta of ours is short
					for k := at + 1; k < min(at+6, limit-1); k++ {
						if z.data[k] < 0x80 { // the last byte of the data's length
							if z.data[k+1] == idLen {
								return nil
							}
							break
						}
					}
				}
			}
			return nil
		})
		if err == nil {
			return at
		}
		at = (at | (os.Getpagesize() - 1)) + 1 // of a bad page nothing can be read
	}
	return limit
}

// offset is where the nth document is.
func (z *zapFile) offset(n int) (at int, ok bool) {
	err := guarded(func() error {
		v := binary.BigEndian.Uint64(z.data[z.index+8*n:])
		at, ok = int(v), v < uint64(z.index)
		return nil
	})
	return at, ok && err == nil
}

// frame is the document at an offset, in parts, and where it ends.
func (z *zapFile) frame(at int) (meta, data []byte, end int, err error) {
	err = guarded(func() error {
		bad := func() error { return fmt.Errorf("%w: no document at %d", errUnreadable, at) }
		if at < 0 || at >= len(z.data) {
			return bad()
		}
		rest := z.data[at:]
		metaLen, n := binary.Uvarint(rest[:min(len(rest), binary.MaxVarintLen64)])
		if n <= 0 || metaLen == 0 || metaLen > zapMaxMeta {
			return bad()
		}
		rest = rest[n:]
		dataLen, n := binary.Uvarint(rest[:min(len(rest), binary.MaxVarintLen64)])
		if n <= 0 || dataLen < idLen || dataLen > uint64(len(rest)) {
			return bad()
		}
		rest = rest[n:]
		if uint64(len(rest)) < metaLen+dataLen || rest[0] != idLen {
			return bad()
		}
		meta, data = rest[:metaLen], rest[metaLen:metaLen+dataLen]
		end = len(z.data) - len(rest) + int(metaLen+dataLen)
		return nil
	})
	return meta, data, end, err
}

// document reads and verifies the document at an offset, and says where it ends.
func (z *zapFile) document(at int) (s storedArticle, end int, err error) {
	meta, data, end, err := z.frame(at)
	if err != nil {
		return s, 0, err
	}
	err = guarded(func() error {
		id := string(data[:idLen])
		packed := data[idLen:]
		// Three bytes of Snappy stand for 64 at most.
		if n, err := s2.DecodedLen(packed); err != nil || n > maxStored || n > 22*len(packed) {
			return fmt.Errorf("%w: %s", errUnreadable, id)
		}
		values, err := s2.Decode(nil, packed)
		if err != nil {
			return fmt.Errorf("%w: %s: %w", errUnreadable, id, err)
		}
		var article, version []byte
		for r := bytes.NewReader(meta[1:]); r.Len() > 0; {
			value, err := storedValue(r, values)
			if err != nil {
				return fmt.Errorf("%w: %s", errUnreadable, id)
			}
			switch { // the names of the fields are elsewhere; the values tell themselves apart
			case bytes.HasPrefix(value, zstdMagic):
				article = value
			case len(value) == versionLen:
				version = value
			}
		}
		s, err = z.codec.verify(id, version, article)
		return err
	})
	return s, end, err
}

// storedValue reads where a value is and takes it from among the values.
func storedValue(meta *bytes.Reader, values []byte) ([]byte, error) {
	var n [5]uint64 // field, type, offset, length, number of array positions
	for i := range n {
		v, err := binary.ReadUvarint(meta)
		if err != nil {
			return nil, err
		}
		n[i] = v
	}
	for range n[4] {
		if _, err := binary.ReadUvarint(meta); err != nil {
			return nil, err
		}
	}
	if n[2] > uint64(len(values)) || n[3] > uint64(len(values))-n[2] {
		return nil, errUnreadable
	}
	return values[n[2] : n[2]+n[3]], nil
}

// zstdMagic begins every packed article (RFC 8878, 3.1.1).
var zstdMagic = []byte{0x28, 0xb5, 0x2f, 0xfd}

// verify unpacks a stored article and holds it against what stands beside it.
func (c *codec) verify(id string, packedVersion, packed []byte) (s storedArticle, err error) {
	if s.article, err = c.decode(packed); err != nil {
		return s, fmt.Errorf("%w: %s: %w", errUnreadable, id, err)
	}
	s.version = decodeVersion(packedVersion)
	_, key, err := pipeline.ParseID(id)
	if err != nil || s.article.ID != id || s.article.Key != key || len(packedVersion) != versionLen || s.version.revision != s.article.Revision {
		return s, fmt.Errorf("%w: %s is not what it should be", errUnreadable, id)
	}
	return s, nil
}
