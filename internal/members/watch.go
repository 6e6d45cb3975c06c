package members

import (
	"context"

	"confab/internal/chat"
)

// Watcher is told of the sessions of one room on this node. Its methods do not block, apart
// from Prepare, and do not call the Room or the engine.
type Watcher interface {
	// Joined and Left are called for each session of a user, in the order in which they
	// join and leave.
	Joined(userID string)
	Left(userID string)
	// Prepare is called before a session joins. It may wait for other nodes.
	Prepare(ctx context.Context)
	// Greeting returns a frame that a new connection gets first, after Joined.
	Greeting() []byte
	// Close is the last call. paused is set if the room may be watched again.
	Close(paused bool)
}

// watching is the Watcher of a room, and what it was made for.
type watching struct {
	Watcher
	presence chat.Presence
}

// Watch has the room watched by what begin returns, or no longer. It does nothing if the room
// is watched for the same presence already. begin is called with all members locked.
func (r *Room) Watch(presence chat.Presence, begin func() Watcher) {
	on := presence == chat.PresenceCount || presence == chat.PresenceFull
	if before := r.watch.Load(); before != nil {
		if on && before.presence == presence {
			return
		}
		r.Unwatch(on)
	}
	if !on {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	w := begin()
	for userID, m := range r.users {
		for ; m != nil; m = m.next {
			w.Joined(userID)
		}
	}
	r.watch.Store(&watching{w, presence})
}

// Unwatch removes the room's Watcher, if it has one.
func (r *Room) Unwatch(paused bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if w := r.watch.Swap(nil); w != nil {
		w.Close(paused)
	}
}

// Prepare prepares the Watcher, if there is one, for a session that joins.
func (r *Room) Prepare(ctx context.Context) {
	if w := r.watch.Load(); w != nil {
		w.Prepare(ctx)
	}
}

// Watched reports whether the room has a Watcher.
func (r *Room) Watched() bool { return r.watch.Load() != nil }

// Greeting returns the Watcher's frame for a new connection, or nil if there is no Watcher.
func (r *Room) Greeting() []byte {
	if w := r.watch.Load(); w != nil {
		return w.Greeting()
	}
	return nil
}
