package websocket

import "confab/internal/rfc6455"

// chunk is a piece of a group's output: whole frames, one after another. Bytes
// are only appended, so bytes before a known position can be read without the
// group's lock. Parts and connections that are behind hold references. The garbage
// collector frees a chunk without references.
type chunk struct {
	start int64  // position of mem[0] in the group's output
	mem   []byte // never resliced
	// n is how much of mem is in use, and next is the following chunk. Both change
	// under the group's lock. They are final once a cursor is past this chunk.
	n    int
	next *chunk

	_ [16]byte // See cacheLine.
}

// Sizes of chunks. The chunk of a quiet room holds a frame or a few. The chunk of
// a busy room holds the frames that gather between two writes.
const (
	minChunk = 512
	maxChunk = 64 << 10
)

// cursor is a position in a group's output.
type cursor struct {
	chunk *chunk
	off   int // in chunk.mem
}

func (c cursor) position() int64 { return c.chunk.start + int64(c.off) }

// appendPieces appends the bytes between two cursors. to must be at or after
// from.
func appendPieces(pieces [][]byte, from, to cursor) [][]byte {
	for from.chunk != to.chunk {
		if c := from.chunk; from.off < c.n {
			pieces = append(pieces, c.mem[from.off:c.n])
		}
		from = cursor{from.chunk.next, 0}
	}
	if from.off < to.off {
		pieces = append(pieces, to.chunk.mem[from.off:to.off])
	}
	return pieces
}

// chain is the writing end of a group's output.
type chain struct {
	tail *chunk
	// quiet is the end of the output at the last time when no part was behind.
	quiet int64
}

func newChain() chain { return chain{tail: &chunk{}} }

// end returns the cursor after the last byte.
func (c *chain) end() cursor { return cursor{c.tail, c.tail.n} }

// append appends a frame.
func (c *chain) append(op rfc6455.Opcode, payload []byte) {
	need := rfc6455.HeaderLen(len(payload)) + len(payload)
	t := c.tail
	if need > len(t.mem)-t.n {
		// Twice the backlog, so that most backlogs fit into one piece.
		backlog := t.start + int64(t.n) - c.quiet
		size := max(need, minChunk, int(min(2*backlog, maxChunk)))
		t.next = &chunk{start: t.start + int64(t.n), mem: make([]byte, size)}
		t = t.next
		c.tail = t
	}
	t.n = len(rfc6455.AppendFrame(t.mem[:t.n], op, payload))
}
