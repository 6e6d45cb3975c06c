package cluster

import (
	"context"
	"hash/fnv"
	"log/slog"
	"strconv"
	"time"

	"github.com/go-json-experiment/json"

	"confab/internal/chat"
	"confab/internal/messaging"
)

// shards is into how many subjects rooms are divided, for the day on which a
// node shall hear only some of them.
const shards = 64

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

// Await returns once this node may sequence the room.
func (n *Node) Await(ctx context.Context, roomID, id string) (messaging.Turn, error) {
	waited := false
	for {
		n.mu.Lock()
		err := n.turn(roomID, id)
		if err == nil {
			now := time.Now()
			t := messaging.Turn{Epoch: n.view.ID.Number}
			if l := n.rooms[roomID]; l != nil {
				t.Messages = l.recentMessages(now)
			}
			n.mu.Unlock()
			return t, nil
		}
		changed := n.changed
		n.mu.Unlock()
		if err != messaging.ErrNotNow { //nolint:errorlint // turn returns it as it is.
			return messaging.Turn{}, err
		}
		if !waited {
			waited = true
			n.o.Metrics.ClusterLeaseWaits.Inc()
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return messaging.Turn{}, chat.Errorf(chat.Unavailable, "The cluster is changing; try again")
		}
	}
}

// turn says whether this node may number a frame of the room now. The caller
// holds n.mu.
func (n *Node) turn(roomID, id string) error {
	home := n.view.home(roomID)
	c := n.calls[id]
	switch e := n.ids[id]; {
	case n.closed || home != n.o.ID && home != "":
		return messaging.ErrMoved
	case c != nil && c.view != n.view.ID:
		return messaging.ErrMoved // Whoever asked may not be in this view.
	case home == "" || n.sealed || !n.out.open || !n.leased(time.Now()):
		return messaging.ErrNotNow
	case e != nil && !e.delivered:
		return messaging.ErrNotNow
	case e != nil:
		return messaging.ErrPublished
	}
	return nil
}

// Next gives f its place in the room's order.
func (n *Node) Next(f *messaging.Frame) error {
	n.mu.Lock()
	defer n.mu.Unlock()
	if err := n.turn(f.RoomID, f.ID); err != nil {
		return err
	}
	l := n.room(f.RoomID)
	if l.assignedIn != n.view.ID {
		l.assigned, l.assignedIn = max(l.last.Seq, n.floor), n.view.ID
	}
	l.assigned++
	l.touched = time.Now()
	n.numbered++
	f.Epoch, f.Sequence = n.view.ID.Number, l.assigned
	return nil
}

// Publish sends f to the other members, and delivers it here once one of them
// has it.
func (n *Node) Publish(f *messaging.Frame) <-chan error {
	n.mu.Lock()
	defer n.mu.Unlock()
	safe := make(chan error, 1)
	if f.Epoch != n.view.ID.Number || n.shut {
		safe <- messaging.ErrMoved
		return safe
	}
	if n.numbered--; n.numbered == 0 && n.sealed {
		n.signal()
	}
	l := n.room(f.RoomID)
	e := n.add(l, point{n.view.ID, f.Sequence}, f)
	if len(n.view.Members) == 1 {
		n.deliver(l)
		return nil
	}
	e.safe = safe
	n.send(l, f)
	return safe
}

// send puts an item on the stream: a frame, or the mark without one.
func (n *Node) send(l *roomLog, f *messaging.Frame) {
	o := n.out
	o.sent++
	it := item{at: point{View: n.view.ID}, home: n.o.ID, count: o.sent, frame: f}
	shard := 0
	if f != nil {
		it.at.Seq = f.Sequence
		h := fnv.New32a()
		h.Write([]byte(f.RoomID))
		shard = int(h.Sum32() % shards)
	}
	data := encodeItem(it)
	o.items = append(o.items, sentItem{l, data})
	o.bytes += len(data)
	for o.bytes > streamBytes && o.first <= o.safe {
		o.prune()
	}
	n.o.Metrics.ClusterFramesSent.Inc()
	// What is lost, also for want of a connection, is asked for.
	n.o.Transport.Publish(n.o.Prefix+".frames."+strconv.Itoa(shard), data) //nolint:errcheck // See above.
}

func (o *outStream) prune() {
	o.bytes -= len(o.items[0].data)
	o.items[0] = sentItem{}
	o.items = o.items[1:]
	o.first++
}

