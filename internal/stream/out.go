package stream

import (
	"slices"

	"confab/internal/protocol"
	"confab/internal/roomlog"
	"confab/internal/view"
)

// streamBytes bounds the items that a home keeps for members that lag. A member that lags
// further loses frames.
const streamBytes = 64 << 20

// Out is what this node sends as a home in one view: items with counts from 1,
// without gaps, the first of them the mark that the home is open. In a view with interest
// there is one for each other member, and in others one for all. Without a lock.
type Out struct {
	others []string // the members that get the item
	sent   uint64   // count of the last item
	taken  uint64   // count of the last item that was passed to the transport
	urgent bool     // the home waits for an acknowledgement of an item that was not passed on yet
	tail   uint64   // the value of taken at the last heartbeat
	first  uint64   // count of the first of items
	items  []*Sent
	bytes  int
	// safe is the highest count that any member has acknowledged. Items up to it are
	// delivered at the home.
	safe  uint64
	acked map[string]uint64 // by member
}

// Sent is an item on one stream or several.
type Sent struct {
	protocol.Item
	Room *roomlog.Log // nil for the mark
	Data []byte
}

// NewSent returns an item of a room; the log is nil for the mark.
func NewSent(l *roomlog.Log, it protocol.Item) *Sent {
	size := 16
	if it.Frame != nil {
		size = 128 + len(it.Frame.JSON)
	}
	return &Sent{it, l, protocol.AppendItem(make([]byte, 0, size), it)}
}

// Outs returns the streams of a home, by the member that gets them.
func Outs(self string, v *view.View) map[string]*Out {
	others := slices.DeleteFunc(slices.Clone(v.Members), func(id string) bool { return id == self })
	streams := make(map[string]*Out, len(others))
	all := newOut(others...)
	for i, id := range others {
		streams[id] = all
		if v.Interest {
			streams[id] = newOut(others[i])
		}
	}
	return streams
}

func newOut(others ...string) *Out {
	return &Out{others: others, first: 1, acked: map[string]uint64{}}
}

// Add gives an item the next count and keeps it.
func (o *Out) Add(it *Sent) {
	o.sent++
	o.items = append(o.items, it)
	o.bytes += len(it.Data)
	for o.bytes > streamBytes && o.first <= o.safe {
		o.prune()
	}
}

// Urge notes that this node waits for an acknowledgement of what was not taken yet.
func (o *Out) Urge() { o.urgent = true }

// Count returns how many items there were.
func (o *Out) Count() uint64 { return o.sent }

// Kept returns the count of the first item that is still kept.
func (o *Out) Kept() uint64 { return o.first }

// Overdue returns how far the stream was at the last call, if a member has not acknowledged that.
func (o *Out) Overdue(member string) (count uint64, overdue bool) {
	count = o.tail
	o.tail = o.taken
	return count, count > o.acked[member]
}

// Take returns what was not handed to the transport yet, as much as fits into a message.
func (o *Out) Take() Message {
	o.taken = max(o.taken, o.first-1)
	m := Message{First: o.taken + 1, Urgent: o.urgent}
	for size := 0; o.taken < o.sent && size < protocol.HistoryBytes; o.taken++ {
		it := o.items[o.taken+1-o.first]
		m.Items = append(m.Items, it.Data)
		size += len(it.Data)
	}
	if o.taken == o.sent {
		o.urgent = false
	}
	return m
}

// Acknowledge notes that a member has everything up to count. It returns the items that
// are safe now.
func (o *Out) Acknowledge(from string, count uint64) (safe []*Sent) {
	if !slices.Contains(o.others, from) || count <= o.acked[from] || count > o.sent {
		return nil
	}
	o.acked[from] = count
	if count > o.safe {
		safe = slices.Clone(o.items[o.safe+1-o.first : count+1-o.first])
		o.safe = count
	}
	all := count
	for _, id := range o.others {
		all = min(all, o.acked[id])
	}
	for o.first <= all {
		o.prune()
	}
	return safe
}

func (o *Out) prune() {
	o.bytes -= len(o.items[0].Data)
	o.items[0] = nil
	o.items = o.items[1:]
	o.first++
}

// Between returns the items of some counts, as far as they are still there and fit.
func (o *Out) Between(from, to uint64) (first uint64, items []*Sent) {
	first = max(from, o.first)
	size := 0
	for c := first; c <= min(to, o.sent) && size < protocol.HistoryBytes; c++ {
		it := o.items[c-o.first]
		items = append(items, it)
		size += len(it.Data)
	}
	return first, items
}

// Of returns the item at its place in the stream of a home.
func (it *Sent) Of(home string, count uint64) protocol.Item {
	placed := it.Item
	placed.Home, placed.Count = home, count
	return placed
}

// Message is what a member gets at a time.
type Message struct {
	Member string
	First  uint64
	Urgent bool
	Items  [][]byte
}
