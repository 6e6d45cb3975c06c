package members

import (
	"maps"
	"net/netip"
	"slices"
	"time"

	"confab/internal/catchup"
	"confab/internal/chat"
	"confab/internal/ending"
)

// Count returns how many users and sessions there are.
func (r *Room) Count() (users, sessions int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.users), r.sessions
}

// UserIDs returns the users, in no order, how many sessions they have, and a version that
// changes with them. It returns no users if the caller knows the version. known is 0 if the
// caller knows none.
func (r *Room) UserIDs(known uint64) (ids []string, sessions int, version uint64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if known == 0 || known != r.moves {
		ids = slices.AppendSeq(make([]string, 0, len(r.users)), maps.Keys(r.users))
	}
	return ids, r.sessions, r.moves
}

// Each calls f for each session of these users. f must not call the Room.
func (r *Room) Each(userIDs []string, f func(m *Member)) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, id := range userIDs {
		for m := r.users[id]; m != nil; m = m.next {
			f(m)
		}
	}
}

// EachOfAll calls f for each session. f must not call the Room.
func (r *Room) EachOfAll(f func(m *Member)) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, m := range r.users {
		for ; m != nil; m = m.next {
			f(m)
		}
	}
}

// At returns the connections at matching addresses, of one user, or of all for userID "".
func (r *Room) At(userID string, match func(ip netip.Addr) bool) (found []Conn) {
	add := func(m *Member) {
		if match(m.IP) {
			found = append(found, m.Conn)
		}
	}
	if userID != "" {
		r.Each([]string{userID}, add)
	} else {
		r.EachOfAll(add)
	}
	return found
}

// Refreshed reports whether a client of the user with this agent has a session that ends
// before a time.
func (r *Room) Refreshed(userID string, agent uint64, before time.Time) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	for m := r.users[userID]; m != nil; m = m.next {
		if m.Agent == agent && m.Expires.Before(before) {
			return true
		}
	}
	return false
}

// Confirmed returns what the connections of a client have confirmed, without those whose
// user was disconnected.
func (r *Room) Confirmed(c catchup.Client, ended func(m *Member) bool) []uint64 {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.ConfirmedLocked(c, ended)
}

// ConfirmedLocked is Confirmed for what Add calls.
func (r *Room) ConfirmedLocked(c catchup.Client, ended func(m *Member) bool) (live []uint64) {
	for m := r.users[c.UserID]; m != nil; m = m.next {
		if m.Agent == c.Agent && !ended(m) {
			live = append(live, m.Confirmed())
		}
	}
	return live
}

// Kick ends the sessions of one user that joined before the kick. It calls note before, with
// all members locked: no session joins meanwhile.
func (r *Room) Kick(userID string, kick chat.Point, why ending.Way, note func()) {
	var kicked []Conn
	r.mu.Lock()
	note()
	for m := r.users[userID]; m != nil; m = m.next {
		if m.Joined.Before(kick) {
			kicked = append(kicked, m.Conn)
		}
	}
	r.mu.Unlock()
	end(kicked, why)
}

// EndAll ends all sessions.
func (r *Room) EndAll(why ending.Way) {
	var all []Conn
	r.EachOfAll(func(m *Member) { all = append(all, m.Conn) })
	end(all, why)
}

// end ends connections. It is called without mu: a connection that ends may ask EndsLast,
// which takes it.
func end(conns []Conn, why ending.Way) {
	for _, c := range conns {
		c.End(why)
	}
}
