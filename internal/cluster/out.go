package cluster

import (
	"slices"
)

// streamBytes bounds the items that a home keeps for members that lag. What lags further loses
// frames.
const streamBytes = 64 << 20

// outStream is what this node sends as a home in one view: items with counts from 1,
// without gaps, the first of them the mark that the home is open. In a view with interest
// there is one for each other member, and in others one for all. Without a lock.
type outStream struct {
	others []string // the members that get it
	sent   uint64   // count of the last item
	taken  uint64   // count of the last item that was handed to the transport
	urgent bool     // this node waits for an acknowledgement of what was not taken yet
	tail   uint64   // taken, a heartbeat ago
	first  uint64   // count of the first of items
	items  []*sentItem
	bytes  int
	// safe is the highest count that any of the members has acknowledged; items
	// up to it are delivered here.
	safe  uint64
	acked map[string]uint64 // by member
}

// sentItem is an item on one stream or several.
type sentItem struct {
	item
	room *roomLog // nil for the mark
	data []byte
}

func newSentItem(l *roomLog, it item) *sentItem {
	size := 16
	if it.frame != nil {
		size = 128 + len(it.frame.JSON)
	}
	return &sentItem{it, l, appendItem(make([]byte, 0, size), it)}
}

// newOutStreams returns the streams of a home, by the member that gets them.
func newOutStreams(self string, v *View) map[string]*outStream {
	others := slices.DeleteFunc(slices.Clone(v.Members), func(id string) bool { return id == self })
	streams := make(map[string]*outStream, len(others))
	all := newOutStream(others...)
	for i, id := range others {
		streams[id] = all
		if v.Interest {
			streams[id] = newOutStream(others[i])
		}
	}
	return streams
}

func newOutStream(others ...string) *outStream {
	return &outStream{others: others, first: 1, acked: map[string]uint64{}}
}

// add gives an item the next count and keeps it.
func (o *outStream) add(it *sentItem) {
	o.sent++
	o.items = append(o.items, it)
	o.bytes += len(it.data)
	for o.bytes > streamBytes && o.first <= o.safe {
		o.prune()
	}
}

// urge notes that this node waits for an acknowledgement of what was not taken yet.
func (o *outStream) urge() { o.urgent = true }

// count returns how many items there were.
func (o *outStream) count() uint64 { return o.sent }

// kept returns the count of the first item that is still kept.
func (o *outStream) kept() uint64 { return o.first }

// overdue returns how far the stream was at the last call, if a member has not acknowledged that.
func (o *outStream) overdue(member string) (count uint64, overdue bool) {
	count = o.tail
	o.tail = o.taken
	return count, count > o.acked[member]
}

// take returns what was not handed to the transport yet, as much as fits into a message.
func (o *outStream) take() message {
	o.taken = max(o.taken, o.first-1)
	m := message{first: o.taken + 1, urgent: o.urgent}
	for size := 0; o.taken < o.sent && size < historyBytes; o.taken++ {
		it := o.items[o.taken+1-o.first]
		m.items = append(m.items, it.data)
		size += len(it.data)
	}
	if o.taken == o.sent {
		o.urgent = false
	}
	return m
}

// acknowledge notes that a member has everything up to count. It returns the items that
// are safe now.
func (o *outStream) acknowledge(from string, count uint64) (safe []*sentItem) {
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

func (o *outStream) prune() {
	o.bytes -= len(o.items[0].data)
	o.items[0] = nil
	o.items = o.items[1:]
	o.first++
}

// between returns the items of some counts, as far as they are still there and fit.
func (o *outStream) between(from, to uint64) (first uint64, items []*sentItem) {
	first = max(from, o.first)
	size := 0
	for c := first; c <= min(to, o.sent) && size < historyBytes; c++ {
		it := o.items[c-o.first]
		items = append(items, it)
		size += len(it.data)
	}
	return first, items
}

// of returns the item at its place in the stream of a home.
func (it *sentItem) of(home string, count uint64) item {
	placed := it.item
	placed.home, placed.count = home, count
	return placed
}

// message is what a member gets at a time.
type message struct {
	member string
	first  uint64
	urgent bool
	items  [][]byte
}
