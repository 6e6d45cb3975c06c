package cluster

import (
	"sync"
	"time"
)

// deepen gets this node the operations that its log is too young to know, from members whose
// logs reach further back than the one with which the room continues. One of them may be
// asked for again as soon as the room is open. It returns false if the view ended.
func (g *gathering) deepen() bool {
	n := g.node
	var deepening sync.WaitGroup
	limit := make(chan struct{}, fetchers)
	for _, room := range g.behind {
		if !room.states[room.deepest].Young {
			continue // Its log has them, and so has this node's.
		}
		n.mu.Lock()
		l := n.logs.room(room.room, time.Now())
		floor, young := l.floor, l.young(time.Now()) && !l.began
		n.mu.Unlock()
		from := ""
		if young {
			from = room.reachingBack(floor, n.o.ID)
		}
		if from == "" {
			continue
		}
		limit <- struct{}{}
		deepening.Go(func() {
			defer func() { <-limit }()
			q := roomQuestion{Room: room.room, After: floor, Until: floor, Young: true}
			h, ok := g.askHistoryAgain(from, q, nil)
			if !ok {
				return
			}
			n.mu.Lock()
			defer n.mu.Unlock()
			if n.view.ID == g.view.ID {
				n.logs.prepend(h, time.Now())
			}
		})
	}
	deepening.Wait()
	return g.ctx.Err() == nil
}

// reachingBack returns the member other than self whose log has a place and begins
// furthest before it; "" if there is none.
func (g *gathered) reachingBack(at point, self string) (member string) {
	for id, s := range g.states {
		if id == self || s.Floor.compare(at) >= 0 || s.Delivered.compare(at) < 0 {
			continue
		}
		if c := s.Floor.compare(g.states[member].Floor); member == "" || c < 0 || c == 0 && id < member {
			member = id
		}
	}
	return member
}

// prepend puts the frames of h before a log that begins where they end. Clients here do not
// get them: they joined later, or have them.
func (s *roomLogs) prepend(h history, now time.Time) {
	l := s.rooms[h.Room]
	if l == nil || l.began || len(h.Frames) == 0 || h.last() != l.floor {
		return // The log is one of another history.
	}
	var before []*entry
	for i, data := range h.Frames {
		it, err := decodeItem(data)
		if err != nil || it.frame == nil {
			return
		}
		before = append(before, &entry{at: it.at, frame: it.frame, received: now, old: i < h.Old, delivered: true})
	}
	after := l.entries
	l.floor, l.entries = h.Floor, append(before, after...)
	for _, e := range before {
		_, delivered := s.gone[e.frame.ID]
		e.missed = !delivered
		if e.missed && e.frame.DisconnectUser != "" {
			s.kick(e.frame)
		}
		if s.byID[e.frame.ID] == nil { // Otherwise it was published a second time.
			s.byID[e.frame.ID] = e
		}
		s.bytes += e.size()
		s.arrived(e.frame.ID, e.missed)
	}
	// An entry is evicted behind those before it.
	for _, e := range l.entries {
		s.aging = append(s.aging, aged{l, e})
	}
	for s.bytes > s.limit && len(s.aging) > 0 && s.aging[0].e.delivered {
		s.evict()
	}
}
