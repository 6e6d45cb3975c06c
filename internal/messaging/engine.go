package messaging

import (
	"context"
	"log/slog"
	"maps"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"confab/internal/chat"
	"confab/internal/ending"
	"confab/internal/kicks"
	"confab/internal/members"
	"confab/internal/poll"
	"confab/internal/quota"
	"confab/internal/recent"
	"confab/internal/verdicts"
)

// Options are the options of an Engine. All fields without a comment are required.
type Options struct {
	Rooms      Rooms
	Tokens     Tokens
	Reviewer   Reviewer
	Transcript Transcript
	// Connect makes the links to the other nodes once the engine exists. Nil means a single node.
	Connect func(*Engine) (Broker, Home)
	// NewAudience makes the fan-out of one live room.
	NewAudience func() Audience
	// Quotas are the account's. Nil sets none.
	Quotas *quota.Set
	// OtherConnections returns how many connections the other nodes have, for the
	// account's quota. Nil means none.
	OtherConnections func() int
	// UserElsewhere reports whether a user has sessions in a room on other nodes, or whether
	// that is unknown. It calls Beside there. Nil means that there are no other nodes.
	UserElsewhere func(ctx context.Context, roomID, userID string) bool
	// RefreshedElsewhere asks the other nodes for what Engine.Refreshed tells of this one.
	// Nil means that there are none.
	RefreshedElsewhere func(ctx context.Context, roomID, userID string, agent uint64) bool
	// ReadAgain is how old the settings of a live room may become before it is read
	// again, in case a notice of its change was lost. 0 relies on notices.
	ReadAgain time.Duration
	// CloseOnRoomDelete ends the sessions of a deleted room. The service itself keeps
	// them until their time is over.
	CloseOnRoomDelete bool
	// Bans says who may not join or send. Nil means that there are no bans.
	Bans Bans
	// Disconnected is called at the home, before the answer, for a moderator's DisconnectUser
	// in a room with the tag confab:disconnect-ban, or without history (ban is 0), perhaps
	// twice. Nil does nothing.
	Disconnected func(ctx context.Context, op *Operation, room *chat.Room, ban time.Duration) error
	// Rules decide about the messages of clients.
	Rules Rules
	// History is read for clients that join rooms with history. Nil means none.
	History History
	// RingBytes bounds the messages that all rooms keep in memory for clients that join;
	// 0 is 256 MiB. Rooms above it read the history again.
	RingBytes int64
	// Watch makes the Watcher of a room that becomes live, or whose tags change. Nil means
	// that no room is watched.
	Watch func(roomID string, presence chat.Presence, to Audience) members.Watcher
	// LastDelivered returns the last frame of a room that this node has delivered, if it had one
	// within the last minute. Nil is right for a single node.
	LastDelivered func(roomID string) recent.Delivered
	// CatchUp is for clients that come back.
	CatchUp CatchUp
	// Webhooks knows which webhooks get frames. Nil means that there are none.
	Webhooks Webhooks
	// Extensions is set if the tags of rooms set what Confab adds.
	Extensions bool
	Metrics    *Metrics
	Log        *slog.Logger
	// Now is the clock. Nil means time.Now.
	Now func() time.Time
}

// Engine holds the rooms that are live on this node. Its methods may be called
// from any goroutine. Close it when no session is left.
type Engine struct {
	o       Options
	now     func() time.Time
	broker  Broker
	home    Home
	actions map[chat.Action]*actionMetrics

	connections atomic.Int64
	verdicts    *verdicts.Verdicts
	kicks       *kicks.Recent

	// mu guards rooms. A room leaves the map only under the full lock and when it is
	// unused, so a caller that found it under the read lock may increment its uses.
	mu    sync.RWMutex
	rooms map[string]*room
	born  int64 // room.born of the newest room; guarded by mu

	stop    context.CancelFunc
	stopped chan struct{}
}

// NewEngine returns an engine that is ready for sessions.
func NewEngine(o Options) *Engine {
	ctx, stop := context.WithCancel(context.Background())
	e := &Engine{
		o:       o,
		now:     o.Now,
		rooms:   make(map[string]*room),
		actions: newActionMetrics(o.Metrics),
		stop:    stop,
		stopped: make(chan struct{}),

		verdicts: verdicts.New(),
		kicks:    kicks.New(),
	}
	if e.now == nil {
		e.now = time.Now
	}
	if e.o.Rules.Clock == nil {
		e.o.Rules.Clock = e.now
	}
	if e.o.Quotas == nil {
		e.o.Quotas = quota.Off()
	}
	if o.Connect != nil {
		e.broker, e.home = o.Connect(e)
	} else {
		e.broker, e.home = local{e}, local{e}
	}
	go e.sweep(ctx)
	return e
}

