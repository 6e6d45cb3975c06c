package traces

// Sender returns who sent a message, if its room remembers it, and whether only its sender
// got it.
func (m *Memory) Sender(roomID, messageID string) (userID string, hidden bool) {
	if m == nil {
		return "", false
	}
	l := m.find(roomID)
	if l == nil {
		return "", false
	}
	l.read("", func(s *slot) bool {
		if s.result == Refused || string(s.id[:]) != messageID {
			return true
		}
		userID, hidden = s.userID(), s.result == Hidden
		return false
	})
	return userID, hidden
}
