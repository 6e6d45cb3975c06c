package catchup

import (
	"context"
	"time"

	"confab/internal/chat"
)

// Log is the latest frames of a room, and the places of its clients.
type Log struct {
	memory *Memory
	born   uint64
	room   string // set if the log is saved

	// memory.mu guards the fields below.

	// filling has an element while frames from other nodes are added. It is nil before the first
	// Fill: most logs never need one.
	filling chan struct{}
	keep    time.Duration
	begin   uint64     // the number before the first frame; born, unless older frames were added
	end     uint64     // the number of the last frame
	sent    uint64     // the number of the last frame that was sent to connections
	from    chat.Point // every later frame of the room has a number here
	runs    []run
	chunks  []*chunk
	// These maps are nil while they are empty.
	places  map[Client][]*Place // the places of each client, the oldest first
	refused map[Client]time.Time
	voided  map[uint64]void // by the hash of the user id
	reports map[string]*held
	version uint64      // grows with changes of the places, and of the numbers that connections confirm
	timer   *time.Timer // it runs until the next mark; nil if none is due
}

// slack is how long a frame is kept beyond the time in which a client may return: the loss
// of a connection is noticed late.
const slack = 15 * time.Second

// NewLog returns an empty log whose places last for keep.
func (m *Memory) NewLog(keep time.Duration) *Log {
	born := uint64(time.Now().UnixNano())
	return &Log{
		memory: m, born: born, begin: born, end: born, sent: born, keep: keep, version: born,
	}
}

// put sets an entry of a map that is nil while it is empty: most rooms are quiet, and have none.
func put[K comparable, V any](m *map[K]V, key K, value V) {
	if *m == nil {
		*m = map[K]V{}
	}
	(*m)[key] = value
}

// shrink removes an empty map, which keeps the memory of the entries that it had.
func shrink[K comparable, V any](m *map[K]V) {
	if len(*m) == 0 {
		*m = nil
	}
}

// Keep changes how long places last.
func (l *Log) Keep(keep time.Duration) {
	l.memory.mu.Lock()
	defer l.memory.mu.Unlock()
	l.keep = keep
}

// Close removes all frames and places.
func (l *Log) Close() {
	l.memory.mu.Lock()
	defer l.memory.mu.Unlock()
	l.dropLocked(len(l.chunks))
	if l.timer != nil {
		l.timer.Stop()
	}
	clear(l.places)
	clear(l.reports)
	delete(l.memory.logs, l)
}

// Append adds a frame as connections get it, with its position in the order of the room.
// userID is the sender of a message, and "" for an event. An empty frame takes a number and
// is sent to no client.
func (l *Log) Append(frame []byte, userID string, at chat.Point) {
	l.memory.mu.Lock()
	defer l.memory.mu.Unlock()
	c := l.memory.nextLocked(l, len(frame), len(frame))
	l.sent = l.end
	l.numberLocked(at)
	c.mem = append(c.mem, frame...)
	c.ends[len(c.ends)-1] = uint32(len(c.mem))
	c.users[len(c.users)-1] = senderOf(userID)
}

// nextLocked returns the chunk for the next frame of a log, and an empty place for the
// frame. The frame takes n bytes in the chunk, and size bytes in all.
func (m *Memory) nextLocked(l *Log, n, size int) *chunk {
	now := time.Now()
	var c *chunk
	if k := len(l.chunks); k > 0 {
		c = l.chunks[k-1]
	}
	if c == nil || size > cap(c.mem)-len(c.mem)-c.private || len(c.ends) >= mostFrames {
		c = m.addLocked(l, n)
		l.expireLocked(now)
	}
	l.end++
	l.version++
	c.ends = append(c.ends, uint32(len(c.mem)))
	c.users = append(c.users, 0)
	c.last = now
	m.used += frameCost
	return c
}

// expireLocked drops frames that no place can need any more.
func (l *Log) expireLocked(now time.Time) {
	n := 0
	for n < len(l.chunks) && len(l.chunks[n].ends) > 0 && now.Sub(l.chunks[n].last) > l.keep+slack {
		n++
	}
	if n > 0 {
		l.dropLocked(n)
	}
}

// End returns the number of the last frame.
func (l *Log) End() uint64 {
	l.memory.mu.Lock()
	defer l.memory.mu.Unlock()
	return l.end
}

// Fill calls f if the log lacks frames after a point. Calls of f are made one after
// another. If ctx ends first, f is not called.
func (l *Log) Fill(ctx context.Context, p chat.Point, f func()) {
	l.memory.mu.Lock()
	if l.filling == nil {
		l.filling = make(chan struct{}, 1)
	}
	filling := l.filling
	l.memory.mu.Unlock()
	select {
	case filling <- struct{}{}:
	case <-ctx.Done():
		return
	}
	defer func() { <-filling }()
	if !l.Covers(p) {
		f()
	}
}

// Since returns the frames after a number as a user gets them, as pieces that are shared
// with others and must not be changed. missed is the number of frames after it that are not
// kept any more.
func (l *Log) Since(from uint64, userID string) (pieces [][]byte, missed uint64) {
	return since(l, from, userID, nil)
}

// since is Since with what mark returns for the number of the frame before, about every
// markEvery bytes. mark may be nil.
func since(l *Log, from uint64, userID string, mark func(number uint64) []byte) (pieces [][]byte, missed uint64) {
	l.memory.mu.Lock()
	defer l.memory.mu.Unlock()
	from = max(from, l.begin)
	if from >= l.end {
		return nil, 0
	}
	missed = l.end - from
	size := 0
	for _, c := range l.chunks {
		last := c.first + uint64(len(c.ends)) - 1
		if last <= from {
			continue
		}
		missed -= last - max(from, c.first-1)
		for _, p := range c.piecesFor(userID, int(max(from+1, c.first)-c.first)) {
			pieces = append(pieces, p)
			size += len(p)
		}
		if size >= markEvery && mark != nil {
			pieces, size = append(pieces, mark(last)), 0
		}
	}
	return pieces, missed
}

// MarkLater is called when a frame was sent to connections. It calls mark with the number
// of the last frame that was sent by then: after 0.25 s in small rooms, and after up to 2 s
// in large ones, because the Ping that it makes goes to all members. While a call of mark
// is due, another MarkLater adds none.
func (l *Log) MarkLater(members int, mark func(number uint64)) {
	l.memory.mu.Lock()
	defer l.memory.mu.Unlock()
	l.sent = l.end
	if l.timer != nil || members == 0 {
		return
	}
	l.timer = time.AfterFunc(markAfter(members), func() {
		l.memory.mu.Lock()
		l.timer = nil
		number := l.sent
		l.memory.mu.Unlock()
		mark(number)
	})
}

// markAfter is 0.25 s in small rooms and 2 s from 10,000 members on.
func markAfter(members int) time.Duration {
	const least, most, full = 250 * time.Millisecond, 2 * time.Second, 10_000
	return least + (most-least)*time.Duration(min(members, full))/full
}
