package cluster

import (
	"context"
	"errors"
	"time"

	"confab/internal/chat"
	"confab/internal/inflight"
	"confab/internal/messaging"
	"confab/internal/protocol"
	"confab/internal/view"
)

// Do carries an operation out at the room's home, also when that moves meanwhile. An
// excluded node answers at once: its sessions move, and their clients need not wait
// for an answer that no home will give.
func (n *Node) Do(ctx context.Context, op messaging.Operation) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, protocol.DoWithin)
	defer cancel()
	n.mu.Lock()
	included := n.standing.ctx
	a := n.arrivals.Expect(op.ID, n.logs.Outcome(op.ID), op.OutlastsFrame())
	n.mu.Unlock()
	defer context.AfterFunc(included, cancel)()
	defer func() {
		n.mu.Lock()
		n.arrivals.Remove(a)
		n.mu.Unlock()
	}()
	for {
		select {
		case <-a.Answers(): // The answer was lost, and its home may be gone. The frame has arrived, so no node need be asked.
			n.mu.Lock()
			here := n.interests.Receives(&n.view.View, op.RoomID)
			n.mu.Unlock()
			if !here {
				return op.ID, nil // The other members have it.
			}
			return op.ID, a.Wait(ctx)
		default:
		}
		n.mu.Lock()
		here := n.interests.Receives(&n.view.View, op.RoomID)
		home, changed := n.logs.Home(&n.view.View, op.RoomID), n.changed
		remote := remoteHome{node: n, id: home, view: n.view.ID, viewCtx: n.view.ctx, arrival: a, compact: n.members.Reads(home, protocol.CompactVersion), quiet: here && !op.OutlastsFrame()}
		n.mu.Unlock()
		var id string
		err := messaging.ErrMoved
		switch home {
		case "":
		case n.o.ID:
			id, err = n.engine.Sequence(ctx, op)
		default:
			id, err = remote.Do(ctx, op)
		}
		switch {
		case err == nil && !here:
			return id, nil // No client of this node waits for the frame, and it may not be sent here.
		case err == nil:
			return id, a.Wait(ctx)
		case !errors.Is(err, messaging.ErrMoved):
			return "", err
		}
		retry := time.NewTimer(protocol.RetryWait)
		select {
		case <-a.Answers():
		case <-changed:
		case <-retry.C:
		case <-ctx.Done():
		}
		retry.Stop()
		op.Again = true
		if ctx.Err() != nil {
			return "", chat.Errorf(chat.Unavailable, "The room cannot be reached right now; try again")
		}
	}
}

// remoteHome is a home on another node, in one view.
type remoteHome struct {
	node    *Node
	id      string
	view    view.ID
	viewCtx context.Context
	arrival *inflight.Arrival
	compact bool // it reads the compact form
	// quiet says that the frame is sent to this node, so that the frame may take the place
	// of the answer.
	quiet bool
}

// Do has the home carry the operation out. It asks again, and the home knows the operation by
// its id. The frame that arrives is an answer, too, unless the operation outlasts it: the home
// and this node have it then. ErrMoved means that the view has changed, or that the node is not
// the room's home.
func (h remoteHome) Do(ctx context.Context, op messaging.Operation) (string, error) {
	began := time.Now()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer context.AfterFunc(h.viewCtx, cancel)()
	for quiet := h.quiet; ctx.Err() == nil; quiet = false {
		q := protocol.DoQuestion{View: h.view, Op: op, Quiet: quiet}
		data, err := q.Bytes(h.compact)
		if err != nil {
			return "", err
		}
		answer, err := h.ask(ctx, data)
		if err != nil {
			pause(ctx, protocol.RetryWait)
			continue
		}
		h.node.o.Metrics.RequestDuration.Observe(time.Since(began).Seconds())
		switch {
		case answer.Moved:
			return "", messaging.ErrMoved
		case answer.Kicked:
			return "", messaging.ErrKicked
		case answer.Error != nil:
			return "", answer.Error.Err()
		}
		return answer.ID, nil
	}
	return "", messaging.ErrMoved
}

func (h remoteHome) ask(ctx context.Context, data []byte) (answer protocol.DoAnswer, err error) {
	ctx, cancel := context.WithTimeout(ctx, protocol.AskAgain)
	defer cancel()
	h.node.mu.Lock()
	h.arrival.WhenAnswered(cancel)
	h.node.mu.Unlock()
	data, err = h.node.o.Transport.Request(ctx, h.node.subjects.Node(h.id, protocol.KindDo), data)
	select {
	case <-h.arrival.Answers():
		return protocol.DoAnswer{ID: h.arrival.ID()}, nil
	default:
	}
	if err == nil {
		answer, err = protocol.ReadDoAnswer(data)
	}
	return answer, err
}
