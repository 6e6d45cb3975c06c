package edge

import (
	"context"
	"time"

	"confab/internal/chat"
	"confab/internal/ending"
)

// pendingTimeout is how long a session that is over may still answer pending requests. A queue
// of messages under review takes 16 times 200 ms. Requests that are not done by then, as
// when no home is reachable, are answered with an ERROR.
const pendingTimeout = 4 * time.Second

// End ends the connection as why specifies. A connection that is not attached yet ends
// when it is. Pending requests are answered first, unless a moderator ends the session:
// then they are dropped, even if another ending came first.
func (c *connection) End(why ending.Way) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.finished || c.ending != nil && why.Error != 0 {
		return
	}
	c.ending = &why
	switch {
	case c.socket == nil:
	case c.working && why.Error != 0:
		time.AfterFunc(pendingTimeout, func() {
			c.mu.Lock()
			defer c.mu.Unlock()
			c.finish()
		})
	default:
		c.finish()
	}
}

// finish writes what the client sees of the ending, once. Requests without an answer are
// refused first, unless a moderator ends the session: then they are dropped. The caller
// holds c.mu.
func (c *connection) finish() {
	if c.finished {
		return
	}
	why := c.ending
	if why.Error != 0 {
		c.refuseRest()
	}
	c.finished = true
	c.endpoint.over(c)
	if why.Event != "" {
		c.socket.Send([]byte(why.Event))
	}
	if why.Error != 0 {
		c.endpoint.countError(why.Error)
		c.socket.Send((&chat.Failure{ID: chat.NewID(), Code: why.Error, Message: why.Message}).AppendJSON(nil))
	}
	if why.Close != 0 && (!why.LastOnly || c.session.EndsLast()) {
		c.socket.Close(uint16(why.Close), why.CloseReason)
		return
	}
	c.socket.Finish()
}

// refuseRest answers the request that is being carried out and the queued ones. The
// caller holds c.mu.
func (c *connection) refuseRest() {
	refuse := func(r request, message string) {
		a, _ := decodeAction(r.frame) // An unreadable frame has no RequestId.
		c.answer(c.failure(context.Background(), a.RequestID, chat.Errorf(chat.Unavailable, "%s", message)))
	}
	if c.serving != nil {
		refuse(*c.serving, "The request was not confirmed in time; it may still be delivered")
	}
	for _, r := range c.queue {
		refuse(r, "The session ended before the request was carried out")
	}
	c.queue = nil
}
