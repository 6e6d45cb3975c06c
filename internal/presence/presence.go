// Package presence knows which users are in a room, over all nodes.
//
// It has two parts. Operations work for any room: on request, a Service counts the users over
// all nodes (count.go, users.go, rooms.go). Without a request it does nothing. Rooms with the
// tag confab:presence have a watch (watch.go), which package messaging calls for each session
// that joins or leaves. New connections first get the numbers, and the Service pushes changes
// to all connections of this node (push.go):
//
//	session joins, leaves → watch: users, and when the next push is due
//	a push is due         → ask the other nodes for their users of these rooms
//	                      → count the union → Audience.Deliver: confab:VIEWERS, …
//
// Nodes send each other 64-bit hashes of user ids, and only the changes (question.go). A user
// with connections to two nodes counts once. A user who left still counts for a moment (grace),
// so that a client that replaces its connection does not leave.
//
// Pushed frames have no place in the order of the room's frames: each node makes its own.
package presence

import (
	"context"
	"sync"
	"time"

	"github.com/cespare/xxhash/v2"

	"confab/internal/chat"
	"confab/internal/members"
	"confab/internal/messaging"
)

const (
	// grace is how long a user without a connection still counts.
	grace = 2 * time.Second
	// goneAfter is how long a user has no connection before confab:LEFT says so.
	goneAfter = 10 * time.Second
	// askEvery is the longest time between two questions about watched rooms.
	askEvery = 2 * time.Second
	// tick is the precision with which pushes are timed.
	tick = 100 * time.Millisecond
	// fullUpTo is the most users of a room in which confab:JOINED and confab:LEFT are sent.
	// idsAtOnce is how many users one of them names.
	fullUpTo  = 1000
	idsAtOnce = 100
	// mostPeaks is how many rooms' peaks are remembered.
	mostPeaks = 100_000
)

// Live is the live rooms of this node: messaging.Roster.
type Live interface {
	LiveRooms() []string
	CountUsers(roomID string) (users, connections int)
	UserIDs(roomID string) (ids []string, connections int)
	EachSession(roomID string, userIDs []string, f func(b *chat.Bearer, since time.Time))
}

// Service counts and lists the users of rooms over all nodes, and sends events about them
// to rooms with the tag. Its fields must be set before it is used.
type Service struct {
	// Live is required.
	Live Live
	// Interval is the shortest time between two events in a room.
	Interval time.Duration
	// Node is the name by which AskOthers knows this node.
	Node string
	// AskOthers asks the other nodes, which call Answer, and returns the answers by the
	// names of the nodes. complete reports whether all have answered. It is nil on a
	// single node.
	AskOthers func(ctx context.Context, body []byte) (answers map[string][]byte, complete bool)

	// Leaving returns the users who have left a room on this node recently, and whose
	// leaving webhooks do not know yet. Nil means that there are none.
	Leaving func(roomID string) []string

	counts    counts
	sorted    sorted
	snapshots snapshots

	// wake has an element when pending or watches is no longer empty.
	wake chan struct{}
	stop context.CancelFunc
	done chan struct{}

	// mu guards the fields below. It may be taken with a watch locked.
	mu      sync.Mutex
	watches map[string]*watch
	pending map[*watch]struct{} // the watches that have a push due
	peaks   map[string]peak     // of rooms with the tag that are not live
}

// peak is the most users that a room had at a time.
type peak struct {
	users int
	at    time.Time
}

// New returns a Service. Close stops it.
func New() *Service {
	ctx, stop := context.WithCancel(context.Background())
	s := &Service{
		wake: make(chan struct{}, 1), stop: stop, done: make(chan struct{}),
		watches: make(map[string]*watch), pending: make(map[*watch]struct{}), peaks: make(map[string]peak),
		counts: counts{byRoom: make(map[string]*counted)}, sorted: sorted{byRoom: make(map[string]sortedUsers)},
	}
	go s.run(ctx)
	return s
}

// Close stops sending events.
func (s *Service) Close() {
	s.stop()
	<-s.done
}

// Watch returns the watcher of a room, for messaging.Options.Watch.
func (s *Service) Watch(roomID string, presence chat.Presence, to messaging.Audience) members.Watcher {
	w := &watch{
		service: s, roomID: roomID, full: presence == chat.PresenceFull, to: to,
		users: make(map[uint64]user), told: make(map[uint64]told), version: uint64(time.Now().UnixNano()),
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	w.peak = s.peaks[roomID]
	s.watches[roomID] = w
	s.wakeUp()
	return w
}

// Close implements members.Watcher.
func (w *watch) Close(paused bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.closed = true
	s := w.service
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.pending, w)
	if s.watches[w.roomID] == w {
		delete(s.watches, w.roomID)
	}
	switch {
	case !paused:
		delete(s.peaks, w.roomID)
	case len(s.peaks) < mostPeaks:
		s.peaks[w.roomID] = w.peak
	}
}

// wakeUp wakes the goroutine that pushes.
func (s *Service) wakeUp() {
	select {
	case s.wake <- struct{}{}:
	default:
	}
}

// watched returns the room's watch, or nil.
func (s *Service) watched(roomID string) *watch {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.watches[roomID]
}

// peakOf returns the most users that this node has seen in a room with the tag.
func (s *Service) peakOf(roomID string) peak {
	if w := s.watched(roomID); w != nil {
		w.mu.Lock()
		defer w.mu.Unlock()
		return w.peak
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.peaks[roomID]
}

// hash is the name of a user between nodes.
func hash(userID string) uint64 { return xxhash.Sum64String(userID) }
