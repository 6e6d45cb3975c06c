package traces

import "sync"

// hidden are the last messages that only their senders get. They are added before a client
// can ask to delete one; attempts are recorded later.
type hidden struct {
	mu   sync.Mutex // guards the fields below
	last [256]struct{ id, userID string }
	n    int // how many there were
}

// Hide notes that only its sender gets a message, so that its deletion goes to the sender
// only.
func (m *Memory) Hide(messageID, userID string) {
	if m == nil {
		return
	}
	h := &m.hidden
	h.mu.Lock()
	defer h.mu.Unlock()
	one := &h.last[h.n%len(h.last)]
	one.id, one.userID = messageID, userID
	h.n++
}

// senderOf returns who sent a hidden message, and "" if it is not among the last ones.
func (h *hidden) senderOf(messageID string) string {
	h.mu.Lock()
	defer h.mu.Unlock()
	for i := range h.last[:min(h.n, len(h.last))] {
		if h.last[i].id == messageID {
			return h.last[i].userID
		}
	}
	return ""
}

// Sender returns who sent a message, if its room remembers it, and whether only its sender
// got it.
func (m *Memory) Sender(roomID, messageID string) (userID string, hidden bool) {
	if m == nil {
		return "", false
	}
	if userID = m.hidden.senderOf(messageID); userID != "" {
		return userID, true
	}
	l := m.find(roomID)
	if l == nil {
		return "", false
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	for i := range l.slots {
		if s := &l.slots[i]; string(s.id[:]) == messageID && s.result != Refused {
			return s.userID(), s.result == Hidden
		}
	}
	return "", false
}
