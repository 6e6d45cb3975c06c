package messaging

import (
	"context"
	"log/slog"
	"maps"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"confab/internal/catchup"
	"confab/internal/chat"
	"confab/internal/ending"
	"confab/internal/members"
	"confab/internal/pending"
	"confab/internal/replay"
	"confab/internal/traces"
)

// room is one live room: its settings, its sessions here and, on its home, its sequence.
type room struct {
	id       string
	audience Audience
	// born is when the room became live, in nanoseconds. A room that was removed and
	// becomes live again numbers its frames from 1, in a later epoch.
	born uint64
	// readAt is when the room was last read, in nanoseconds.
	readAt atomic.Int64

	// uses counts sessions and calls that hold the room. usedAt is when the last of them
	// released it, in nanoseconds.
	uses   atomic.Int64
	usedAt atomic.Int64

	// state is nil until the room was read once.
	state atomic.Pointer[roomState]
	// stale means that the last attempt to read the room failed.
	stale atomic.Bool
	// loading serializes reads of the room, so that the result of the last read is kept.
	loading sync.Mutex

	// entered is the place behind which every frame is delivered here, once a session has
	// joined. entering is held while it is set.
	entered  atomic.Pointer[chat.Point]
	entering sync.Mutex

	// kept is what connections get that join or come back.
	kept replay.Room

	// members are the sessions here.
	members members.Room

	sequencer pending.Sequencer

	// traces is where the outcomes of the room's messages are remembered.
	traces traces.Place
}

// deliver delivers a frame to everybody who is in the room on this node.
func (r *room) deliver(f *chat.Frame) int {
	if f.Hidden {
		return r.kept.Hide(f, func(number uint64) (to, all int) {
			return r.members.SendHidden(f.UserID, f.JSON, number)
		})
	}
	return r.kept.Deliver(f)
}

// enter returns once every later frame of the room is delivered here. A room without
// sessions, which is live because its home is here, need not get every frame.
func (r *room) enter(ctx context.Context, e *Engine) (chat.Point, error) {
	if p := r.entered.Load(); p != nil {
		return *p, nil
	}
	p, err := e.broker.Enter(ctx, r.id)
	if err != nil {
		return p, err
	}
	r.entering.Lock()
	defer r.entering.Unlock()
	if other := r.entered.Load(); other != nil {
		e.broker.Leave(r.id) // Another session was first.
		return *other, nil
	}
	r.kept.Enter(p)
	r.entered.Store(&p)
	return p, nil
}

// release undoes one acquire.
func (r *room) release(e *Engine) {
	r.usedAt.Store(e.now().UnixNano())
	r.uses.Add(-1)
}

// roomState is the result of the last read of a room.
type roomState struct {
	settings *chat.Room
	// extensions are the settings in the room's tags.
	extensions chat.Extensions
	carried    *chat.Room // what other nodes need of settings
	err        error      // NotFound: the room was deleted; else: it could not be read
}

// settings returns the room as last read. It must not be changed.
func (r *room) settings() (*chat.Room, error) {
	s := r.state.Load()
	return s.settings, s.err
}

// loadOnce reads the room unless it was already read.
func (e *Engine) loadOnce(ctx context.Context, r *room, within time.Duration) {
	if r.state.Load() != nil {
		return
	}
	r.loading.Lock()
	defer r.loading.Unlock()
	if r.state.Load() == nil {
		e.read(ctx, r, within)
	}
}

// load reads the room again.
func (e *Engine) load(ctx context.Context, r *room) {
	r.loading.Lock()
	defer r.loading.Unlock()
	e.read(ctx, r, readWithin)
}

// readWithin is the time limit of one read of a room. readCarried is that of the first
// read of a room whose settings another node has carried here.
const (
	readWithin  = 5 * time.Second
	readCarried = time.Second
)

