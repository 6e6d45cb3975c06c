package messaging

import (
	"context"
	"strconv"
	"time"

	"confab/internal/chat"
)

// refreshBefore is how long before the end of a session its client may open the next one.
// Official clients do so a minute before.
const refreshBefore = 75 * time.Second

// prepareReplay decides how many messages of the room's history the session gets first,
// and reads them if need be. asked is Client.History.
func (s *Session) prepareReplay(ctx context.Context, asked string) error {
	g, extensions := s.room.ring.Load(), s.room.state.Load().extensions
	if g == nil {
		return nil
	}
	n := extensions.HistoryOnJoin
	if asked != "" {
		number, err := strconv.ParseUint(asked, 10, 16)
		if err != nil || number > chat.MaxHistoryOnJoin {
			return chat.Errorf(chat.Invalid, "The parameter history must be a whole number from 0 to %d, this is %.32q", chat.MaxHistoryOnJoin, asked)
		}
		if mayRead(extensions.HistoryRead, &s.token) {
			n = int(number)
		}
	}
	if n == 0 || s.refreshes() {
		return nil
	}
	s.replay = n
	s.engine.fill(ctx, s.room, g, extensions.History)
	return nil
}

// mayRead reports whether the bearer of a token may read the history of a room where
// readers may.
func mayRead(readers chat.Who, t *chat.Token) bool {
	return readers == chat.All || readers == chat.Staff && t.Staff()
}

// refreshes reports whether the session takes the place of another one of its user that
// ends soon: it is the same client, which has the messages already.
func (s *Session) refreshes() bool {
	soon := s.engine.now().Add(refreshBefore)
	s.room.sessionsMu.Lock()
	defer s.room.sessionsMu.Unlock()
	for other := s.room.users[s.token.UserID]; other != nil; other = other.next {
		if other.agent == s.agent && other.token.SessionExpires.Before(soon) {
			return true
		}
	}
	return false
}

// Replay returns the frames that the connection gets before all that is delivered after the
// call, or nil if there are none.
func (s *Session) Replay() []byte {
	g, state := s.room.ring.Load(), s.room.state.Load()
	if g == nil || state.extensions.History == 0 {
		return nil
	}
	return g.latest(s.replay, s.engine.now().Add(-state.extensions.History).UnixNano())
}

// Replays reports whether the connection may get messages of the room's history first.
func (s *Session) Replays() bool { return s.replay > 0 }
