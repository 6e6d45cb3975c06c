// Package messagingtest has what tests of live rooms need around an engine, in memory:
// the database that engines read rooms from and write frames to, audiences that record
// what they get, and clients that record how they ended. Faults are switched on by
// methods.
package messagingtest

import (
	"context"
	"net/netip"
	"slices"
	"sync"
	"testing"

	"confab/internal/chat"
)

// Account and Region are those of the rooms.
const (
	Account = "123456789012"
	Region  = "us-west-2"
)

// ARN returns the ARN of a room.
func ARN(id string) chat.ARN {
	return chat.ARN{Region: Region, Account: Account, Type: chat.RoomResource, ID: id}
}

// NewRoom returns a room with the default settings of IVS Chat.
func NewRoom(id string) *chat.Room {
	return &chat.Room{ARN: ARN(id), MaximumMessageLength: 500, MaximumMessageRatePerSecond: 10}
}

// Store implements messaging.Rooms, Tokens, Transcript and Reviewer. Several engines may
// share one, as nodes share a database.
type Store struct {
	mu       sync.Mutex
	rooms    map[string]*chat.Room
	failing  error
	silent   bool
	reads    int
	spent    map[[16]byte]bool
	appended []*chat.Frame
	commits  *Commits
	review   func(*chat.Message) (*chat.Message, error)
	fallback bool
	unstored bool
}

// NewStore returns a store with these rooms, which answers everything at once.
func NewStore(rooms ...*chat.Room) *Store {
	s := &Store{rooms: make(map[string]*chat.Room), spent: make(map[[16]byte]bool)}
	for _, r := range rooms {
		s.rooms[r.ARN.ID] = r
	}
	return s
}

// Room implements messaging.Rooms.
func (s *Store) Room(ctx context.Context, id string) (*chat.Room, error) {
	s.mu.Lock()
	s.reads++
	failing, silent := s.failing, s.silent
	var room *chat.Room
	if r := s.rooms[id]; r != nil {
		room = r.Clone()
	}
	s.mu.Unlock()
	switch {
	case silent:
		<-ctx.Done()
		return nil, ctx.Err()
	case failing != nil:
		return nil, failing
	case room == nil:
		return nil, chat.NoSuchResource(ARN(id))
	}
	return room, nil
}

// Change changes a room without telling any engine.
func (s *Store) Change(id string, change func(*chat.Room)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	change(s.rooms[id])
}

// ChangeAll changes every room without telling any engine.
func (s *Store) ChangeAll(change func(*chat.Room)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, r := range s.rooms {
		change(r)
	}
}

// Add adds a room, or replaces it.
func (s *Store) Add(room *chat.Room) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.rooms[room.ARN.ID] = room
}

// Remove deletes a room without telling any engine.
func (s *Store) Remove(id string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.rooms, id)
}

// RoomIDs returns the ids of all rooms.
func (s *Store) RoomIDs() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	var ids []string
	for id := range s.rooms {
		ids = append(ids, id)
	}
	return ids
}

// FailReads makes reads of rooms return err. With nil they succeed again.
func (s *Store) FailReads(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.failing = err
}

// Silence makes reads of rooms wait until their context ends, or answer again.
func (s *Store) Silence(silent bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.silent = silent
}

// Reads returns how often a room was read.
func (s *Store) Reads() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.reads
}

// Redeem implements messaging.Tokens.
func (s *Store) Redeem(_ context.Context, t *chat.Token, _ netip.Addr) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.spent[t.ID] {
		return chat.Errorf(chat.Unauthenticated, "The chat token was used before")
	}
	s.spent[t.ID] = true
	return nil
}

// Spent returns how many tokens were redeemed.
func (s *Store) Spent() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.spent)
}

// Review implements messaging.Reviewer. Without ReviewWith messages pass as they are.
func (s *Store) Review(_ context.Context, _ *chat.Room, m *chat.Message, _ string) (reviewed *chat.Message, fallback bool, err error) {
	s.mu.Lock()
	review, fallback := s.review, s.fallback
	s.mu.Unlock()
	if review == nil {
		return m, fallback, nil
	}
	reviewed, err = review(m)
	return reviewed, fallback, err
}

// FallBack makes reviews say that the fallback result has decided.
func (s *Store) FallBack() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.fallback = true
}

// ReviewWith makes review decide about the messages that an engine asks about.
func (s *Store) ReviewWith(review func(*chat.Message) (*chat.Message, error)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.review = review
}

// Append implements messaging.Transcript.
func (s *Store) Append(f *chat.Frame) <-chan struct{} {
	s.mu.Lock()
	s.appended = append(s.appended, f)
	commits := s.commits
	s.mu.Unlock()
	if commits == nil {
		durable := make(chan struct{})
		close(durable)
		return durable
	}
	return commits.hold()
}

// Queue implements messaging.Transcript.
func (s *Store) Queue(f *chat.Frame) <-chan struct{} { return s.Append(f) }

// Write implements messaging.Transcript.
func (s *Store) Write() {}

// Failing implements messaging.Transcript.
func (s *Store) Failing() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.unstored
}

// FailAppends makes the transcript say that it stores nothing now.
func (s *Store) FailAppends() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.unstored = true
}

// Appended returns the frames of the transcript, the oldest first, durable or not.
func (s *Store) Appended() []*chat.Frame {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clip(s.appended)
}

// HoldCommits makes the frames that are appended from now on wait to become durable.
func (s *Store) HoldCommits(t testing.TB) *Commits {
	c := &Commits{Held: make(chan struct{}, 1000), released: make(chan struct{})}
	t.Cleanup(c.Release)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.commits = c
	return c
}

// Commits are frames that wait to become durable.
type Commits struct {
	// Held receives a value for each frame that begins to wait.
	Held     chan struct{}
	released chan struct{}
	once     sync.Once
}

// Release makes the waiting frames durable, and ends the holding.
func (c *Commits) Release() { c.once.Do(func() { close(c.released) }) }

func (c *Commits) hold() <-chan struct{} {
	select {
	case c.Held <- struct{}{}:
	default:
	}
	return c.released
}
