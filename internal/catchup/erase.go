package catchup

import "slices"

// senderOf returns the sender of a frame as a log stores it: a hash of the user id, or 0
// for an event.
func senderOf(userID string) uint64 {
	if userID == "" {
		return 0
	}
	return hashOf(userID)
}

// Erase removes the frames that a user sent. Clients that return get the other frames, and
// no gap is reported for the removed ones.
func (l *Log) Erase(userID string) {
	user := senderOf(userID)
	l.memory.mu.Lock()
	defer l.memory.mu.Unlock()
	for _, c := range l.chunks {
		if slices.Contains(c.users, user) {
			l.memory.used -= int64(c.erasePrivate(user))
			c.erase(user)
		}
	}
}

// erase makes the user's frames empty. Replays that have begun keep the old bytes.
func (c *chunk) erase(user uint64) {
	all := c.mem
	c.mem = make([]byte, 0, cap(all))
	begin := uint32(0)
	for i, end := range c.ends {
		if c.users[i] == user {
			c.users[i] = 0
		} else {
			c.mem = append(c.mem, all[begin:end]...)
		}
		begin, c.ends[i] = end, uint32(len(c.mem))
	}
}

// Erase removes the frames that a user sent to a room, or to all rooms if it is "", from
// what the previous process has left.
func (m *Memory) Erase(roomID, userID string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for id, r := range m.saved {
		if roomID == "" || roomID == id {
			r.Frames.Erase(userID)
		}
	}
}

// Erase makes a user's frames empty.
func (p *Page) Erase(userID string) {
	user := senderOf(userID)
	for i, sender := range p.Users {
		if sender == user && i < len(p.Frames) {
			p.Frames[i], p.Users[i] = nil, 0
			p.Private = slices.DeleteFunc(p.Private, func(f PrivateFrame) bool { return f.At == i })
		}
	}
}
