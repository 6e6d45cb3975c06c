package edge

import (
	"cmp"
	"context"
	"fmt"
	"time"

	"confab/internal/chat"
)

var (
	errDraining       = chat.Errorf(chat.Unavailable, "The server is shutting down; connect again")
	errApart          = chat.Errorf(chat.Unavailable, "The other servers continue without this one; connect again")
	errAddressTooFast = chat.Errorf(chat.Throttled, "Too many connects from this address; slow down")
)

// drainHold is how long a handshake waits for its refusal on a node that drains. An
// official client tries four times. Each try that is held gives a load balancer time to
// notice that the node is not ready: 32 seconds in all, as long as the usual drain and as
// Kubernetes takes with its defaults. Each is shorter than the ten seconds that HTTP
// clients of phones wait.
const drainHold = 8 * time.Second

// turnAway delays a handshake until the drain is over, at most drainHold, and returns its
// refusal. On a node that is apart it returns that of together.
func (e *Endpoint) turnAway(ctx context.Context) error {
	if !e.draining.Load() {
		return cmp.Or(e.together(ctx), error(errApart))
	}
	timer := time.NewTimer(drainHold)
	defer timer.Stop()
	select {
	case <-e.drained:
	case <-timer.C:
	case <-ctx.Done():
	}
	return errDraining
}

// lookApart is how often a handshake that waits looks whether the node is still apart.
const lookApart = 200 * time.Millisecond

// together delays a handshake while the node is apart from the other nodes; see Move. After
// drainHold it returns a refusal: on this node the client would get nothing of its room, and
// a load balancer has had time to notice that the node is not ready.
func (e *Endpoint) together(ctx context.Context) error {
	apart := e.apart.Load()
	if apart == nil {
		return nil
	}
	look, late := time.NewTicker(lookApart), time.NewTimer(drainHold)
	defer look.Stop()
	defer late.Stop()
	for (*apart)() {
		select {
		case <-look.C:
		case <-late.C:
			return errApart
		case <-e.stopping:
			return e.turnAway(ctx)
		case <-ctx.Done():
			return errApart
		}
	}
	e.apart.CompareAndSwap(apart, nil)
	return nil
}

// hold delays a handshake until all limits admit it: the rate of its user at its address,
// then the rate of the address, then the rate of the node, then memory and a free
// connection. The user comes first, because one user who connects in a loop must not use
// up the rate of all users at the address. Official clients end after four refused
// handshakes within milliseconds, so handshakes wait, and only those that would wait too
// long are refused. The error is context.Canceled for a client that left meanwhile.
func (e *Endpoint) hold(ctx context.Context, user, address string) error {
	e.handshake.held.Inc()
	defer e.handshake.held.Dec()
	var refusal error
	switch {
	case !e.perUser.wait(ctx, e.stopping, user):
		refusal = chat.Errorf(chat.Throttled, "Too many connects of this user from this address; slow down")
	case !e.perAddr.wait(ctx, e.stopping, address):
		refusal = errAddressTooFast
	case !e.perNode.wait(ctx, e.stopping, ""):
		refusal = chat.Errorf(chat.Throttled, "Too many connects to this server; slow down")
	case !e.memory.wait(ctx, e.stopping):
		refusal = chat.Errorf(chat.Unavailable, "The server uses as much memory as it may use")
	case !e.slots.acquire(ctx, e.stopping):
		refusal = chat.Errorf(chat.QuotaExceeded, "The server has as many connections as it may have")
	default:
		return nil
	}
	if e.draining.Load() {
		refusal = e.turnAway(ctx)
	}
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("wait for a turn: %w", err)
	}
	return refusal
}
