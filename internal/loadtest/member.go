package loadtest

import (
	"context"
	"sync"
	"sync/atomic"
	"time"

	"confab/internal/chatroom"
)

// member is one connection.
type member struct {
	load  *load
	name  string
	room  *chatroom.Room
	there atomic.Bool // whether it is connected
	ended atomic.Bool // whether it does not connect again

	mu    sync.Mutex // guards what follows
	since time.Time  // of its present connection; zero is none
	lost  []time.Time
	seen  []uint64 // bits: messages that were delivered to it
	last  int64    // the place of the message before
}

// live keeps the connection until ctx ends, and comes back for as long as the server is away.
// If the first attempts fail, it ends, so that a run without any connection ends with an error.
// first is called once the first attempts succeeded or failed.
func (m *member) live(ctx context.Context, first func()) {
	l, begin := m.load, time.Now()
	var once sync.Once
	m.room = chatroom.New(chatroom.Options{
		URL:    l.o.URL,
		Token:  func(ctx context.Context) (chatroom.Token, error) { return l.o.Token(ctx, m.name) },
		Client: l.o.Client, Frame: m.frame, Again: m.again, Patience: -1,
		State: func(lost error) {
			m.mu.Lock()
			defer m.mu.Unlock()
			switch {
			case lost == nil && m.since.IsZero():
				l.connects.add(time.Since(begin))
				l.connected.Add(1)
				m.since = time.Now()
				m.there.Store(true)
				once.Do(first)
			case lost != nil && !m.since.IsZero():
				l.disconnects.Add(1)
				l.connected.Add(-1)
				m.lost = append(m.lost, time.Now())
				m.since, begin = time.Time{}, time.Now()
				m.there.Store(false)
			}
		},
	})
	err := m.room.Run(ctx)
	m.there.Store(false)
	m.ended.Store(true)
	if err != nil {
		m.mu.Lock()
		if !m.since.IsZero() { // The server closed it.
			l.disconnects.Add(1)
			l.connected.Add(-1)
			m.lost, m.since = append(m.lost, time.Now()), time.Time{}
		}
		m.mu.Unlock()
		l.mu.Lock()
		if l.firstErr == nil {
			l.firstErr = err
		}
		l.mu.Unlock()
	}
	once.Do(first)
}

func (m *member) frame(f *chatroom.Frame) {
	l := m.load
	n, ours := l.number(f.Content)
	if f.Type != "MESSAGE" || !ours {
		return
	}
	l.latency.add(time.Since(l.dueAt(n)))
	l.deliveries.Add(1)
	place := l.order[n].Load()
	if place == 0 {
		l.order[n].CompareAndSwap(0, l.places.Add(1))
		place = l.order[n].Load()
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if place < m.last {
		l.reordered.Add(1)
	}
	m.last = place
	m.seen[n/64] |= 1 << (n % 64)
}

func (m *member) again(f *chatroom.Frame) {
	if _, ours := m.load.number(f.Content); ours && f.Type == "MESSAGE" {
		m.load.doubled.Add(1)
	}
}

// missing counts the messages that were accepted while the member was connected, and were
// not delivered to it.
func (m *member) missing() (n int64) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for i := range m.load.sent {
		s := &m.load.sent[i]
		answered := s.answered.Load()
		if answered == 0 || m.seen[i/64]&(1<<(i%64)) != 0 {
			continue
		}
		if m.through(s.at.Load(), answered) {
			n++
		}
	}
	return n
}

// through reports whether the member was connected from a time on until another; m.mu is
// held. What it loses within a second more does not count.
func (m *member) through(from, until int64) bool {
	if m.since.IsZero() || m.since.UnixNano() > from {
		return false
	}
	for _, lost := range m.lost {
		if at := lost.UnixNano(); at >= from && at <= until+int64(time.Second) {
			return false
		}
	}
	return true
}
