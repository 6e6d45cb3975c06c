// Package catchup lets clients that lost their connection catch up. It keeps the latest frames
// of a room, and how far each client got: its place. Package messaging uses it for rooms with
// the tag confab:catch-up.
//
// A Log has the frames of one room as connections get them, in chunks that all replays share.
// Frames have numbers. A Ping with the number of the latest frame follows the frames to a
// client. When its Pong comes back, the client has all frames up to that number. The numbers of
// a Log begin at the time when it was made, in nanoseconds, so the numbers of an older Log of
// the same room are lower.
//
// A lost connection leaves a place, with the last number that its client confirmed. The next
// connection of the same Client takes the oldest place and starts there.
package catchup

import (
	"container/list"
	"sync"
	"time"
)

// Memory bounds the memory of all logs of a node. When they have more bytes than the limit,
// the oldest chunk of frames is dropped, whichever room it belongs to.
type Memory struct {
	limit int64
	path  string // the file for the next process; empty for none

	// mu guards the fields below, and all logs.
	mu     sync.Mutex
	used   int64
	chunks list.List // all chunks (*chunk), the oldest first
	logs   map[*Log]bool
	saved  map[string]*roomState // what the previous process has saved, by room
}

// NewMemory returns a Memory of at most limit bytes.
func NewMemory(limit int64) *Memory { return &Memory{limit: limit, logs: map[*Log]bool{}} }

// Empty reports whether there is no log.
func (m *Memory) Empty() bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return len(m.logs) == 0
}

// Used returns how many bytes the logs have.
func (m *Memory) Used() int64 {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.used
}

// chunk is consecutive frames of a log. Bytes are only appended, so replays share them.
type chunk struct {
	log   *Log
	at    *list.Element
	first uint64 // the number of its first frame
	ends  []uint32
	users []uint64 // who sent each frame, as hashes; 0 for events
	mem   []byte
	// privates are in the order of their places. private is the memory that they take.
	privates []private
	private  int
	last     time.Time // when its last frame was appended
}

// The sizes of chunks; how many frames, empty ones included, a chunk has at most; and the
// memory of a frame in addition to its bytes.
const (
	minChunk   = 1 << 10
	maxChunk   = 64 << 10
	mostFrames = 4096
	frameCost  = 12
)

// addLocked adds a chunk for a frame of n bytes to the log, and drops old ones.
func (m *Memory) addLocked(l *Log, n int) *chunk {
	size := minChunk
	if k := len(l.chunks); k > 0 {
		size = min(2*cap(l.chunks[k-1].mem), maxChunk)
	}
	c := &chunk{log: l, first: l.end + 1, mem: make([]byte, 0, max(size, n))}
	c.at = m.chunks.PushBack(c)
	m.used += int64(cap(c.mem))
	l.chunks = append(l.chunks, c)
	for m.used > m.limit && m.chunks.Len() > 1 {
		oldest := m.chunks.Front().Value.(*chunk) //nolint:forcetypeassert // Nothing else is in the list.
		oldest.log.dropLocked(1)                  // This is the first chunk of its log.
	}
	return c
}

// dropLocked drops the first n chunks.
func (l *Log) dropLocked(n int) {
	for _, c := range l.chunks[:n] {
		l.memory.chunks.Remove(c.at)
		l.memory.used -= int64(cap(c.mem) + frameCost*len(c.ends) + c.private)
	}
	l.chunks = append(l.chunks[:0:0], l.chunks[n:]...)
}
