package presence

import (
	"context"
	"sync"
	"time"
)

// countFor is how long a count is reused.
const countFor = time.Second

// counts are the counts of the last second.
type counts struct {
	// mu guards byRoom.
	mu     sync.Mutex
	byRoom map[string]*counted
}

type counted struct {
	since time.Time
	done  chan struct{} // closed when presence is valid
	Presence
}

// Presence is how many users and connections a room has, over all nodes.
type Presence struct {
	Count
	// Peak is the highest number of users at the same time since the nodes were started; 0
	// for a room without the tag confab:presence.
	Peak     int
	PeakTime time.Time
}

// Room counts a room over all nodes. Calls within a second get the same count. Nodes that do
// not answer are left out.
func (s *Service) Room(ctx context.Context, roomID string) (Presence, error) {
	now := time.Now()
	s.counts.mu.Lock()
	c := s.counts.byRoom[roomID]
	if c == nil || now.Sub(c.since) >= countFor {
		s.counts.expireLocked(now)
		c = &counted{since: now, done: make(chan struct{})}
		s.counts.byRoom[roomID] = c
		go func() { // The caller may leave. Others may wait for the same count.
			defer close(c.done)
			c.Presence = s.count(context.WithoutCancel(ctx), roomID)
		}()
	}
	s.counts.mu.Unlock()
	select {
	case <-c.done:
		return c.Presence, nil
	case <-ctx.Done():
		return Presence{}, ctx.Err()
	}
}

// expireLocked removes old counts once they are many.
func (c *counts) expireLocked(now time.Time) {
	if len(c.byRoom)%64 != 0 {
		return
	}
	for room, one := range c.byRoom {
		if now.Sub(one.since) >= countFor {
			delete(c.byRoom, room)
		}
	}
}

// count counts a room now.
func (s *Service) count(ctx context.Context, roomID string) Presence {
	var p Presence
	var peaks []report
	if s.AskOthers == nil {
		p.Users, p.Connections = s.Live.CountUsers(roomID)
		own := s.peakOf(roomID)
		peaks = append(peaks, report{Peak: own.users, PeakTime: own.at.UnixNano()})
	} else {
		if g := s.everywhere(ctx, question{Rooms: []string{roomID}})[roomID]; g != nil {
			p.Count, peaks = g.count(), g.reports
		}
	}
	for _, r := range peaks {
		if r.Peak > p.Peak {
			p.Peak, p.PeakTime = r.Peak, time.Unix(0, r.PeakTime)
		}
	}
	return p
}

// gathered is what all nodes report about a room.
type gathered struct {
	users       map[uint64]struct{}
	connections int
	reports     []report
}

func (g *gathered) count() Count { return Count{Users: len(g.users), Connections: g.connections} }

// everywhere asks all nodes about rooms, twice. Nodes answer at slightly different times,
// so a user who moves from one node to another meanwhile may be missing in one round, but
// not in both.
func (s *Service) everywhere(ctx context.Context, q question) map[string]*gathered {
	rooms := map[string]*gathered{}
	for range 2 {
		for _, g := range rooms {
			g.connections, g.reports = 0, nil
		}
		own := q
		own.Parts = 1
		said, _ := s.ask(ctx, q)
		for _, r := range s.here(&own).Rooms {
			add(rooms, r)
		}
		for _, reports := range said {
			for _, r := range reports {
				add(rooms, r)
			}
		}
	}
	return rooms
}

func add(rooms map[string]*gathered, r report) {
	g := rooms[r.Room]
	if g == nil {
		g = &gathered{users: make(map[uint64]struct{}, len(r.Users))}
		rooms[r.Room] = g
	}
	for _, h := range r.Users {
		g.users[h] = struct{}{}
	}
	g.connections += r.Connections
	g.reports = append(g.reports, r)
}
