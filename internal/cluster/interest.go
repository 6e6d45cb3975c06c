package cluster

import (
	"context"
	"time"

	"confab/internal/chat"
	"confab/internal/interest"
	"confab/internal/protocol"
	"confab/internal/roomlog"
	"confab/internal/stream"
	"confab/internal/view"
)

// Enter returns once every later frame of the room comes to this node. The room's home has
// to know that first. It returns the place behind which they come.
func (n *Node) Enter(ctx context.Context, roomID string) (chat.Point, error) {
	ctx, cancel := context.WithTimeout(ctx, protocol.EnterWithin)
	defer cancel()
	n.mu.Lock()
	included := n.standing.ctx
	i := n.interests.Use(roomID)
	n.mu.Unlock()
	defer context.AfterFunc(included, cancel)()
	e := entering{n, roomID, i}
	for {
		n.mu.Lock()
		at, done := e.hereLocked()
		home, changed := n.view.Home(roomID), n.changed
		q := protocol.EnterQuestion{View: n.view.ID, From: n.o.ID, Room: roomID, Number: i.Number}
		ask := !done && home != "" && home != n.o.ID && i.In != n.view.ID
		if ask {
			q.Number = n.interests.Next(i)
		}
		n.mu.Unlock()
		if ask {
			at, done = e.ask(ctx, home, q)
		}
		if done {
			return chat.Point{Epoch: at.View.Number, Sequence: at.Seq}, nil
		}
		retry := time.NewTimer(protocol.RetryWait)
		select {
		case <-changed:
		case <-retry.C:
		case <-ctx.Done():
		}
		retry.Stop()
		if ctx.Err() != nil {
			n.Leave(roomID)
			return chat.Point{}, chat.Errorf(chat.Unavailable, "The room cannot be reached right now; try again")
		}
	}
}

// Leave undoes one Enter.
func (n *Node) Leave(roomID string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if i := n.interests.Release(roomID); i != nil {
		entering{n, roomID, i}.leaveLocked()
	}
}

// entering has the steps by which this node enters a room: it makes the room's home send
// the frames here.
type entering struct {
	node *Node
	room string
	*interest.Interest
}

// hereLocked enters without asking the home, where that is possible.
func (e entering) hereLocked() (at view.Point, done bool) {
	n := e.node
	switch {
	case n.view.ID.Number == 0:
		return at, false
	case e.Entered:
		if l := n.logs.Find(e.room); l != nil {
			at = l.Delivered()
		}
		return at, true
	case e.In == n.view.ID:
		if in := n.view.in[n.view.Home(e.room)]; in == nil || !in.Has(e.Behind) {
			return at, false
		}
		return e.beginLocked(e.Floor).Delivered(), true
	case !n.view.Interest:
		if !n.view.openAt(n.view.Home(e.room), n.o.ID) {
			return at, false
		}
		n.interests.Next(e.Interest)
		e.Entered = true
		return view.Point{View: view.ID{Number: n.firstView.Load()}}, true
	case n.view.Home(e.room) == n.o.ID && n.view.opened: // This node need not be asked.
		n.interests.Next(e.Interest)
		e.Entered = true
		l := n.logs.Room(e.room, time.Now())
		n.logs.Begin(l, n.view.ID)
		return l.Delivered(), true
	}
	return at, false
}

// ask asks the home to send the room's frames, and returns the place behind which they come here.
// It is not done if the view has changed meanwhile, because the next home may not know about it.
func (e entering) ask(ctx context.Context, home string, q protocol.EnterQuestion) (at view.Point, done bool) {
	n := e.node
	ctx, cancel := context.WithTimeout(ctx, protocol.PrepareAgain)
	defer cancel()
	data, err := n.o.Transport.Request(ctx, n.subjects.Node(home, protocol.KindEnter), q.Encode())
	if err != nil {
		return at, false
	}
	a, err := protocol.DecodeEnterAnswer(data)
	if err != nil || !a.OK {
		return at, false
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.view.ID != q.View || e.Entered { // An entered room's log must not begin anew.
		return at, false
	}
	if in := n.view.in[home]; in != nil && !in.Has(a.Sent) && n.view.keeps(n.logs.Room(e.room, time.Now()), n.o.ID) {
		// Missing items come later on the stream. The home relies on this node to have them.
		e.In, e.Behind, e.Floor = n.view.ID, a.Sent, a.Floor
		in.Expect(a.Sent)
		streams{n}.fillLocked(home, in)
		return at, false
	}
	e.beginLocked(a.Floor)
	return a.Floor, true
}

// beginLocked records that every frame behind floor comes here. If the log ends before the
// floor, frames are missing in between, so it begins anew.
func (e entering) beginLocked(floor view.Point) *roomlog.Log {
	logs, now := &e.node.logs, time.Now()
	l := logs.Room(e.room, now)
	if l.End().Compare(floor) < 0 {
		logs.Reset(l, floor, now)
	}
	e.Entered = true
	return l
}

// leaveLocked tells the home that it need not send the room's frames here any more. If the
// message is lost, it is repeated when the next frame comes.
func (e entering) leaveLocked() {
	n := e.node
	home := n.view.Home(e.room)
	if !n.view.Interest || home == n.o.ID || n.closed {
		return
	}
	q := protocol.EnterQuestion{View: n.view.ID, From: n.o.ID, Room: e.room, Number: e.Number}
	n.o.Transport.Publish(n.subjects.Node(home, protocol.KindLeave), q.Encode()) //nolint:errcheck // See above.
}

// enter records at the home that a member has sessions of a room. The place in the answer is before
// the frames that no other member is known to have, so these are sent to the member, too.
func (r requests) enter(data []byte, reply func([]byte)) {
	q, err := protocol.DecodeEnterQuestion(data)
	if err != nil {
		return
	}
	n := r.node
	n.mu.Lock()
	a := r.enterLocked(q)
	n.mu.Unlock()
	reply(a.Encode())
}

func (r requests) enterLocked(q protocol.EnterQuestion) protocol.EnterAnswer {
	n := r.node
	out := n.view.out[q.From]
	if q.View != n.view.ID || !n.view.Interest || !n.view.opened || out == nil || n.view.Home(q.Room) != n.o.ID {
		return protocol.EnterAnswer{}
	}
	known := n.view.interested.Has(q.Room, q.From)
	n.view.interested.Note(q.Room, q.From, q.Number)
	l := n.logs.Room(q.Room, time.Now())
	n.logs.Begin(l, n.view.ID)
	if !known && !n.view.keeps(l, q.From) {
		before := l.Delivered()
		for at, f := range l.Held() {
			out.Add(stream.NewSent(l, protocol.Item{At: at, Prev: before, Frame: f}))
			before = at
		}
		n.outbox.wake()
	}
	return protocol.EnterAnswer{OK: true, Floor: l.Delivered(), Sent: out.Count()}
}

// leave records at the home that a member has no more sessions of a room.
func (r requests) leave(data []byte) {
	q, err := protocol.DecodeEnterQuestion(data)
	if err != nil {
		return
	}
	n := r.node
	n.mu.Lock()
	defer n.mu.Unlock()
	if q.View == n.view.ID {
		n.view.interested.Remove(q.Room, q.From, q.Number)
	}
}
