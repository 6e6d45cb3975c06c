package cluster

import (
	"context"
	"errors"
	"time"

	"confab/internal/chat"
	"confab/internal/messaging"
	"confab/internal/protocol"
)

// onDo answers a request to carry out an operation. If a quiet one succeeds, its frame is
// the answer.
func (r requests) onDo(data []byte, reply func([]byte)) {
	q, err := protocol.ReadDoQuestion(data)
	if err != nil {
		return
	}
	a := r.do(q)
	if q.Quiet && a.ID != "" {
		return
	}
	if data, err := a.Bytes(protocol.IsCompact(data)); err == nil {
		reply(data)
	}
}

// do carries out an operation for another node. This node is the room's home.
func (r requests) do(q protocol.DoQuestion) protocol.DoAnswer {
	n := r.node
	n.mu.Lock()
	if q.View != n.view.ID {
		n.mu.Unlock()
		return protocol.DoAnswer{Moved: true}
	}
	c, known := n.calls.Begin(q.Op.ID, q.View, time.Now())
	n.mu.Unlock()
	if known {
		return c.Wait()
	}
	ctx, cancel := context.WithTimeout(n.ctx, protocol.DoWithin)
	defer cancel()
	var a protocol.DoAnswer
	id, err := n.engine.Sequence(ctx, q.Op)
	switch {
	case errors.Is(err, messaging.ErrMoved):
		a.Moved = true
	case errors.Is(err, messaging.ErrKicked):
		a.Kicked = true
	case err != nil:
		a.Error = protocol.NewError(err)
	default:
		a.ID = id
	}
	if a.Moved || err != nil && chat.CodeOf(err) == chat.Unavailable {
		n.mu.Lock()
		n.calls.Forget(c)
		n.mu.Unlock()
	}
	c.Answer(a)
	return a
}