// goBy uses settings that another node has read, because this node has none yet. The room
// is read again within a second.
func (r *room) goBy(settings *chat.Room) {
	s := r.state.Load()
	if s.settings != nil || chat.CodeOf(s.err) != chat.Unavailable {
		return
	}
	r.sequencer.SetRate(settings.MaximumMessageRatePerSecond)
	extensions, _ := chat.ExtensionsOf(settings.Tags) // The node that read them has logged what is wrong.
	r.state.CompareAndSwap(s, &roomState{settings: settings, extensions: extensions, carried: settings})
}

// read reads the room and stores the result. When the database is unavailable, a room that was
// read before keeps its settings and is read again later. The caller holds r.loading.
func (e *Engine) read(ctx context.Context, r *room, within time.Duration) {
	// Other callers wait for the result too, so it must not depend on this caller's context.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), within)
	defer cancel()
	r.readAt.Store(e.now().UnixNano())
	settings, err := e.o.Rooms.Room(ctx, r.id)
	switch {
	case err == nil:
		r.stale.Store(false)
		r.sequencer.SetRate(settings.MaximumMessageRatePerSecond) // This comes first: a bucket without a rate allows everything.
		r.state.Store(e.newState(ctx, r, settings))
	case chat.CodeOf(err) == chat.NotFound:
		r.stale.Store(false)
		r.kept.KeepRing(false)
		r.keepWatch(e, chat.PresenceOff)
		r.keepLog(e, &chat.Extensions{})
		r.state.Store(&roomState{err: err})
		if e.o.CloseOnRoomDelete {
			r.members.EndAll(ending.RoomGone)
		}
	default:
		r.stale.Store(true)
		e.o.Log.LogAttrs(ctx, slog.LevelError, "A room could not be read", slog.String("room", r.id), slog.Any("error", err))
		if s := r.state.Load(); s == nil || s.settings == nil {
			// Another node may have carried the settings here meanwhile.
			r.state.CompareAndSwap(s, &roomState{err: chat.Errorf(chat.Unavailable, "The room cannot be read right now; try again")})
		}
	}
}

// newState returns the state of a room that was just read. It logs the tags that it does
// not understand, when they are new.
func (e *Engine) newState(ctx context.Context, r *room, settings *chat.Room) *roomState {
	carried := *settings
	carried.Name, carried.Tags, carried.Modes = "", nil, nil
	if e.o.Extensions {
		carried.Tags, carried.Modes = maps.Clone(settings.Tags), settings.Modes
		maps.DeleteFunc(carried.Tags, func(k, _ string) bool {
			return !strings.HasPrefix(k, chat.ExtensionTag) && (e.o.Webhooks == nil || !e.o.Webhooks.SelectsBy(k))
		})
	}
	extensions, ignored := chat.ExtensionsOf(carried.Tags)
	if before := r.state.Load(); before == nil || before.carried == nil || !maps.Equal(before.carried.Tags, carried.Tags) {
		for _, err := range ignored {
			e.o.Log.LogAttrs(ctx, slog.LevelWarn, "A tag of a room is ignored", slog.String("room", r.id), slog.Any("error", err))
		}
	}
	r.kept.KeepRing(extensions.History > 0 && e.o.History != nil)
	r.keepWatch(e, extensions.Presence)
	r.keepLog(e, &extensions)
	return &roomState{settings: settings, extensions: extensions, carried: &carried}
}

// add makes the session a member. e is what other nodes know of its client, or nil.
func (r *room) add(s *Session, e *catchup.Elsewhere) {
	r.members.Add(&s.member, func() {
		if last := s.engine.kicks.LastIn(r.id); s.member.Joined.Before(last) {
			s.member.Joined = last
		}
		s.takePlaceLocked(e)
	})
}

// keepWatch makes or removes the room's Watcher. The caller holds r.loading.
func (r *room) keepWatch(e *Engine, presence chat.Presence) {
	if e.o.Watch != nil {
		r.members.Watch(presence, func() members.Watcher { return e.o.Watch(r.id, presence, r.audience) })
	}
}
