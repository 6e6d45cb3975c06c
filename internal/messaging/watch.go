package messaging

import (
	"context"

	"confab/internal/chat"
)

// Watcher is told of the sessions of one room on this node. Its methods do not block, apart
// from Prepare, and do not call the engine.
type Watcher interface {
	// Joined and Left are called for each session of a user, in the order in which they
	// join and leave.
	Joined(userID string)
	Left(userID string)
	// Prepare is called before a session joins. It may wait for other nodes.
	Prepare(ctx context.Context)
	// Greeting returns a frame that a new connection gets first, after Joined.
	Greeting() []byte
	// Close is its last call. paused is set if the room may be watched again.
	Close(paused bool)
}

// watching is the Watcher of a room, and what it was made for.
type watching struct {
	Watcher
	presence chat.Presence
}

// keepWatch makes or removes the room's Watcher. The caller holds r.loading.
func (r *room) keepWatch(e *Engine, presence chat.Presence) {
	if e.o.Watch == nil {
		return
	}
	on := presence == chat.PresenceCount || presence == chat.PresenceFull
	if before := r.watch.Load(); before != nil {
		if on && before.presence == presence {
			return
		}
		r.unwatch(on)
	}
	if !on {
		return
	}
	r.sessionsMu.Lock()
	defer r.sessionsMu.Unlock()
	w := e.o.Watch(r.id, presence, r.audience)
	for userID, s := range r.users {
		for ; s != nil; s = s.next {
			w.Joined(userID)
		}
	}
	r.watch.Store(&watching{w, presence})
}

// unwatch removes the room's Watcher, if it has one.
func (r *room) unwatch(paused bool) {
	r.sessionsMu.Lock()
	defer r.sessionsMu.Unlock()
	if w := r.watch.Swap(nil); w != nil {
		w.Close(paused)
	}
}

// greet appends the Watcher's frame for a new connection.
func (r *room) greet(frames [][]byte) [][]byte {
	w := r.watch.Load()
	to, ok := r.audience.(Replayer)
	if w == nil || !ok {
		return frames
	}
	return append(frames, to.AppendFrame(nil, w.Greeting()))
}
