package websocket

// queue is the pending output of a connection, in order: references into the chunks
// of its group and frames of its own.
type queue struct {
	pieces [][]byte
	first  int  // index of the first piece; those before it are written
	bytes  int  // in all pieces
	own    bool // the last piece is this queue's own and may be appended to
	// replay is the part of the cost that was pending when the connection started and is
	// not written yet. It does not count towards MaxPending.
	replay int
	// patient is set until the peer has received everything once after its replay.
	patient bool
}

// pieceCost is the memory cost of a piece, in addition to its bytes.
const pieceCost = 32

// cost returns the memory that the queue holds, for comparison with MaxPending.
// Bytes that are shared with other queues count in full.
func (q *queue) cost() int { return max(q.bytes+pieceCost*(len(q.pieces)-q.first)-q.replay, 0) }

func (q *queue) empty() bool { return q.bytes == 0 }

// add appends a piece without copying it. A piece that directly follows the last
// one in memory, as most pieces of a group do, is merged with it.
func (q *queue) add(p []byte) {
	if len(p) == 0 {
		return
	}
	q.bytes += len(p)
	if n := len(q.pieces); n > q.first && !q.own {
		last := q.pieces[n-1]
		if len(last) < cap(last) && &last[:len(last)+1][len(last)] == &p[0] {
			q.pieces[n-1] = last[:len(last)+len(p)]
			return
		}
	}
	q.pieces = append(q.pieces, p)
	q.own = false
}

// copy appends a copy of p. It is meant for small control frames.
func (q *queue) copy(p []byte) {
	if len(p) == 0 {
		return
	}
	q.bytes += len(p)
	if n := len(q.pieces); n > q.first && q.own {
		q.pieces[n-1] = append(q.pieces[n-1], p...)
		return
	}
	q.pieces = append(q.pieces, append(make([]byte, 0, 64), p...))
	q.own = true
}

// next returns the pieces that are not written yet.
func (q *queue) next() [][]byte { return q.pieces[q.first:] }

// advance removes the first n bytes.
func (q *queue) advance(n int) {
	q.bytes -= n
	q.replay = max(q.replay-n, 0)
	for n > 0 {
		p := q.pieces[q.first]
		if n < len(p) {
			q.pieces[q.first] = p[n:]
			return
		}
		n -= len(p)
		q.pieces[q.first] = nil
		q.first++
		q.replay = max(q.replay-pieceCost, 0)
	}
	if q.bytes == 0 {
		q.reset()
	}
}

// reset empties the queue and keeps a little memory for the next use.
func (q *queue) reset() {
	clear(q.pieces)
	*q = queue{pieces: q.pieces[:0]}
	if cap(q.pieces) > 64 {
		q.pieces = nil
	}
}