// acked notes that a member has everything of this node's stream up to count,
// and delivers what is safe now. The caller holds n.mu.
func (n *Node) acked(from string, count uint64) {
	o := n.out
	if o == nil || count <= o.acked[from] || count > o.sent {
		return
	}
	o.acked[from] = count
	for o.safe < count {
		o.safe++
		if i := o.safe - o.first; o.items[i].room != nil {
			n.deliver(o.items[i].room)
		}
	}
	all := count
	for _, id := range o.view.Members {
		if id != n.o.ID {
			all = min(all, o.acked[id])
		}
	}
	for o.first <= all {
		o.prune()
	}
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

// acknowledge tells homes what has arrived: one message for all that came while
// the last was sent.
func (n *Node) acknowledge() {
	for {
		select {
		case <-n.ackNow:
		case <-n.ctx.Done():
			return
		}
		n.mu.Lock()
		due := n.ackDue
		n.ackDue = map[string]bool{}
		acks := map[string]ack{}
		for home := range due {
			if in := n.in[home]; in != nil {
				acks[home] = ack{n.o.ID, n.view.ID, in.next - 1}
			}
		}
		n.mu.Unlock()
		for home, a := range acks {
			// A lost one is made good by the next, or by the next beat.
			n.o.Transport.Publish(n.o.Prefix+".node."+home+".ack", a.encode()) //nolint:errcheck // See above.
		}
	}
}

// noticeTail asks for items that a home said it has sent a beat ago and that are
// not here. The caller holds n.mu.
func (n *Node) noticeTail(home string, in *inStream, sent uint64) {
	if in.next <= in.tail {
		n.fill(home, in)
	}
	in.tail = sent
}

// wanted are items of a stream, by count.
type wanted struct {
	View ViewID `json:"view"`
	From uint64 `json:"from"`
	To   uint64 `json:"to"` // inclusive
}

type found struct {
	// First is the first that the home still has; what is before it is lost.
	First uint64   `json:"first"`
	Items [][]byte `json:"items"`
}

// fill asks a home for what is missing until nothing is. The caller holds n.mu.
func (n *Node) fill(home string, in *inStream) {
	if in.filling || n.closed {
		return
	}
	in.filling = true
	view, ctx := n.view.ID, n.viewCtx
	n.working.Go(func() {
		for wait := time.Duration(0); pause(ctx, wait); wait = 50 * time.Millisecond {
			n.mu.Lock()
			w := wanted{view, in.next, in.tail}
			for count := range in.waiting {
				w.To = max(w.To, count-1)
			}
			if n.view.ID != view || w.From > w.To {
				in.filling = false
				n.mu.Unlock()
				return
			}
			n.mu.Unlock()
			f, err := request[found](ctx, n, home, "stream", w)
			if err != nil {
				continue
			}
			n.mu.Lock()
			if n.view.ID == view {
				n.filled(home, in, f)
			}
			n.mu.Unlock()
		}
	})
}

func (n *Node) filled(home string, in *inStream, f found) {
	if f.First > in.next {
		n.o.Metrics.ClusterFramesLost.Add(float64(f.First - in.next))
		in.next = f.First
	}
	if it, ok := in.waiting[in.next]; ok {
		n.receive(home, in, it)
	}
	n.o.Metrics.ClusterGapsFilled.Inc()
	for _, data := range f.Items {
		if it, err := decodeItem(data); err == nil && it.count >= in.next {
			n.receive(home, in, it)
		}
	}
}

// find answers a fill.
func (n *Node) find(w wanted) (f found, ok bool) {
	n.mu.Lock()
	defer n.mu.Unlock()
	o := n.out
	if o == nil || o.view.ID != w.View || n.view.ID != w.View {
		return f, false
	}
	f.First = o.first
	size := 0
	for c := max(w.From, o.first); c <= min(w.To, o.sent) && size < historyBytes; c++ {
		data := o.items[c-o.first].data
		f.Items = append(f.Items, data)
		size += len(data)
	}
	return f, true
}

// ack says that From has everything of a stream up to Count.
type ack struct {
	From  string `json:"from"`
	View  ViewID `json:"view"`
	Count uint64 `json:"count"`
}

func (a ack) encode() []byte {
	data, err := json.Marshal(a)
	if err != nil {
		return nil
	}
	return data
}

func (n *Node) onAck(data []byte) {
	var a ack
	if json.Unmarshal(data, &a) != nil {
		return
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	if a.View == n.view.ID {
		n.acked(a.From, a.Count)
	}
}
