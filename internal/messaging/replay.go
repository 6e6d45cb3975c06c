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

// askRefreshed bounds the wait for the answers of other nodes, while a client waits.
const askRefreshed = 200 * time.Millisecond

// replayOf returns how many messages of the room's history the session may get first.
// asked is Client.History.
func (s *Session) replayOf(asked string) (int, error) {
	if s.room.ring.Load() == nil {
		return 0, nil
	}
	extensions := s.room.state.Load().extensions
	if asked == "" {
		return extensions.HistoryOnJoin, nil
	}
	n, err := strconv.ParseUint(asked, 10, 16)
	if err != nil || n > chat.MaxHistoryOnJoin {
		return 0, chat.Errorf(chat.Invalid, "The parameter history must be a whole number from 0 to %d, this is %.32q", chat.MaxHistoryOnJoin, asked)
	}
	if !mayRead(extensions.HistoryRead, &s.token) {
		return extensions.HistoryOnJoin, nil
	}
	return int(n), nil
}

// prepareReplay reads n messages of the room's history if need be, unless the session is a
// refresh.
func (s *Session) prepareReplay(ctx context.Context, n int) {
	g := s.room.ring.Load()
	if n == 0 || g == nil || s.refreshes(ctx) {
		return
	}
	s.replay = n
	s.engine.fill(ctx, s.room, g, s.room.state.Load().extensions.History)
}

// mayRead reports whether the bearer of a token may read the history of a room where
// readers may.
func mayRead(readers chat.Who, t *chat.Token) bool {
	return readers == chat.All || readers == chat.Staff && t.Staff()
}

// refreshes reports whether the session takes the place of another one of its user that
// ends soon, here or on another node: it is the same client, which has the messages
// already.
func (s *Session) refreshes(ctx context.Context) bool {
	if s.engine.Refreshed(s.room.id, s.token.UserID, s.agent) {
		return true
	}
	ctx, cancel := context.WithTimeout(ctx, askRefreshed)
	defer cancel()
	ask := s.engine.o.RefreshedElsewhere
	return ask != nil && ask(ctx, s.room.id, s.token.UserID, s.agent)
}

// Refreshed reports whether a client of the user with this agent has a session in the room
// on this node that ends so soon that the client may open the next one.
func (e *Engine) Refreshed(roomID, userID string, agent uint64) bool {
	r := e.find(roomID)
	if r == nil {
		return false
	}
	defer r.release(e)
	soon := e.now().Add(refreshBefore)
	r.sessionsMu.Lock()
	defer r.sessionsMu.Unlock()
	for s := r.users[userID]; s != nil; s = s.next {
		if s.agent == agent && s.token.SessionExpires.Before(soon) {
			return true
		}
	}
	return false
}

// replayed returns the messages of the history that the connection gets before all that is
// delivered after the call, or nil if there are none.
func (s *Session) replayed() [][]byte {
	g, state := s.room.ring.Load(), s.room.state.Load()
	if g == nil || state.extensions.History == 0 {
		return nil
	}
	now := s.engine.now()
	return g.Latest(s.token.UserID, s.replay, now.Add(-state.extensions.History).UnixNano(), now)
}

// HasFirst reports whether the connection may get frames first.
func (s *Session) HasFirst() bool {
	return s.replay > 0 || s.start.Known || s.room.watch.Load() != nil
}

// First returns the frames that the connection gets first. replay reports whether they
// stand for all that was delivered before the call. Else they are of the connection alone.
func (s *Session) First() (frames [][]byte, replay bool) {
	hidden := s.room.hidden.Look(func() {
		if frames, replay = s.missed(); !replay && s.replay > 0 {
			frames, replay = s.replayed(), true
		}
	})
	if replay {
		s.hidden.Store(hidden)
	}
	return s.room.greet(frames), replay
}
