// Package members knows who is in one live room on this node: the sessions of each user.
//
//	members.go   a session as a member; how it enters and leaves
//	ask.go       what is asked about members, and how they are ended
//	watch.go     the Watcher of a room that pushes who is there
//
// Package messaging has a Room of members for each of its live rooms.
package members

import (
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"confab/internal/catchup"
	"confab/internal/chat"
	"confab/internal/ending"
)

// Conn is the connection of one session. Its methods do not block.
type Conn interface {
	// Send queues a frame for this connection alone, after everything that was delivered
	// to its room before.
	Send(json []byte)
	// SendIf is like Send, unless wanted returns false when the frame's turn comes. wanted
	// is not called while messaging.Session.First is.
	SendIf(json []byte, wanted func() bool)
	// End ends the connection as why specifies, after everything queued before.
	// Only the first call counts.
	End(why ending.Way)
}

// Confirmer is a Conn that knows the last Mark that its client has confirmed; 0 for none.
type Confirmer interface{ Confirmed() uint64 }

// Member is one session of one user in a room. The exported fields are set before Add, or by
// what Add calls, and do not change later.
type Member struct {
	Conn Conn
	chat.Bearer
	IP      netip.Addr
	Agent   uint64    // of its client
	Since   time.Time // with a monotonic reading, as Expires
	Expires time.Time // when the session is over
	// Joined is the last kick in the room before the session joined.
	Joined chat.Point

	start *catchup.Start // of StartAt
	// hidden is how many hidden frames of the room were replayed to the session or belong
	// to other users.
	hidden atomic.Uint64
	// next and prev are the neighbours in the user's list. Room.mu guards them.
	next, prev *Member
	// beside is how long after Since the session counts as one of several of its user,
	// after another one has ended. Room.mu guards it.
	beside time.Duration
}

// Client is how the session's client is known when it comes back.
func (m *Member) Client() catchup.Client {
	return catchup.Client{UserID: m.UserID, Agent: m.Agent}
}

// StartAt sets where the client continues, in a room in which clients catch up. It is called
// by what Add calls.
func (m *Member) StartAt(s catchup.Start) { m.start = &s }

// Start returns what StartAt has set. Before that, it is the zero Start.
func (m *Member) Start() catchup.Start {
	if m.start == nil {
		return catchup.Start{}
	}
	return *m.start
}

// Confirmed returns the last number that the session's client has confirmed.
func (m *Member) Confirmed() uint64 {
	if c, ok := m.Conn.(Confirmer); ok {
		return max(m.Start().Number, c.Confirmed())
	}
	return m.Start().Number
}

// GotHidden notes that the connection got the first n hidden frames of the room, or does not
// want them.
func (m *Member) GotHidden(n uint64) { m.hidden.Store(n) }

// Room is who is in one room. The zero Room is empty. Its methods may be called from any
// goroutine.
type Room struct {
	// watch is nil unless the room tells its clients who is there.
	watch atomic.Pointer[watching]

	// mu guards the fields below. users has the sessions of each user, as a list through
	// Member.next and prev. A room of 100,000 has one map entry for each user and no slices.
	// Leaving it is cheap even if all sessions have one user.
	mu       sync.Mutex
	sessions int
	users    map[string]*Member
	// moves grows by one with each session that joins or leaves.
	moves uint64
}

// Add adds a session to its user's list. It calls enter before, with all members locked.
func (r *Room) Add(m *Member, enter func()) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.users == nil {
		r.users = make(map[string]*Member)
	}
	enter()
	m.next = r.users[m.UserID]
	if m.next != nil {
		m.next.prev = m
	}
	r.users[m.UserID] = m
	r.sessions++
	r.moves++
	if w := r.watch.Load(); w != nil {
		w.Joined(m.UserID)
	}
}

// Remove removes a session from its user's list.
func (r *Room) Remove(m *Member) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.sessions--
	r.moves++
	if w := r.watch.Load(); w != nil {
		w.Left(m.UserID)
	}
	if m.next != nil {
		m.next.prev = m.prev
	}
	switch {
	case m.prev != nil:
		m.prev.next = m.next
	case m.next != nil:
		r.users[m.UserID] = m.next
	default:
		delete(r.users, m.UserID)
	}
}

// SendHidden sends a frame to the connections of one user, unless they got it with the first
// hidden frames of the room: it is the one with this number. It returns how many connections
// the user has, and how many there are of all users.
func (r *Room) SendHidden(userID string, json []byte, number uint64) (to, all int) {
	var user []*Member
	r.mu.Lock()
	for m := r.users[userID]; m != nil; m = m.next {
		user = append(user, m)
	}
	all = r.sessions
	r.mu.Unlock()
	for _, m := range user {
		m.Conn.SendIf(json, func() bool { return m.hidden.Load() < number })
	}
	return len(user), all
}

// besideFor is how long a session whose time is over still counts for the user's other
// sessions. Its client may be coming back, and sessions whose tokens were made together
// end together.
const besideFor = 5 * time.Second

// EndsLast reports whether a session, whose time is over, is the only one of its user in the
// room, as far as this node knows. It is called once, before Remove.
func (r *Room) EndsLast(m *Member, now time.Time) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	last := !now.Before(m.Since.Add(m.beside))
	for other := r.users[m.UserID]; other != nil; other = other.next {
		if other != m {
			last = false
			other.besideUntil(now.Add(besideFor))
		}
	}
	return last
}

func (m *Member) besideUntil(t time.Time) { m.beside = t.Sub(m.Since) }

// EndsBeside makes a session count as one of several of its user for a while: the user has
// sessions on other nodes.
func (r *Room) EndsBeside(m *Member, now time.Time) {
	r.mu.Lock()
	defer r.mu.Unlock()
	m.besideUntil(now.Add(besideFor))
}

// Beside reports whether the user has sessions here. A session of the user on another node
// is over, and these count as beside it for a while.
func (r *Room) Beside(userID string, now time.Time) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	for m := r.users[userID]; m != nil; m = m.next {
		m.besideUntil(now.Add(besideFor))
	}
	return r.users[userID] != nil
}
