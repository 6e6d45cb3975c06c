package cluster

import (
	"log/slog"

	"confab/internal/chat"
)

// outStream is what this node sends as a home in one view: items with counts
// from 1, without gaps, first of all the mark that it is open.
type outStream struct {
	view  View
	open  bool
	sent  uint64 // count of the last item
	first uint64 // count of the first of items
	items []sentItem
	bytes int
	// safe is the highest count that some other member has acknowledged; items
	// up to it are delivered here.
	safe  uint64
	acked map[string]uint64 // by member
}

type sentItem struct {
	room *roomLog // nil for the mark
	data []byte
}

// inStream is what comes from another home in the view.
type inStream struct {
	opened  bool
	next    uint64          // count of the item that is due
	waiting map[uint64]item // behind a gap
	tail    uint64          // what the home's last beat said it has sent
	filling bool
}

// streamBytes bounds what a home keeps for members that lag; one that lags
// further loses frames, and waitingItems what waits behind a gap: the rest is
// asked for.
const (
	streamBytes  = 64 << 20
	waitingItems = 1 << 14
)

// send puts an item on the stream: a frame, or the mark without one.
func (n *Node) send(l *roomLog, f *chat.Frame) {
	o := n.out
	o.sent++
	it := item{at: point{View: n.view.ID}, home: n.o.ID, count: o.sent, frame: f}
	if f != nil {
		it.at.Seq = f.Sequence
	}
	data := encodeItem(it)
	o.items = append(o.items, sentItem{l, data})
	o.bytes += len(data)
	for o.bytes > streamBytes && o.first <= o.safe {
		o.prune()
	}
	n.o.Metrics.ClusterFramesSent.Inc()
	// What is lost, also for want of a connection, is asked for.
	n.o.Transport.Publish(n.subjects.frames(), data) //nolint:errcheck // See above.
}

func (o *outStream) prune() {
	o.bytes -= len(o.items[0].data)
	o.items[0] = sentItem{}
	o.items = o.items[1:]
	o.first++
}

// onItem takes an item of another home's stream.
func (n *Node) onItem(_ string, data []byte, _ func([]byte)) {
	it, err := decodeItem(data)
	n.mu.Lock()
	defer n.mu.Unlock()
	if err != nil {
		if !n.unreadable {
			n.unreadable = true
			n.log.LogAttrs(n.ctx, slog.LevelError, "A frame of another node cannot be read, and clients here miss it; only releases next to each other go together", slog.Any("error", err))
		}
		return
	}
	in := n.in[it.home]
	if it.at.View != n.view.ID || in == nil || it.count < in.next {
		return // Of another view, or known.
	}
	n.receive(it.home, in, it)
	if len(in.waiting) > 0 {
		n.fill(it.home, in)
	}
}

// receive puts an item in its place and applies what is due. The caller holds n.mu.
func (n *Node) receive(home string, in *inStream, it item) {
	if it.count != in.next {
		if in.waiting == nil {
			in.waiting = map[uint64]item{}
		}
		if it.count > in.next && len(in.waiting) < waitingItems {
			in.waiting[it.count] = it
		}
		return
	}
	for ok := true; ok; it, ok = in.waiting[in.next] {
		delete(in.waiting, in.next)
		in.next++
		n.apply(home, in, it)
	}
	n.ackDue[home] = true
	select {
	case n.ackNow <- struct{}{}:
	default:
	}
}

// apply carries out an item that is due.
func (n *Node) apply(home string, in *inStream, it item) {
	if it.frame == nil {
		// The home has gathered: what is still held here is part of the room.
		in.opened = true
		for id, l := range n.rooms {
			if l.held > 0 && n.view.home(id) == home {
				n.deliverHeld(l)
			}
		}
		n.signal()
		return
	}
	n.o.Metrics.ClusterFramesReceived.Inc()
	l := n.room(it.frame.RoomID)
	n.add(l, it.at, it.frame)
	n.deliver(l)
}

func (n *Node) deliverHeld(l *roomLog) {
	for l.held > 0 {
		n.deliver(l)
	}
}
