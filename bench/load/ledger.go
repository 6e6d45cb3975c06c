//go:build linux

package load

import (
	"bytes"
	"errors"
	"fmt"
	"time"
)

// Ledger knows what was sent and what every client has to receive: all that was
// sent to its room, each once, in the one order of the room. Which order that is
// when several send at once is the server's choice; the first client to see a
// place of it decides for all.
type Ledger struct {
	// Deliveries is how many messages clients have received.
	Deliveries int64
	// Latency is the time from Sent to Received, of all deliveries.
	Latency Histogram
	// Done, if set, is called when every client has received a message.
	Done func(number int)

	messages []message // by number
	rooms    []roomLog
	open     int // messages that not everybody has received
}

type message struct {
	at   time.Duration // when it was sent
	room int32
	left int32 // clients that have yet to receive it
	seen bool
}

type roomLog struct {
	members int32
	order   []int32 // numbers of messages
}

// NewLedger returns an empty ledger for so many rooms.
func NewLedger(rooms int) *Ledger { return &Ledger{rooms: make([]roomLog, rooms)} }

// Join counts a member in. It comes before the room's first message.
func (l *Ledger) Join(room int) { l.rooms[room].members++ }

// Sent notes a message and returns its number, which it is to carry as Mark.
func (l *Ledger) Sent(room int, at time.Duration) (number int) {
	l.messages = append(l.messages, message{at: at, room: int32(room), left: l.rooms[room].members})
	l.open++
	return len(l.messages) - 1
}

// Open is how many messages have not reached everybody.
func (l *Ledger) Open() int { return l.open }

// Lost is how many deliveries are missing.
func (l *Ledger) Lost() int {
	n := 0
	for i := range l.messages {
		n += int(l.messages[i].left)
	}
	return n
}

// Received notes that a client has got a message. The error is a fault of the
// server.
func (l *Ledger) Received(c *Client, number int, now time.Duration) error {
	if number < 0 || number >= len(l.messages) {
		return fmt.Errorf("message %d was never sent", number)
	}
	m := &l.messages[number]
	if int(m.room) != c.Room {
		return fmt.Errorf("a message for room %d came to room %d", m.room, c.Room)
	}
	r := &l.rooms[c.Room]
	switch place := int(c.position); {
	case place < len(r.order):
		if int(r.order[place]) != number {
			return fmt.Errorf("lost or reordered: message %d came where others got %d", number, r.order[place])
		}
	case m.seen:
		return fmt.Errorf("message %d came twice", number)
	default:
		m.seen = true
		r.order = append(r.order, int32(number))
	}
	c.position++
	l.Deliveries++
	l.Latency.Add(now - m.at)
	if m.left--; m.left == 0 {
		l.open--
		if l.Done != nil {
			l.Done(number)
		}
	}
	return nil
}

// A mark is how a message carries its number: # and ten digits. Nothing else in
// a payload may hold the sign.
const (
	markSign   = '#'
	markLength = 11
)

// AppendMark appends the mark of a number.
func AppendMark(b []byte, number int) []byte { return fmt.Appendf(b, "#%010d", number) }

// errCut is about a server that splits messages over frames.
var errCut = errors.New("a frame ends inside a mark")

// NextMark returns the first number in p and what is behind it; number is -1
// if there is none.
func NextMark(p []byte) (number int, behind []byte, err error) {
	i := bytes.IndexByte(p, markSign)
	if i < 0 {
		return -1, nil, nil
	}
	if len(p) < i+markLength {
		return -1, nil, errCut
	}
	for _, d := range p[i+1 : i+markLength] {
		if d < '0' || d > '9' {
			return -1, nil, fmt.Errorf("%q is no mark", p[i:i+markLength])
		}
		number = number*10 + int(d-'0')
	}
	return number, p[i+markLength:], nil
}
