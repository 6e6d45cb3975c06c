package cluster

import (
	"log/slog"
	"slices"
	"time"

	"confab/internal/chat"
)

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

// take returns what was not handed to the transport yet, as much as fits into a message.
func (o *outStream) take() message {
	o.taken = max(o.taken, o.first-1)
	m := message{first: o.taken + 1, urgent: o.urgent}
	for size := 0; o.taken < o.sent && size < historyBytes; o.taken++ {
		it := o.items[o.taken+1-o.first]
		m.items = append(m.items, it)
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

// inStream is what comes from another home in the view. Without a lock.
type inStream struct {
	opened  bool
	next    uint64          // count of the item that is due
	waiting map[uint64]item // behind a gap
	tail    uint64          // what the home's last heartbeat said it has sent
	filling bool
}

// put takes an item and returns those that are due now, in their order.
func (in *inStream) put(it item) (due []item) {
	if it.count != in.next {
		if in.waiting == nil {
			in.waiting = map[uint64]item{}
		}
		if it.count > in.next && len(in.waiting) < waitingItems {
			in.waiting[it.count] = it
		}
		return nil
	}
	for ok := true; ok; it, ok = in.waiting[in.next] {
		delete(in.waiting, in.next)
		in.next++
		due = append(due, it)
	}
	return due
}

// lags reports whether items are missing that an earlier heartbeat of the home said
// it had sent, and notes what this one says.
func (in *inStream) lags(sent uint64) bool {
	lags := in.next <= in.tail
	in.tail = sent
	return lags
}

// missing returns the counts that have to be asked for; from > to if none has.
func (in *inStream) missing() (from, to uint64) {
	to = in.tail
	for count := range in.waiting {
		to = max(to, count-1)
	}
	return in.next, to
}

// skipTo gives up the items before first, which the home no longer has, and returns
// how many those are.
func (in *inStream) skipTo(first uint64) (lost uint64) {
	if first > in.next {
		lost = first - in.next
		in.next = first
	}
	return lost
}

// streams are this node's part in the streams between homes and members: what it sends as
// a home, and what it gets from others.
type streams struct{ node *Node }

// markLocked tells all members that this node is open.
func (s streams) markLocked() {
	n := s.node
	mark := newSentItem(nil, item{at: point{View: n.view.ID}})
	s.putLocked(mark, n.view.Members)
}

// sendLocked puts a frame on the streams to those that get it: the members with sessions of
// its room, and its keepers. before is the place in front of it.
func (s streams) sendLocked(l *roomLog, before point, f *chat.Frame) {
	n := s.node
	it := newSentItem(l, item{at: point{n.view.ID, f.Sequence}, prev: before, frame: f})
	if !n.view.Interest {
		s.putLocked(it, n.view.Members)
		return
	}
	keepers := l.keepersIn(&n.view.View)
	s.putLocked(it, keepers)
	n.view.out[keepers[0]].urgent = true
	for id := range n.view.interested[l.id] {
		if !slices.Contains(keepers, id) {
			s.putLocked(it, []string{id})
		}
	}
}

// putLocked puts an item on the streams to some members.
func (s streams) putLocked(it *sentItem, members []string) {
	n := s.node
	n.o.Metrics.FramesSent.Inc()
	for _, id := range members {
		out := n.view.out[id]
		if out == nil {
			continue // This node itself.
		}
		out.add(it)
		if !n.view.Interest {
			// What is lost, also for want of a connection, is asked for.
			n.o.Transport.Publish(n.subjects.frames(), encodeItem(it.of(n.o.ID, out.sent))) //nolint:errcheck // See above.
			return                                                                          // All have one stream.
		}
	}
	n.outbox.wake()
}

// of returns the item at its place in the stream of a home.
func (it *sentItem) of(home string, count uint64) item {
	placed := it.item
	placed.home, placed.count = home, count
	return placed
}

// onItem takes an item of another home's stream, in a view without interest.
func (n *Node) onItem(_ string, data []byte, _ func([]byte)) {
	it, err := decodeItem(data)
	n.mu.Lock()
	defer n.mu.Unlock()
	in := n.view.in[it.home]
	switch {
	case n.view.Interest:
	case err != nil:
		streams{n}.unreadableLocked(err)
	case it.at.View != n.view.ID || in == nil || it.count < in.next: // Of another view, or known.
	default:
		streams{n}.receiveLocked(it.home, in, it)
		if n.view.keeper(it.home) == n.o.ID {
			n.acks.due(it.home, true)
		}
		if len(in.waiting) > 0 {
			streams{n}.fillLocked(it.home, in)
		}
	}
}

func (s streams) unreadableLocked(err error) {
	n := s.node
	if !n.view.unreadable {
		n.view.unreadable = true
		n.log.LogAttrs(n.ctx, slog.LevelError, "Frame of another node could not be decoded, and clients here miss it; only adjacent releases work together", slog.Any("error", err))
	}
}

// frames takes items of another home's stream to this node.
func (r requests) frames(data []byte) {
	b, err := decodeBatch(data)
	n := r.node
	n.mu.Lock()
	defer n.mu.Unlock()
	in := n.view.in[b.home]
	switch {
	case err != nil:
		streams{n}.unreadableLocked(err)
	case b.view != n.view.ID || in == nil || !n.view.Interest: // Of another view.
	default:
		streams{n}.takeLocked(in, b)
		if len(in.waiting) > 0 {
			streams{n}.fillLocked(b.home, in)
		}
	}
}

// takeLocked puts the items of a message in their places.
func (s streams) takeLocked(in *inStream, b batch) {
	n := s.node
	for _, it := range b.items {
		if it.count >= in.next {
			s.receiveLocked(b.home, in, it)
		}
	}
	if b.urgent {
		n.acks.due(b.home, true)
	}
}

// receiveLocked puts an item in its place, and carries out what is due.
func (s streams) receiveLocked(home string, in *inStream, it item) {
	n := s.node
	due := in.put(it)
	for _, it := range due {
		if it.frame == nil {
			// The home has gathered: what is held here of its rooms is part of them.
			in.opened = true
			n.logs.deliverHeldOf(home, &n.view.View)
			n.signalLocked()
			continue
		}
		n.o.Metrics.FramesReceived.Inc()
		s.keepLocked(it)
	}
	if len(due) > 0 {
		n.acks.due(home, false)
	}
}

// keepLocked appends a frame of another home to its room's log, and delivers it.
func (s streams) keepLocked(it item) {
	n := s.node
	now := time.Now()
	l := n.logs.room(it.frame.RoomID, now)
	if n.view.Interest {
		entered := n.interests.has(l.id)
		switch {
		case it.at.compare(l.last) <= 0:
			return // It came before this node entered the room.
		case it.prev != l.last && (!entered || l.last == (point{})):
			n.logs.reset(l, it.prev, now) // Frames before it were not for this node.
		}
		if i := n.interests.byRoom[l.id]; i == nil && !n.view.keeps(l, n.o.ID) {
			entering{n, l.id, &interest{number: n.interests.last}}.leaveLocked()
		}
	}
	n.logs.add(l, it.at, it.frame, now)
	n.logs.deliverNext(l)
}
