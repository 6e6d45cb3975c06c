package catchup

import (
	"slices"

	"confab/internal/chat"
)

// private is a frame that only one user gets. All others get nothing at its place.
type private struct {
	at     int // an index of the chunk's frames
	userID string
	frame  []byte
}

// privateCost is what a private frame costs besides its bytes and the user's id.
const privateCost = 64

func (p *private) size() int { return len(p.frame) + len(p.userID) + privateCost }

// AppendFor adds a frame that only the connections of userID get. It must be sent to them
// before the next call of Append or MarkLater, because it has the number of its place in
// the log. sender is the user who sent a message, and "" for an event.
func (l *Log) AppendFor(userID string, frame []byte, sender string, at chat.Point) {
	l.memory.mu.Lock()
	defer l.memory.mu.Unlock()
	p := private{userID: userID, frame: frame}
	c := l.memory.nextLocked(l, 0, p.size())
	p.at = len(c.ends) - 1
	c.users[p.at] = senderOf(sender)
	l.numberLocked(at)
	c.addPrivate(&p)
	l.memory.used += int64(p.size())
}

func (c *chunk) addPrivate(p *private) {
	c.privates = append(c.privates, *p)
	c.private += p.size()
}

// used is how many bytes the chunk's frames take.
func (c *chunk) used() int { return len(c.mem) + c.private }

// piecesFor returns the frames of the chunk from an index on, as a user gets them.
func (c *chunk) piecesFor(userID string, from int) (pieces [][]byte) {
	begin := c.begin(from)
	upTo := func(end uint32) {
		if end > begin {
			pieces = append(pieces, c.mem[begin:end:end])
		}
		begin = end
	}
	for i := range c.privates {
		if p := &c.privates[i]; p.at >= from && p.userID == userID {
			upTo(c.ends[p.at])
			pieces = append(pieces, p.frame)
		}
	}
	upTo(uint32(len(c.mem)))
	return pieces
}

// begin is where a frame of the chunk begins.
func (c *chunk) begin(i int) uint32 {
	if i == 0 {
		return 0
	}
	return c.ends[i-1]
}

// privateAt returns the private frame at a place, or nil.
func (c *chunk) privateAt(i int) *private {
	k, ok := slices.BinarySearchFunc(c.privates, i, func(p private, i int) int { return p.at - i })
	if !ok {
		return nil
	}
	return &c.privates[k]
}

// erasePrivate removes the private messages of a user. Afterwards their places are made
// empty.
func (c *chunk) erasePrivate(user uint64) (freed int) {
	before := c.private
	// Replays refer to the frames, not to this list.
	c.privates = slices.DeleteFunc(c.privates, func(p private) bool {
		erased := c.users[p.at] == user
		if erased {
			c.private -= p.size()
		}
		return erased
	})
	return before - c.private
}

// PrivateFrame is a frame of a Page that only one user gets. At is its index in
// Page.Frames, where an empty frame is in its place: a node of an earlier release, which
// does not know private frames, sends that one to no client.
type PrivateFrame struct {
	At     int    `json:"at"`
	UserID string `json:"user"`
	Frame  []byte `json:"frame"`
}

// validPrivate reports whether the private frames have places of their own, in order.
func (p *Page) validPrivate() bool {
	for i := range p.Private {
		at := p.Private[i].At
		if at < 0 || at >= len(p.Frames) || len(p.Frames[at]) > 0 || i > 0 && at <= p.Private[i-1].At {
			return false
		}
	}
	return true
}
