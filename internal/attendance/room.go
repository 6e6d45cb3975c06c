package attendance

import (
	"slices"
	"time"

	"confab/internal/chat"
	"confab/internal/messaging"
	"confab/internal/webhook"
)

// room is a room whose users were reported to webhooks.
type room struct {
	version uint64
	// users are the users of this node that were reported. The value is when the last
	// connection of a user ended; zero while the user has one.
	users map[string]time.Time
	hooks hooks
	// stored is set once the room is in the database.
	stored bool
	// leaving is how many of the users have no connection any more.
	leaving int
	// lost is set if events were lost.
	lost bool
	// last is the result of the last look.
	last messaging.Attendance
}

// hooks are the ARNs of the webhooks that want events of a room.
type hooks struct{ joined, left, reset, all []string }

func (s *Service) hooksOf(r *chat.Room) (h hooks) {
	for t, to := range map[webhook.EventType]*[]string{webhook.UserJoined: &h.joined, webhook.UserLeft: &h.left, webhook.PresenceReset: &h.reset} {
		*to = s.o.Hooks.ForEvent(r, t)
		h.all = append(h.all, *to...)
	}
	slices.Sort(h.all)
	h.all = slices.Compact(h.all)
	return h
}

// change is what has changed in a room.
type change struct {
	id    string
	hooks hooks
	now   messaging.Attendance
	count webhook.Presence
	// store is set if the room must be stored. reset are the webhooks that get
	// presence.reset.
	store bool
	reset []string
	// joined are new users. away have no connection any more, back have one again, and gone
	// have had none for goneAfter.
	joined, away, back, gone []string
	at                       time.Time
	drop                     bool // no webhook wants the room any more
}

// look returns what has changed.
func (s *Service) look(now time.Time) (changes []*change) {
	seen := make(map[string]bool, len(s.rooms))
	for _, id := range s.o.Live.LiveRooms() {
		var known uint64
		r := s.rooms[id]
		if r != nil {
			known = r.version
		}
		a, live := s.o.Live.Attendance(id, known)
		if !live || r == nil && (a.Room == nil || a.Connections == 0) {
			continue
		}
		seen[id] = true
		if c := s.compare(id, r, a, now); c != nil {
			changes = append(changes, c)
		}
	}
	for id, r := range s.rooms {
		if !seen[id] { // The room has no user any more.
			if c := s.compare(id, r, messaging.Attendance{}, now); c != nil {
				changes = append(changes, c)
			}
		}
	}
	return changes
}

// compare returns what has changed in a room, or nil.
func (s *Service) compare(id string, r *room, a messaging.Attendance, now time.Time) *change {
	c := &change{id: id, now: a, at: now}
	if a.Room != nil {
		c.hooks = s.hooksOf(a.Room)
	} else if r != nil {
		c.hooks = r.hooks
	}
	switch {
	case r == nil && len(c.hooks.all) == 0:
		return nil
	case r == nil:
		c.store, c.joined = true, a.UserIDs
		return c
	case len(c.hooks.all) == 0:
		c.drop = true
		return c
	}
	if a.Same {
		c.now = r.last
	} else {
		c.compareUsers(r)
	}
	if r.leaving > len(c.back) {
		for user, left := range r.users {
			if !left.IsZero() && now.Sub(left) >= s.o.GoneAfter && !slices.Contains(c.back, user) {
				c.gone = append(c.gone, user)
			}
		}
	}
	for _, arn := range c.hooks.reset {
		if r.lost || !slices.Contains(r.hooks.all, arn) {
			c.reset = append(c.reset, arn)
		}
	}
	c.store = !r.stored || r.lost || !slices.Equal(c.hooks.all, r.hooks.all)
	if a.Same && !c.store && len(c.gone)+len(c.reset) == 0 {
		return nil
	}
	return c
}

func (c *change) compareUsers(r *room) {
	here := make(map[string]struct{}, len(c.now.UserIDs))
	for _, user := range c.now.UserIDs {
		here[user] = struct{}{}
		if left, known := r.users[user]; !known {
			c.joined = append(c.joined, user)
		} else if !left.IsZero() {
			c.back = append(c.back, user)
		}
	}
	for user, left := range r.users {
		if _, still := here[user]; !still && left.IsZero() {
			c.away = append(c.away, user)
		}
	}
}

// apply records what was reported. lost is set if the events could not be stored.
func (c *change) apply(rooms map[string]*room, lost bool) {
	if c.drop {
		delete(rooms, c.id)
		return
	}
	r := rooms[c.id]
	if r == nil {
		r = &room{users: make(map[string]time.Time, len(c.joined))}
		rooms[c.id] = r
	}
	r.version, r.last, r.hooks, r.stored, r.lost = c.now.Version, c.now, c.hooks, true, lost
	r.leaving += len(c.away) - len(c.back) - len(c.gone)
	for _, user := range slices.Concat(c.joined, c.back) {
		r.users[user] = time.Time{}
	}
	for _, user := range c.away {
		r.users[user] = c.at
	}
	for _, user := range c.gone {
		delete(r.users, user)
	}
	if len(r.users) == 0 && !lost {
		delete(rooms, c.id)
	}
}
