package messaging

import (
	"context"
	"strconv"
	"time"

	"confab/internal/chat"
	"confab/internal/replay"
)

// refreshBefore is how long before the end of a session its client may open the next one.
// Official clients do so a minute before.
const refreshBefore = 75 * time.Second

// askRefreshed bounds the wait for the answers of other nodes, while a client waits.
const askRefreshed = 200 * time.Millisecond

// replayOf returns how many messages of the room's history the session may get first.
// asked is Client.History.
func (s *Session) replayOf(asked string) (int, error) {
	if s.room.kept.Ring() == nil {
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
	if !mayRead(extensions.HistoryRead, &s.member.Bearer) {
		return extensions.HistoryOnJoin, nil
	}
	return int(n), nil
}

// prepareReplay reads n messages of the room's history if need be, unless the session is a refresh.
func (s *Session) prepareReplay(ctx context.Context, n int) {
	g := s.room.kept.Ring()
	if n == 0 || g == nil || s.refreshes(ctx) {
		return
	}
	s.replay = n
	s.engine.fill(ctx, s.room, g, s.room.state.Load().extensions.History)
}

// mayRead reports whether the bearer of a token may read the history of a room whose tag
// confab:history-read is readers.
func mayRead(readers chat.Who, b *chat.Bearer) bool {
	return readers == chat.All || readers == chat.Staff && b.Staff()
}

// refreshes reports whether the session takes the place of another one of its user that ends
// soon, here or on another node: it is the same client, which has the messages already.
func (s *Session) refreshes(ctx context.Context) bool {
	if s.engine.Refreshed(s.room.id, s.member.UserID, s.member.Agent) {
		return true
	}
	ctx, cancel := context.WithTimeout(ctx, askRefreshed)
	defer cancel()
	ask := s.engine.o.RefreshedElsewhere
	return ask != nil && ask(ctx, s.room.id, s.member.UserID, s.member.Agent)
}

// Refreshed reports whether a client of the user with this agent has a session in the room
// on this node that ends so soon that the client may open the next one.
func (e *Engine) Refreshed(roomID, userID string, agent uint64) bool {
	r := e.find(roomID)
	if r == nil {
		return false
	}
	defer r.release(e)
	return r.members.Refreshed(userID, agent, e.now().Add(refreshBefore))
}

// HasFirst reports whether the connection may get frames first.
func (s *Session) HasFirst() bool {
	return s.replay > 0 || s.member.Start().Known || s.room.members.Watched()
}

// First returns the frames that the connection gets first. replayed reports whether they
// stand for all that was delivered before the call. Else they are of the connection alone.
func (s *Session) First() (frames [][]byte, replayed bool) {
	w := replay.Want{UserID: s.member.UserID, Start: s.member.Start(), Messages: s.replay, History: s.room.state.Load().extensions.History, Now: s.engine.now()}
	frames, hidden, again := s.room.kept.First(&w)
	if again {
		s.member.GotHidden(hidden)
	}
	return s.room.greet(frames), again
}

// greet appends the frame that the room's Watcher makes for a new connection.
func (r *room) greet(frames [][]byte) [][]byte {
	to, greeting := r.kept.Audience(), r.members.Greeting()
	if to != nil && greeting != nil {
		return append(frames, to.AppendFrame(nil, greeting))
	}
	return frames
}
