package catchup

import (
	"slices"

	"confab/internal/chat"
)

// run is a sequence of frames whose points are consecutive, like their numbers.
type run struct {
	first uint64     // the number of its first frame
	at    chat.Point // the point of that frame
}

// mostRuns bounds the runs of a log. A run begins when the home of the room has changed, so
// there are few.
const mostRuns = 256

// numberLocked records the point of the last frame.
func (l *Log) numberLocked(at chat.Point) {
	if k := len(l.runs); k > 0 {
		last := l.runs[k-1]
		if at.Epoch == last.at.Epoch && at.Sequence == last.at.Sequence+(l.end-last.first) {
			return
		}
		if k >= mostRuns {
			l.from, l.begin = l.pointOfLocked(l.runs[1].first-1), l.runs[1].first-1
			l.runs = append(l.runs[:0], l.runs[1:]...)
		}
	}
	l.runs = append(l.runs, run{l.end, at})
}

// pointOfLocked returns the point of the frame with a number.
func (l *Log) pointOfLocked(number uint64) chat.Point {
	for _, r := range slices.Backward(l.runs) {
		if r.first <= number {
			return chat.Point{Epoch: r.at.Epoch, Sequence: r.at.Sequence + min(number, l.end) - r.first}
		}
	}
	return l.from
}

// numberOfLocked returns the number of the last frame that is not after a point. If the log
// begins after the point, it returns the number before the log's first frame, and known is
// false.
func (l *Log) numberOfLocked(p chat.Point) (number uint64, known bool) {
	if p.Compare(l.from) < 0 {
		return l.begin, false
	}
	next := l.end + 1
	for _, r := range slices.Backward(l.runs) {
		if r.at.Compare(p) > 0 {
			next = r.first
			continue
		}
		if p.Epoch == r.at.Epoch {
			next = min(next, r.first+p.Sequence-r.at.Sequence+1)
		}
		return next - 1, true
	}
	return l.begin, true
}

// lostBetween returns what was lost between a point and the first frame of a log. In a
// cluster, epochs are small numbers, and sequences continue over them, unless all nodes were lost:
// points of the time before have the epoch 0 then. On a single node, epochs are times, and
// sequences begin anew in each.
func lostBetween(p, from chat.Point) lost {
	const times = 1 << 50
	if p.Epoch == 0 || p.Sequence == 0 || from.Sequence <= p.Sequence || p.Epoch != from.Epoch && from.Epoch >= times {
		return lost{unknown: true}
	}
	return lost{frames: from.Sequence - p.Sequence}
}

// Begin is called when this node gets every frame after a point. Earlier frames of the log
// may have gaps, so they are dropped.
func (l *Log) Begin(at chat.Point) {
	l.memory.mu.Lock()
	defer l.memory.mu.Unlock()
	if at.Compare(l.from) <= 0 {
		return
	}
	number, _ := l.numberOfLocked(at)
	n := 0
	for n < len(l.chunks) && l.chunks[n].lastNumber() <= number {
		n++
	}
	l.dropLocked(n)
	if len(l.chunks) > 0 && l.chunks[0].first <= number {
		l.memory.used -= l.chunks[0].dropFirst(int(number + 1 - l.chunks[0].first))
	}
	k := 0
	for k+1 < len(l.runs) && l.runs[k+1].first <= number {
		k++
	}
	if len(l.runs) > 0 && l.runs[k].first <= number { // The run now begins after number.
		if next := l.pointOfLocked(number + 1); number < l.end {
			l.runs[k] = run{number + 1, next}
		} else {
			k++
		}
	}
	l.runs = append(l.runs[:0], l.runs[k:]...)
	l.begin, l.from = number, at
}

// lastNumber is the number of the chunk's last frame.
func (c *chunk) lastNumber() uint64 { return c.first + uint64(len(c.ends)) - 1 }

// dropFirst removes the first n frames of the chunk. It returns how much memory they took.
func (c *chunk) dropFirst(n int) (freed int64) {
	begin, before := c.begin(n), c.private
	c.mem = c.mem[begin:]
	c.first += uint64(n)
	c.users = slices.Clone(c.users[n:])
	c.ends = slices.Clone(c.ends[n:])
	for i := range c.ends {
		c.ends[i] -= begin
	}
	for i := range c.privates {
		if p := &c.privates[i]; p.at < n {
			c.private -= p.size()
		}
		c.privates[i].at -= n
	}
	c.privates = slices.DeleteFunc(c.privates, func(p private) bool { return p.at < 0 })
	return int64(begin) + int64(frameCost*n) + int64(before-c.private)
}

// Covers reports whether the log has had every frame after a point. Some may be dropped by
// now.
func (l *Log) Covers(p chat.Point) bool {
	l.memory.mu.Lock()
	defer l.memory.mu.Unlock()
	return p.Compare(l.from) >= 0
}

// Span returns two points. The log has had every frame of the room after from, and still
// has every frame after kept.
func (l *Log) Span() (from, kept chat.Point) {
	l.memory.mu.Lock()
	defer l.memory.mu.Unlock()
	return l.from, l.pointOfLocked(l.keptLocked())
}

// keptLocked is the number before the first kept frame.
func (l *Log) keptLocked() uint64 {
	if len(l.chunks) > 0 {
		return l.chunks[0].first - 1
	}
	return l.end
}