// Close stops the engine's own work. It does not end sessions.
func (e *Engine) Close() {
	e.stop()
	<-e.stopped
}

// Connections returns how many sessions there are on this node.
func (e *Engine) Connections() int { return int(e.connections.Load()) }

// LiveRooms returns the ids of the rooms that are live on this node.
func (e *Engine) LiveRooms() []string {
	e.mu.RLock()
	defer e.mu.RUnlock()
	return slices.Collect(maps.Keys(e.rooms))
}

// SendEvent delivers an application's event to everybody in the room and returns the
// event's id. The caller has checked its name and attributes.
func (e *Engine) SendEvent(ctx context.Context, roomID, name string, attributes map[string]string) (string, error) {
	return e.askHome(ctx, Operation{Action: chat.ActionSendEvent, RoomID: roomID, EventName: name, Attributes: attributes})
}

// DeleteMessage tells everybody in the room to remove the message, and returns the id of
// that event. The service keeps no messages, so any well-formed id succeeds. by is the ARN
// of the principal who asks.
func (e *Engine) DeleteMessage(ctx context.Context, roomID, messageID, reason, by string) (string, error) {
	return e.askHome(ctx, Operation{Action: chat.ActionDeleteMessage, RoomID: roomID, Target: messageID, Reason: reason, By: by})
}

// DisconnectUser ends all sessions of the user in the room, after an event that tells
// everybody. An absent user is not an error. by is the ARN of the principal who asks.
func (e *Engine) DisconnectUser(ctx context.Context, roomID, userID, reason, by string) error {
	_, err := e.askHome(ctx, Operation{Action: chat.ActionDisconnectUser, RoomID: roomID, Target: userID, Reason: reason, By: by})
	return err
}

// askHome asks the room's home to carry out an operation that came over HTTP.
func (e *Engine) askHome(ctx context.Context, op Operation) (string, error) {
	op.Received, op.ID = e.now(), chat.NewID()
	return e.home.Do(ctx, op)
}

// RoomChanged makes every node read the room again, after it was updated or deleted. This
// node has read it when RoomChanged returns.
func (e *Engine) RoomChanged(ctx context.Context, roomID string) {
	if err := e.broker.RoomChanged(ctx, roomID); err != nil {
		e.o.Log.LogAttrs(ctx, slog.LevelWarn, "Other nodes not notified of a changed room; they read it again later",
			slog.String("room", roomID), slog.Any("error", err))
	}
}

// Reload reads the room again if it is live here. The Broker calls it.
func (e *Engine) Reload(ctx context.Context, roomID string) {
	if r := e.find(roomID); r != nil {
		defer r.release(e)
		e.load(ctx, r)
	}
}

// ReloadAll makes the engine read all live rooms again within seconds. It is called when
// notices may have been lost.
func (e *Engine) ReloadAll() {
	e.mu.RLock()
	defer e.mu.RUnlock()
	for _, r := range e.rooms {
		r.stale.Store(true)
	}
}

// Deliver delivers a frame to everybody who is in its room on this node. The Broker calls
// it, in the order of the room's frames.
func (e *Engine) Deliver(f *chat.Frame) {
	if f.DisconnectUser != "" {
		defer e.endUser(f, ending.KickedBy(f.JSON))
	}
	if f.Said != nil && e.o.Rules.Said != nil {
		e.o.Rules.Said(f)
	}
	r := e.find(f.RoomID)
	if r == nil {
		return
	}
	defer r.release(e)
	n := r.deliver(f)
	e.o.Rules.Traces.Delivered(&r.traces, f, n)
	if m := e.actions[f.Action]; m != nil {
		m.deliveries.Add(float64(n))
	}
}

// Kick ends the sessions of the user that the frame disconnects. The Broker calls it for
// frames that are part of the room's order and are not delivered here. Only these
// sessions get the frame, as their last one.
func (e *Engine) Kick(f *chat.Frame) {
	why := ending.KickedBy(f.JSON)
	why.Event = string(f.JSON)
	e.endUser(f, why)
}

