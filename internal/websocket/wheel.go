package websocket

import "math/bits"

// wheel is the timer of a loop's connections: each is in at most one slot, the
// one of the tick at which it wants to be looked at. It is coarse on purpose.
// What lies more than a turn ahead is looked at earlier and put in again.
type wheel struct {
	now   int64 // the tick up to which everything has been looked at
	slots [wheelSlots]*Conn
	used  [wheelSlots / 64]uint64 // a bit for each slot that is not empty
}

const wheelSlots = 512

// timer is a connection's place in the wheel.
type timer struct {
	next, prev *Conn
	tick       int64 // 0 when it is not in the wheel
}

// set has the connection looked at in the given tick, instead of any other.
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

// remove takes the connection out.
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

// advance takes out every connection whose tick has come and hands it to look,
// which may set it again.
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
