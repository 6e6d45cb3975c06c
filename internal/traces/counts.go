package traces

import (
	"encoding/binary"
	"sync/atomic"
	"unsafe"

	"github.com/cespare/xxhash/v2"
)

// counts says how many connections of this node got each of the last messages of a room.
// One goroutine at a time adds to it; any may read it.
type counts struct {
	ring atomic.Pointer[[]count]
	next int // the next place to use; only the goroutine that adds reads it
}

// count is the count of one message: the upper bits are those of its key, the lower nBits
// the number of connections. It is 0 if there is none.
type count = atomic.Uint64

const (
	countSize   = int(unsafe.Sizeof(count{}))
	firstCounts = 16
	mostCounts  = 512
	nBits       = 20
	mostN       = 1<<nBits - 1
)

// keyOf is the name of a message between nodes.
func keyOf(id string) uint64 { return xxhash.Sum64String(id) &^ mostN }

// add adds a message, in the place of the oldest, and returns by how many bytes the counts
// have grown.
func (c *counts) add(id string, n int) (more int) {
	ring := c.ring.Load()
	if ring == nil || c.next == len(*ring) && c.next < mostCounts {
		var old []count
		if ring != nil {
			old = *ring
		}
		bigger := make([]count, min(max(2*len(old), firstCounts), mostCounts))
		for i := range old {
			bigger[i].Store(old[i].Load())
		}
		more = (len(bigger) - len(old)) * countSize
		ring = &bigger
		c.ring.Store(ring)
	}
	if c.next == mostCounts {
		c.next = 0
	}
	(*ring)[c.next].Store(keyOf(id) | uint64(min(n, mostN)))
	c.next++
	return more
}

// bytes returns all counts, each in 8 bytes.
func (c *counts) bytes() []byte {
	ring := c.ring.Load()
	if ring == nil {
		return nil
	}
	b := make([]byte, 0, countSize*len(*ring))
	for i := range *ring {
		if v := (*ring)[i].Load(); v != 0 {
			b = binary.BigEndian.AppendUint64(b, v)
		}
	}
	return b
}

// addTo adds counts in the form of bytes to others. An incomplete count at the end is
// ignored.
func addTo(all map[uint64]int, b []byte) {
	for ; len(b) >= countSize; b = b[countSize:] {
		v := binary.BigEndian.Uint64(b)
		all[v&^mostN] += int(v & mostN)
	}
}
