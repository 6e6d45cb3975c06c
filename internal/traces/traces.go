// Package traces remembers the outcome of the last attempts to send a message in each room:
// who sent it, whether it was delivered, changed, refused or hidden, by which rule, and how
// long each step took. It never has the content of a message.
//
//	traces.go    an attempt, and the memory of all rooms of this node
//	recorder.go  a message on its way: its stages, and the rule that decides
//	log.go       the attempts of one room
//	counts.go    how many connections of this node got a room's messages
//	erase.go     what EraseUser removes
//	gather.go    the attempts of all nodes, as ListMessageTraces shows them
//
// An attempt is recorded where its outcome is known: at the home of the room, or on the
// node of the session if it is refused there. When the memory of a room is full, a new attempt
// overwrites the oldest one, so it allocates nothing.
package traces

import (
	"cmp"
	"context"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"confab/internal/chat"
)

const (
	// perRoom is how many attempts are remembered for one room.
	perRoom = 500
	// NodeBytes is the limit of a node's memory, in bytes, unless New gets another one.
	NodeBytes = 64 << 20
)

// Result is the outcome of an attempt.
type Result uint8

// The results. Nodes exchange their numbers, so new ones must be added at the end.
const (
	Delivered Result = iota + 1
	Changed          // delivered, but not as it was sent
	Refused
	Hidden // delivered to its sender only
)

var results = [...]string{Delivered: "DELIVERED", Changed: "CHANGED", Refused: "REFUSED", Hidden: "HIDDEN"}

// String returns the result as the API has it.
func (r Result) String() string {
	if int(r) < len(results) {
		return results[r]
	}
	return ""
}

// ResultOf returns the Result with this name in the API, or 0.
func ResultOf(name string) Result { return Result(max(slices.Index(results[:], name), 0)) }

// Stage is a part of the path of a message.
type Stage int

// The stages.
const (
	Filter     Stage = iota // content filters
	Review                  // the message review handler
	Transcript              // the wait until the frame is durable
	Publish                 // the rest, until the frame survives the loss of a node
	Stages
)

// Attempt is one attempt to send a message.
type Attempt struct {
	// Time is when the service received the request.
	Time time.Time `json:"time"`
	// ID is the message's id. It is empty if the message was refused before it had one.
	ID     string `json:"id,omitzero"`
	UserID string `json:"user"`
	Result Result `json:"result"`
	// Rule names the rule that refused, changed or hid the message.
	Rule string `json:"rule,omitzero"`
	// ErrorCode and ErrorMessage are those of the ERROR frame.
	ErrorCode    int    `json:"code,omitzero"`
	ErrorMessage string `json:"message,omitzero"`
	// Spent is the time of each stage, and Total that of the attempt, in microseconds.
	Spent [Stages]uint32 `json:"spent,omitzero"`
	Total uint32         `json:"total,omitzero"`
	// Unsure is set by the node of a session if the home did not answer: then the home may
	// have recorded another outcome.
	Unsure bool `json:"unsure,omitzero"`
}

// Micros converts a duration to microseconds, as Attempt has them.
func Micros(d time.Duration) uint32 {
	return uint32(min(max(d.Microseconds(), 0), 1<<32-1))
}

// Add adds time that a stage took.
func (a *Attempt) Add(s Stage, d time.Duration) { a.Spent[s] += Micros(d) }

// Memory has the attempts of all rooms on one node, for the time that they fit into its
// limit. Its methods are safe for concurrent use. A nil Memory records nothing.
type Memory struct {
	// Node is the name of this node. AskOthers sends a question to the other nodes, which
	// call Answer, and returns the answers; it is nil on a single node. Both must be set
	// before the first call of List.
	Node      string
	AskOthers func(ctx context.Context, body []byte) (answers map[string][]byte, complete bool)

	limit   int64
	erasing erasing
	hidden  hidden

	mu    sync.Mutex // guards what follows, and log.bytes. It may be taken with a log locked.
	bytes int64
	rooms map[string]*log
}

// New returns a Memory of at most limit bytes; 0 is NodeBytes.
func New(limit int64) *Memory {
	return &Memory{limit: cmp.Or(limit, NodeBytes), rooms: map[string]*log{}}
}

// Place is a pointer from a live room to its log, so that the common case needs no lookup.
// The zero Place is ready.
type Place struct{ log atomic.Pointer[log] }

// Record records an attempt. at is the Place of the live room, or nil. The Memory keeps no
// reference to a.
func (m *Memory) Record(at *Place, roomID string, a *Attempt) {
	if m == nil {
		return
	}
	l := m.at(at, roomID)
	l.touch(a.Time.UnixNano())
	l.mu.Lock()
	defer l.mu.Unlock()
	if !m.erasing.has(roomID, a) {
		l.addLocked(m, a)
	}
}

// Delivered notes that n connections of this node got a frame. Calls for one room are made
// one after another. It takes no lock, unless the memory of the room grows.
func (m *Memory) Delivered(at *Place, f *chat.Frame, n int) {
	if m == nil || n == 0 || f.Type != chat.MessageFrame {
		return
	}
	l := m.at(at, f.RoomID)
	l.touch(f.Time.UnixNano())
	if more := l.counts.add(f.ID, n); more > 0 {
		m.grow(l, more)
	}
}

// at returns the log of a room, and makes it if there is none.
func (m *Memory) at(at *Place, roomID string) *log {
	if at != nil {
		if l := at.log.Load(); l != nil && !l.gone.Load() { // The common case takes no lock.
			return l
		}
	}
	m.mu.Lock()
	l := m.rooms[roomID]
	if l == nil {
		l = &log{bytes: int64(logOverhead + len(roomID))}
		m.rooms[roomID] = l
		m.bytes += l.bytes
	}
	m.mu.Unlock()
	if at != nil {
		at.log.Store(l)
	}
	return l
}

// find returns the log of a room, or nil.
func (m *Memory) find(roomID string) *log {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.rooms[roomID]
}

// grow counts memory that a log has taken. If all logs together have too much, it discards
// those whose last attempt is the oldest.
func (m *Memory) grow(l *log, by int) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if l.gone.Load() {
		return
	}
	l.bytes += int64(by)
	if m.bytes += int64(by); m.bytes <= m.limit {
		return
	}
	type state struct {
		room string
		last int64
	}
	all := make([]state, 0, len(m.rooms))
	for room, l := range m.rooms {
		all = append(all, state{room, l.last.Load()})
	}
	slices.SortFunc(all, func(a, b state) int { return cmp.Compare(a.last, b.last) })
	for _, s := range all {
		if m.bytes <= m.limit/8*7 { // So this is not necessary at each attempt.
			return
		}
		l := m.rooms[s.room]
		delete(m.rooms, s.room)
		l.gone.Store(true)
		m.bytes -= l.bytes
	}
}

// Bytes returns about how much memory the attempts take.
func (m *Memory) Bytes() int64 {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.bytes
}
