// Package attendance tells webhooks who joins and leaves rooms: the events user.joined and
// user.left, and presence.reset after a loss.
//
// Once a second a Service looks at the live rooms that such a webhook selects, and compares
// their users with those that it knows. Nothing is called when a session joins or leaves, so
// other rooms cost nothing. A user on several nodes counts once: the node that a user joins
// or leaves asks the others. A user has left after some seconds without a connection, so a
// client that reconnects makes no event.
//
// What a Service has told is in memory, and is lost with its process. Therefore it stores the
// rooms with users of whom it has told (webhook.Attendance). When its run has ended, another
// one sends presence.reset for these rooms: the next process on the same database, or
// another node.
package attendance

import (
	"context"
	"log/slog"
	"slices"
	"sync"
	"time"

	"confab/internal/chat"
	"confab/internal/messaging"
	"confab/internal/poll"
	"confab/internal/presence"
	"confab/internal/webhook"
)

const (
	// tick is the time between two looks at the rooms.
	tick = time.Second
	// GoneAfter is how long a user must be without a connection before a server sends
	// user.left, so that clients that reconnect cause no event.
	GoneAfter = 10 * time.Second
	// beatEvery is how often a run stores that it is alive, and looks for runs that are
	// not.
	beatEvery = 3 * time.Second
	// page is how many events, or rooms, are stored in one transaction.
	page = 500
)

// Live is the live rooms of this node: messaging.Roster.
type Live interface {
	LiveRooms() []string
	Attendance(roomID string, known uint64) (messaging.Attendance, bool)
}

// Options configure a Service. All fields are required.
type Options struct {
	Hooks *webhook.Hooks
	Live  Live
	// Elsewhere asks the other nodes for the users of rooms: presence.Service.Elsewhere.
	Elsewhere func(ctx context.Context, roomIDs []string) map[string]presence.Elsewhere
	// GoneAfter is how long a user must be without a connection before user.left is sent.
	GoneAfter time.Duration
	Log       *slog.Logger
}

// Service tells webhooks who joins and leaves rooms on this node.
type Service struct {
	o      Options
	stored *webhook.Attendance
	stop   context.CancelFunc
	done   chan struct{}

	// The following fields belong to the goroutine of run.
	beaten  time.Time
	failing bool

	// mu guards rooms, which only the goroutine of run changes.
	mu    sync.Mutex
	rooms map[string]*room
}

// Start begins to tell webhooks. First it sends presence.reset for what earlier runs have
// told.
func Start(o Options) *Service {
	ctx, stop := context.WithCancel(context.Background())
	s := &Service{o: o, stored: o.Hooks.Attendance(), stop: stop, done: make(chan struct{}), rooms: make(map[string]*room)}
	go s.run(ctx)
	return s
}

// Close ends the work. The database keeps the rooms of whose users webhooks were told, so
// that the next run sends presence.reset for them.
func (s *Service) Close() {
	if s == nil {
		return
	}
	s.stop()
	<-s.done
	ctx, cancel := context.WithTimeout(context.Background(), tick)
	defer cancel()
	if len(s.rooms) == 0 {
		return
	}
	if err := s.stored.Close(ctx); err != nil {
		s.o.Log.LogAttrs(ctx, slog.LevelWarn, "Users in rooms not handed over to other nodes; webhooks get presence.reset later", slog.Any("error", err))
	}
}

// Leaving returns the users who left a room on this node less than GoneAfter ago, so that
// webhooks were not told yet. It implements presence.Service.Leaving.
func (s *Service) Leaving(roomID string) (ids []string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if r := s.rooms[roomID]; r != nil {
		now := time.Now()
		for id, left := range r.users {
			if !left.IsZero() && now.Sub(left) < s.o.GoneAfter {
				ids = append(ids, id)
			}
		}
	}
	return ids
}

func (s *Service) run(ctx context.Context) {
	defer close(s.done)
	for {
		err := s.round(ctx)
		if ctx.Err() != nil {
			return
		}
		if err != nil && !s.failing {
			s.o.Log.LogAttrs(ctx, slog.LevelWarn, "Events user.joined and user.left not stored; retrying", slog.Any("error", err))
		}
		s.failing = err != nil
		if !poll.Sleep(ctx, tick) {
			return
		}
	}
}

