package modes

import (
	"context"
	"sync"
	"time"

	"confab/internal/chat"
)

// Modes remembers who has sent messages in rooms with slow mode or repeat. Its methods are
// safe for concurrent use.
type Modes struct {
	// Ask sends a question to the other nodes, which answer with Answer. Nil means that
	// there are none.
	Ask func(ctx context.Context, body []byte) map[string][]byte

	mu    sync.Mutex // mu guards the fields below.
	rooms map[string]*memory
	swept int64
}

// New returns a Modes without memories.
func New() *Modes { return &Modes{rooms: map[string]*memory{}} }

// memory is what is remembered of one room. Modes.mu guards it.
type memory struct {
	users map[string]turn
	said  map[[16]byte]turn
	// order has the keys of said, the oldest first.
	order [][16]byte
	used  int64
	// epoch is the turn for which the other nodes were asked, and asked is closed when they
	// have answered.
	epoch uint64
	asked chan struct{}
}

// turn is one message. Its times are in nanoseconds since 1970.
type turn struct {
	id        string
	at, until int64
}

// wait is how long another message has to wait after this one.
func (t *turn) wait(id string, period time.Duration, now int64) time.Duration {
	if period == 0 || t.at == 0 || t.id == id {
		return 0
	}
	// The clock of another node may be ahead.
	return min(time.Duration(t.at-now)+period, period)
}

const (
	mostSaid = 10_000 // hashes of one room
	// sweepEvery is how often what no longer matters is removed, and forgotten is how long
	// a room is remembered that was not used.
	sweepEvery = int64(time.Minute)
	forgotten  = int64(10 * time.Minute)
)

func (m *Modes) roomLocked(id string, now int64) *memory {
	if now-m.swept > sweepEvery {
		m.swept = now
		for id, r := range m.rooms {
			if r.sweep(now); len(r.users) == 0 && len(r.said) == 0 && now-r.used > forgotten {
				delete(m.rooms, id)
			}
		}
	}
	r := m.rooms[id]
	if r == nil {
		r = &memory{users: map[string]turn{}, said: map[[16]byte]turn{}}
		m.rooms[id] = r
	}
	r.used = now
	return r
}

// put records a message. The hash is zero in a room without repeat.
func (r *memory) put(user string, hash [16]byte, t turn) {
	r.users[user] = t
	if hash != ([16]byte{}) {
		r.putSaid(hash, t)
	}
}

func (r *memory) putSaid(hash [16]byte, t turn) {
	if _, known := r.said[hash]; !known {
		if len(r.order) >= mostSaid {
			delete(r.said, r.order[0])
			r.order = r.order[1:]
		}
		r.order = append(r.order, hash)
	}
	r.said[hash] = t
}

// sweep removes what is no longer needed.
func (r *memory) sweep(now int64) {
	for user, t := range r.users {
		if t.until <= now {
			delete(r.users, user)
		}
	}
	left := r.order[:0:0]
	for _, hash := range r.order {
		if r.said[hash].until <= now {
			delete(r.said, hash)
		} else {
			left = append(left, hash)
		}
	}
	r.order = left
}

// Remember implements messaging.Rules.Said: it notes a message that this node has.
func (m *Modes) Remember(f *chat.Frame) {
	m.mu.Lock()
	defer m.mu.Unlock()
	r := m.roomLocked(f.RoomID, f.Said.At)
	r.merge(f.UserID, f.Said.Hash, turn{id: f.ID, at: f.Said.At, until: f.Said.Until})
}

// merge records a message that may be older than those that are recorded.
func (r *memory) merge(user string, hash [16]byte, t turn) {
	if user != "" && r.users[user].at <= t.at {
		r.users[user] = t
	}
	if hash != ([16]byte{}) && r.said[hash].at <= t.at {
		r.putSaid(hash, t)
	}
}