// endUser ends the sessions of the user that the frame disconnects, and remembers it for
// requests of those sessions that are on their way.
func (e *Engine) endUser(f *chat.Frame, why ending.Way) {
	r := e.findOr(f.RoomID, func() { e.kicks.Deliver(f, e.now()) })
	if r == nil {
		return
	}
	defer r.release(e)
	r.members.Kick(f.DisconnectUser, f.Point(), why, func() {
		e.kicks.Deliver(f, e.now())
		if log := r.kept.Log(); log != nil {
			log.Void(f.DisconnectUser, f.Point())
		}
	})
}

// acquire returns the live room, and loads it if it is not live yet. If the room cannot be read, it
// uses the settings that another node has carried here, if any. The caller releases the room. The
// error is NotFound for a room that does not exist, and Unavailable if that is unknown.
func (e *Engine) acquire(ctx context.Context, roomID string, carried *chat.Room) (*room, *chat.Room, error) {
	r := e.find(roomID)
	if r == nil {
		r = e.list(roomID)
	}
	within := readWithin
	if carried != nil {
		within = readCarried
	}
	e.loadOnce(ctx, r, within)
	if carried != nil {
		r.goBy(carried)
	}
	settings, err := r.settings()
	if err != nil {
		r.release(e)
		return nil, nil, err
	}
	return r, settings, nil
}

// find returns the room if it is live, or nil. The caller releases it.
func (e *Engine) find(roomID string) *room { return e.findOr(roomID, func() {}) }

// findOr calls absent if the room is not live. No session joins the room meanwhile.
func (e *Engine) findOr(roomID string, absent func()) *room {
	e.mu.RLock()
	defer e.mu.RUnlock()
	r := e.rooms[roomID]
	if r == nil {
		absent()
		return nil
	}
	r.uses.Add(1)
	return r
}

// list makes the room live before it is read. So a change that is committed during the
// read finds the room in the map and makes it stale. The caller releases it.
func (e *Engine) list(roomID string) *room {
	e.mu.Lock()
	defer e.mu.Unlock()
	r := e.rooms[roomID]
	if r == nil {
		e.born = max(e.now().UnixNano(), e.born+1) // The clock may have been set back.
		r = &room{id: roomID, audience: e.o.NewAudience(), born: uint64(e.born)}
		r.kept.Begin(r.audience)
		e.rooms[roomID] = r
		e.o.Metrics.LiveRooms.Inc()
	}
	r.uses.Add(1)
	return r
}

// lingerFor is how long a room stays live after its last use. By then its rate is full
// again, so leaving and coming back gains nothing.
const lingerFor = 5 * time.Second

// sweep removes unused rooms and reads the stale ones again.
func (e *Engine) sweep(ctx context.Context) {
	defer close(e.stopped)
	for poll.Sleep(ctx, time.Second) {
		e.verdicts.Expire(e.now())
		e.kicks.Expire(e.now())
		boundRings(e)
		stale, left := e.sweepOnce()
		for _, r := range left {
			e.broker.Leave(r.id)
		}
		for _, r := range stale {
			if ctx.Err() == nil { // Each read may take readWithin. Close does not wait for all.
				e.load(ctx, r)
			}
			r.release(e)
		}
	}
}

// passed reports whether a time is that long ago, or that far ahead: the clock was set back.
func (e *Engine) passed(since *atomic.Int64, d time.Duration) bool {
	ago := time.Duration(e.now().UnixNano() - since.Load())
	return ago >= d || ago <= -d
}

// sweepOnce removes unused rooms. It returns the stale ones, acquired, and those that it
// has removed and whose frames need not come any more.
func (e *Engine) sweepOnce() (stale, left []*room) {
	e.mu.Lock()
	defer e.mu.Unlock()
	for id, r := range e.rooms {
		if log := r.kept.Log(); log != nil && log.Expire() {
			r.usedAt.Store(e.now().UnixNano()) // Its clients may come back.
		}
		switch {
		case r.uses.Load() == 0 && e.passed(&r.usedAt, lingerFor):
			delete(e.rooms, id)
			r.members.Unwatch(true)
			r.kept.Close()
			e.o.Metrics.LiveRooms.Dec()
			if r.entered.Load() != nil {
				left = append(left, r)
			}
		case r.stale.Load(), e.o.ReadAgain > 0 && e.passed(&r.readAt, e.o.ReadAgain):
			r.uses.Add(1)
			stale = append(stale, r)
		}
	}
	return stale, left
}