// round reports what has changed since the last round.
func (s *Service) round(ctx context.Context) error {
	if !s.o.Hooks.Attended() && len(s.rooms) == 0 {
		return nil
	}
	now := time.Now()
	if now.Sub(s.beaten) >= beatEvery {
		if err := s.beat(ctx); err != nil {
			return err
		}
		s.beaten = now
	}
	changes := s.look(now)
	for some := range slices.Chunk(changes, page) {
		if err := s.tell(ctx, some); err != nil {
			return err
		}
	}
	return nil
}

// beat stores that this run is alive, and takes over the rooms of runs that have ended.
func (s *Service) beat(ctx context.Context) error {
	if len(s.rooms) > 0 {
		kept, err := s.stored.Beat(ctx)
		if err != nil {
			return err
		}
		if !kept {
			for _, r := range s.rooms {
				r.stored = false
			}
		}
	}
	for {
		orphans, err := s.stored.Orphans(ctx)
		if err != nil || len(orphans) == 0 {
			return err
		}
		var ids []string
		for _, o := range orphans {
			if o.RoomID != "" { // Without a room id, it is a run without rooms.
				ids = append(ids, o.RoomID)
			}
		}
		elsewhere := s.o.Elsewhere(ctx, ids)
		counts := make(map[string]webhook.Presence, len(ids))
		for _, id := range ids {
			a, _ := s.o.Live.Attendance(id, 0)
			counts[id] = count(&a, elsewhere[id])
		}
		if err := s.stored.Take(ctx, orphans, counts); err != nil {
			return err
		}
	}
}

func count(a *messaging.Attendance, elsewhere presence.Elsewhere) webhook.Presence {
	return webhook.Presence{Users: len(a.UserIDs) + elsewhere.Besides(a.UserIDs), Connections: a.Connections + elsewhere.Connections}
}

// tell stores the events about changes of rooms.
func (s *Service) tell(ctx context.Context, changes []*change) error {
	var rooms []webhook.AttendedRoom
	var resets []webhook.Reset
	ids := make([]string, len(changes))
	for i, c := range changes {
		ids[i] = c.id
	}
	elsewhere := s.o.Elsewhere(ctx, ids)
	for _, c := range changes {
		c.count = count(&c.now, elsewhere[c.id])
		if c.store {
			rooms = append(rooms, webhook.AttendedRoom{RoomID: c.id, Webhooks: c.hooks.all})
		}
		if len(c.reset) > 0 {
			resets = append(resets, webhook.Reset{RoomID: c.id, Webhooks: c.reset, Presence: c.count})
		}
	}
	if len(rooms)+len(resets) > 0 {
		if err := s.stored.Store(ctx, rooms, resets); err != nil {
			return err
		}
	}
	var empty []string
	for _, c := range changes {
		frames, err := c.frames(s.stored, elsewhere[c.id])
		for some := range slices.Chunk(frames, page) {
			if err == nil {
				err = s.stored.Announce(ctx, some)
			}
		}
		s.mu.Lock()
		if c.apply(s.rooms, err != nil); s.rooms[c.id] == nil {
			empty = append(empty, c.id)
		}
		s.mu.Unlock()
	}
	return s.stored.Forget(ctx, empty)
}

// frames returns the events about a change. A user who is also on another node has neither
// joined nor left.
func (c *change) frames(stored *webhook.Attendance, elsewhere presence.Elsewhere) (frames []*chat.Frame, err error) {
	add := func(t webhook.EventType, to, userIDs []string) {
		for _, id := range userIDs {
			if len(to) == 0 || err != nil || elsewhere.Has(id) {
				continue
			}
			var f *chat.Frame
			if f, err = stored.Frame(c.id, to, webhook.Event{Type: t, UserID: id, Presence: &c.count}); err == nil {
				frames = append(frames, f)
			}
		}
	}
	add(webhook.UserLeft, c.hooks.left, c.gone)
	add(webhook.UserJoined, c.hooks.joined, c.joined)
	return frames, err
}
