package cluster

import (
	"log/slog"
	"slices"
	"time"

	"confab/internal/chat"
)

// outStream is what this node sends as a home in one view: items with counts from
// 1, without gaps, the first of them the mark that the home is open. Without a lock.
type outStream struct {
	view   ViewID
	opened bool     // this node has gathered
	others []string // the other members
	sent   uint64   // count of the last item
	first  uint64   // count of the first of items
	items  []sentItem
	bytes  int
	// safe is the highest count that any other member has acknowledged; items
	// up to it are delivered here.
	safe  uint64
	acked map[string]uint64 // by member
}

type sentItem struct {
	room *roomLog // nil for the mark
	data []byte
}

func newOutStream(self string, v View) *outStream {
	others := slices.DeleteFunc(slices.Clone(v.Members), func(id string) bool { return id == self })
	return &outStream{view: v.ID, others: others, first: 1, acked: map[string]uint64{}}
}

// add gives an item the next count and keeps it; it returns what to send.
func (o *outStream) add(l *roomLog, it item) []byte {
	o.sent++
	it.count = o.sent
	data := encodeItem(it)
	o.items = append(o.items, sentItem{l, data})
	o.bytes += len(data)
	for o.bytes > streamBytes && o.first <= o.safe {
		o.prune()
	}
	return data
}

// acknowledge notes that a member has everything up to count. It returns the rooms
// of the frames that are safe now, one for each frame.
func (o *outStream) acknowledge(from string, count uint64) (safe []*roomLog) {
	if !slices.Contains(o.others, from) || count <= o.acked[from] || count > o.sent {
		return nil
	}
	o.acked[from] = count
	for o.safe < count {
		o.safe++
		if l := o.items[o.safe-o.first].room; l != nil {
			safe = append(safe, l)
		}
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
	o.items[0] = sentItem{}
	o.items = o.items[1:]
	o.first++
}

// between returns the items of some counts, as far as they are still there and fit.
func (o *outStream) between(from, to uint64) streamAnswer {
	a := streamAnswer{First: o.first}
	size := 0
	for c := max(from, o.first); c <= min(to, o.sent) && size < historyBytes; c++ {
		data := o.items[c-o.first].data
		a.Items = append(a.Items, data)
		size += len(data)
	}
	return a
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

// sendLocked puts an item on this node's stream: a frame, or the mark without one.
func (n *Node) sendLocked(l *roomLog, f *chat.Frame) {
	it := item{at: point{View: n.view.ID}, home: n.o.ID, frame: f}
	if f != nil {
		it.at.Seq = f.Sequence
	}
	data := n.view.out.add(l, it)
	n.o.Metrics.FramesSent.Inc()
	// What is lost, also for want of a connection, is asked for.
	n.o.Transport.Publish(n.subjects.frames(), data) //nolint:errcheck // See above.
}

// onItem takes an item of another home's stream.
func (n *Node) onItem(_ string, data []byte, _ func([]byte)) {
	it, err := decodeItem(data)
	n.mu.Lock()
	defer n.mu.Unlock()
	if err != nil {
		if !n.view.unreadable {
			n.view.unreadable = true
			n.log.LogAttrs(n.ctx, slog.LevelError, "Frame of another node could not be decoded, and clients here miss it; only adjacent releases work together", slog.Any("error", err))
		}
		return
	}
	in := n.view.in[it.home]
	if it.at.View != n.view.ID || in == nil || it.count < in.next {
		return // Of another view, or known.
	}
	n.receiveLocked(it.home, in, it)
	if len(in.waiting) > 0 {
		n.fillLocked(it.home, in)
	}
}

// receiveLocked puts an item in its place, and carries out what is due.
func (n *Node) receiveLocked(home string, in *inStream, it item) {
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
		now := time.Now()
		l := n.logs.room(it.frame.RoomID, now)
		n.logs.add(l, it.at, it.frame, now)
		n.logs.deliverNext(l)
	}
	if len(due) > 0 {
		n.acks.due(home, n.view.keeper(home) == n.o.ID)
	}
}
