package catchup

import (
	"errors"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/go-json-experiment/json"

	"confab/internal/chat"
)

// state is what a server that stops leaves to the next process: where clients were, and the
// frames that they miss.
type state struct {
	Rooms map[string]*roomState `json:"rooms"`
}

type roomState struct {
	Frames Page         `json:"frames"`
	Places []savedPlace `json:"places"`
}

type savedPlace struct {
	User  string     `json:"user"`
	Agent uint64     `json:"agent"`
	At    chat.Point `json:"at"`
	Until time.Time  `json:"until"`
}

// OpenMemory returns a Memory of at most limit bytes, which continues with what Save of the
// previous process has written to the file. What cannot be read is lost: those clients get
// no missed frames.
func OpenMemory(limit int64, path string) *Memory {
	m := NewMemory(limit)
	m.path = path
	b, err := os.ReadFile(path)
	if err != nil {
		return m
	}
	var s state
	if json.Unmarshal(b, &s) == nil {
		maps.DeleteFunc(s.Rooms, func(_ string, r *roomState) bool { return r == nil })
		m.saved = s.Rooms
		time.AfterFunc(savedFor, func() {
			m.mu.Lock()
			defer m.mu.Unlock()
			m.saved = nil
		})
	}
	os.Remove(path) // The next Save replaces what stays.
	return m
}

// savedFor is the longest time for which a place may last.
const savedFor = 10 * time.Minute

// Continue gives a new log of a room what was saved of that room. Save will write the log.
func (m *Memory) Continue(roomID string, l *Log) {
	m.mu.Lock()
	r := m.saved[roomID]
	delete(m.saved, roomID)
	l.room = roomID
	m.logs[l] = true
	m.mu.Unlock()
	if r == nil {
		return
	}
	if r.Frames.From != (chat.Point{}) { // Else they are damaged.
		l.Prepend([]Page{r.Frames}, r.Frames.From)
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, p := range r.Places {
		if left := time.Until(p.Until); left > 0 {
			l.addLocked(Client{p.User, p.Agent}, l.placeLocked(&Found{At: p.At, Left: int64(left)}, time.Now()))
		}
	}
}

// Left returns the rooms that are not live yet and of which the previous process has saved places
// of a user: of one room, or of all for "".
func (m *Memory) Left(roomID, userID string) (rooms []string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	has := func(r *roomState) bool {
		return r != nil && slices.ContainsFunc(r.Places, func(p savedPlace) bool { return p.User == userID })
	}
	if roomID != "" {
		if has(m.saved[roomID]) {
			rooms = append(rooms, roomID)
		}
		return rooms
	}
	for id, r := range m.saved {
		if has(r) {
			rooms = append(rooms, id)
		}
	}
	return rooms
}

// Save writes, for OpenMemory, the places of clients that have lost their connections, and
// the frames that they miss. It is called when no session is left.
func (m *Memory) Save() error {
	if m.path == "" {
		return nil
	}
	s := state{Rooms: map[string]*roomState{}}
	m.mu.Lock()
	maps.Copy(s.Rooms, m.saved) // No client has come back to these rooms yet.
	logs := maps.Clone(m.logs)
	m.mu.Unlock()
	for l := range logs {
		if r := l.save(); len(r.Places) > 0 {
			s.Rooms[l.room] = r
		}
	}
	if len(s.Rooms) == 0 {
		if err := os.Remove(m.path); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		return nil
	}
	b, err := json.Marshal(s)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(m.path), 0o700); err != nil {
		return err
	}
	return os.WriteFile(m.path, b, 0o600)
}

// save returns what one log leaves.
func (l *Log) save() *roomState {
	now := time.Now()
	l.memory.mu.Lock()
	r := &roomState{}
	oldest := l.end
	for c := range l.places {
		for _, p := range l.validLocked(c, now) {
			if p.taker == "" {
				oldest = min(oldest, p.number)
				r.Places = append(r.Places, savedPlace{c.UserID, c.Agent, l.pointOfLocked(p.number), p.until})
			}
		}
	}
	after, last := l.pointOfLocked(oldest), l.pointOfLocked(l.end)
	l.memory.mu.Unlock()
	r.Frames = l.Read(after, last, int(l.memory.limit))
	if r.Frames.From.Compare(after) < 0 {
		r.Frames.From = after
	}
	return r
}
