package recent

import (
	"slices"
	"time"

	"github.com/go-json-experiment/json"

	"confab/internal/chat"
)

// overhead is roughly the memory of a message besides its frame.
const overhead = 128

func (m *message) size() int64 { return int64(len(m.frame) + overhead) }

// Keep returns a function that must be called in the step that delivers the frame, before a
// connection can start after it. The function adds a message, or removes the message that
// the frame deletes.
func (g *Ring) Keep(to Encoder, f *chat.Frame) func() {
	var m message
	if f.Type == chat.MessageFrame {
		m = message{id: f.ID, user: f.UserID, hides: f.Hidden, time: f.Time.UnixNano(), frame: encode(to, f.JSON)}
	}
	return func() {
		g.mu.Lock()
		defer g.mu.Unlock()
		switch {
		case m.frame != nil && g.erased(m.user, m.time):
		case m.frame != nil:
			if len(g.messages)-g.hidden >= most {
				g.setLocked(newest(g.messages, size-1))
				g.complete = true
			}
			g.messages = append(g.messages, m)
			g.bytes += m.size()
			if m.hides {
				if g.hidden++; g.hidden > most {
					g.setLocked(newest(g.messages, most))
				}
			}
		case f.Action == chat.ActionDeleteMessage:
			g.dropLocked(deletedMessage(f.JSON))
		}
	}
}

// newest returns a copy of the newest n messages and of the hidden ones among them, of which it
// keeps the newest.
func newest(messages []message, n int) []message {
	first, hidden := len(messages), 0
	for ; first > 0; first-- {
		if m := &messages[first-1]; m.hides {
			hidden++
		} else if n--; n < 0 {
			break
		}
	}
	left := make([]message, 0, len(messages)-first+1)
	for _, m := range messages[first:] {
		if m.hides {
			if hidden--; hidden >= size {
				continue
			}
		}
		left = append(left, m)
	}
	return left
}

// encode returns a message's frame for connections that did not ask for the message.
func encode(to Encoder, frame []byte) []byte {
	return to.AppendFrame(nil, chat.AppendWithoutRequestID(nil, frame))
}

// deletedMessage returns the id in an aws:DELETE_MESSAGE event.
func deletedMessage(event []byte) string {
	var e struct{ Attributes struct{ MessageID string } }
	if json.Unmarshal(event, &e) != nil {
		return ""
	}
	return e.Attributes.MessageID
}

// Restart removes all messages. It must be called before the room's first session on this
// node, because frames that came before may not have been delivered here.
func (g *Ring) Restart() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.setLocked(nil)
	g.complete, g.filled = false, time.Time{}
}

// dropLocked removes a message.
func (g *Ring) dropLocked(id string) {
	g.deleted.add(id)
	g.removeLocked(func(m *message) bool { return m.id == id })
}

// removeLocked removes messages.
func (g *Ring) removeLocked(gone func(m *message) bool) {
	n := len(g.messages)
	left := slices.DeleteFunc(g.messages, func(m message) bool { return gone(&m) })
	if len(left) < n {
		g.setLocked(left)
		g.complete = false // The ring has room for an older message now.
	}
}

// RemoveUser removes the messages of a user.
func (g *Ring) RemoveUser(userID string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.removeLocked(func(m *message) bool { return m.user == userID })
}

// setLocked replaces the messages.
func (g *Ring) setLocked(messages []message) {
	g.messages, g.bytes, g.hidden = messages, 0, 0
	for i := range messages {
		g.bytes += messages[i].size()
		if messages[i].hides {
			g.hidden++
		}
	}
}

// Latest returns the frames of the newest n messages as a user gets them, without those
// older than oldest, in nanoseconds since 1970. The frames are shared and must not be
// changed.
func (g *Ring) Latest(userID string, n int, oldest int64, now time.Time) [][]byte {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.joined = now
	some := g.messages
	if g.hidden > 0 {
		some = slices.DeleteFunc(slices.Clone(some), func(m message) bool { return m.hides && m.user != userID })
	}
	some = some[max(len(some)-n, 0):]
	for len(some) > 0 && some[0].time < oldest {
		some = some[1:]
	}
	frames := make([][]byte, len(some))
	for i := range some {
		frames[i] = some[i].frame
	}
	return frames
}

// EachOf calls f with the id and the time of each message that the user has sent at or
// after since, the oldest first. Times are in nanoseconds since 1970. f must not block.
func (g *Ring) EachOf(userID string, since int64, f func(id string, sent int64)) {
	g.mu.Lock()
	defer g.mu.Unlock()
	for i := range g.messages {
		if m := &g.messages[i]; m.user == userID && m.time >= since {
			f(m.id, m.time)
		}
	}
}
