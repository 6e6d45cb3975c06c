package websocket

import "math/bits"

// wheel is a timer wheel for a loop's connections. Each connection is in at most
// one slot, that of the tick at which it is due. It is coarse on purpose. A
// connection that is due more than one turn ahead is visited earlier and set again.
type wheel struct {
	now   int64 // the tick up to which all slots have been visited
	slots [wheelSlots]*Conn
	used  [wheelSlots / 64]uint64 // a bit for each slot that is not empty
}

const wheelSlots = 512

// timer is a connection's place in the wheel.
type timer struct {
	next, prev *Conn
	tick       int64 // 0 when it is not in the wheel
}

// set makes the connection due at the given tick, and at no other.
func (w *wheel) set(c *Conn, tick int64) {
	tick = min(max(tick, w.now+1), w.now+wheelSlots-1)
	if c.timer.tick == tick {
		return
	}
	w.remove(c)
	slot := tick % wheelSlots
	head := w.slots[slot]
	c.timer = timer{next: head, tick: tick}
	if head != nil {
		head.timer.prev = c
	}
	w.slots[slot] = c
	w.used[slot/64] |= 1 << (slot % 64)
}

// remove removes the connection from the wheel.
func (w *wheel) remove(c *Conn) {
	t := c.timer
	if t.tick == 0 {
		return
	}
	slot := t.tick % wheelSlots
	if t.prev != nil {
		t.prev.timer.next = t.next
	} else if w.slots[slot] = t.next; t.next == nil {
		w.used[slot/64] &^= 1 << (slot % 64)
	}
	if t.next != nil {
		t.next.timer.prev = t.prev
	}
	c.timer = timer{}
}

// advance removes every connection whose tick has come and passes it to look, which
// may set it again.
func (w *wheel) advance(now int64, look func(*Conn)) {
	for w.now = max(w.now, now-wheelSlots); w.now < now; {
		w.now++
		slot := w.now % wheelSlots
		for c := w.slots[slot]; c != nil; c = w.slots[slot] {
			w.remove(c)
			look(c)
		}
	}
}

// next returns the first tick that has a connection, or 0.
func (w *wheel) next() int64 {
	for ahead := int64(1); ahead < wheelSlots; {
		slot := (w.now + ahead) % wheelSlots
		if word := w.used[slot/64] >> (slot % 64); word != 0 {
			return w.now + ahead + int64(bits.TrailingZeros64(word))
		}
		ahead += 64 - slot%64
	}
	return 0
}
