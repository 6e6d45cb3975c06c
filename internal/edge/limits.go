package edge

import (
	"context"
	"runtime/metrics"
	"sync"
	"time"

	"confab/internal/chat"
)

// Limits bound the connections of a node. 0 sets no limit.
type Limits struct {
	// ConnectRate, ConnectRatePerUser and ConnectRatePerAddress are handshakes a second.
	// Faster ones are delayed, and refused only when they would wait too long.
	ConnectRate           float64
	ConnectRatePerUser    float64
	ConnectRatePerAddress float64
	// MaxConnections is the limit of the node. A handshake waits for a free place.
	MaxConnections int
	// MaxConnectionsPerRoom, MaxConnectionsPerUser (in one room) and
	// MaxConnectionsPerAddress limit each of these. Beyond them a handshake is refused,
	// because it is unknown when a place becomes free.
	MaxConnectionsPerRoom    int
	MaxConnectionsPerUser    int
	MaxConnectionsPerAddress int
	// MaxMemory is how many bytes the process may use before handshakes have to wait.
	MaxMemory int64
}

// places counts the connections of each key (a room, a user, an address). A nil places
// has no limit.
type places struct {
	limit int
	// mu guards taken.
	mu    sync.Mutex
	taken map[string]int
}

func newPlaces(limit int) *places {
	if limit <= 0 {
		return nil
	}
	return &places{limit: limit, taken: make(map[string]int)}
}

// take takes a place and returns the function that releases it, or nil if none is free.
func (p *places) take(key string) (giveBack func()) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.taken[key] >= p.limit {
		return nil
	}
	p.taken[key]++
	return func() {
		p.mu.Lock()
		defer p.mu.Unlock()
		if p.taken[key]--; p.taken[key] == 0 {
			delete(p.taken, key)
		}
	}
}

// count returns how many places of key are taken.
func (p *places) count(key string) int {
	if p == nil {
		return 0
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.taken[key]
}

// settle takes all places of a connection and returns the function that releases them, or
// nil if there are no limits.
func (e *Endpoint) settle(room, user, address string) (giveBack func(), err error) {
	for _, p := range []struct {
		places *places
		key    string
		whose  string
	}{
		{e.perRoomPlaces, room, "The room"},
		{e.perUserPlaces, user, "The user"},
		{e.perAddressPlaces, address, "The address"},
	} {
		if p.places == nil {
			continue
		}
		this := p.places.take(p.key)
		if this == nil {
			if giveBack != nil {
				giveBack()
			}
			return nil, chat.Errorf(chat.QuotaExceeded, "%s has as many connections to this server as it may have: %d", p.whose, p.places.limit)
		}
		if others := giveBack; others != nil {
			giveBack = func() { others(); this() }
		} else {
			giveBack = this
		}
	}
	return giveBack, nil
}

// memory checks whether the process uses more than its limit. A nil memory has no limit.
type memory struct {
	limit int64
	used  func() int64
	// mu guards asked and over.
	mu    sync.Mutex
	asked time.Time
	over  bool
}

// memoryEach is how often memory is checked.
const memoryEach = 100 * time.Millisecond

func newMemory(limit int64) *memory {
	if limit <= 0 {
		return nil
	}
	return &memory{limit: limit, used: memoryUsed}
}

// memoryUsed returns how much of the system's memory Go holds in this process.
func memoryUsed() int64 {
	sample := []metrics.Sample{{Name: "/memory/classes/total:bytes"}, {Name: "/memory/classes/heap/released:bytes"}}
	metrics.Read(sample)
	return int64(sample[0].Value.Uint64() - sample[1].Value.Uint64())
}

// full reports whether the process uses more than its limit.
func (m *memory) full() bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	if now := time.Now(); now.Sub(m.asked) >= memoryEach {
		m.asked, m.over = now, m.used() > m.limit
	}
	return m.over
}

// wait waits until there is memory. It returns false if that takes too long or if ctx or
// stopping ends first.
func (m *memory) wait(ctx context.Context, stopping <-chan struct{}) bool {
	if m == nil || !m.full() {
		return true
	}
	end := time.NewTimer(maxHold)
	defer end.Stop()
	tick := time.NewTicker(memoryEach)
	defer tick.Stop()
	for m.full() {
		select {
		case <-tick.C:
		case <-end.C:
			return false
		case <-stopping:
			return false
		case <-ctx.Done():
			return false
		}
	}
	return true
}
