package catchup

import (
	"time"

	"confab/internal/chat"
)

// Elsewhere is what other nodes know of a client that connects here.
type Elsewhere struct {
	// Place is the oldest one, or nil. Taken is set if the client continues there.
	Place *Found
	Taken bool
	// Live is what the client's connections to other nodes have confirmed.
	Live []chat.Point
}

// Found is where a client was on a node.
type Found struct {
	// Origin is the node, and Version that of its report; 0 if the node itself says so.
	Origin  string     `json:"origin"`
	Version uint64     `json:"version,omitzero"`
	At      chat.Point `json:"at"`
	// Live is set if the connection was there when AsOf was the last frame on the node.
	Live bool       `json:"live,omitzero"`
	AsOf chat.Point `json:"asOf"`
	// Left is how long the place lasts, in nanoseconds.
	Left int64 `json:"left"`
	// Taker is the node on which a client has continued there, if any.
	Taker string `json:"taker,omitzero"`
}

// Find returns where a client was, as far as this node, self, knows. live are what its
// connections here have confirmed.
func (l *Log) Find(c Client, self string, live []uint64) []Found {
	now := time.Now()
	l.memory.mu.Lock()
	defer l.memory.mu.Unlock()
	var all []Found
	asOf := l.pointOfLocked(l.end)
	for _, n := range live {
		all = append(all, Found{Origin: self, At: l.pointOfLocked(l.withinLocked(n)), Live: true, AsOf: asOf, Left: int64(l.keep)})
	}
	for _, p := range l.places[c] {
		if now.Before(p.until) {
			all = append(all, Found{Origin: self, At: l.pointOfLocked(p.number), AsOf: asOf, Left: int64(p.until.Sub(now)), Taker: p.taker})
		}
	}
	for origin, h := range l.reports {
		for _, f := range h.find(c, now) {
			if v, ok := l.voided[hashOf(c.UserID)]; ok && h.asOf.Compare(v.at) < 0 {
				continue
			}
			f.Origin, f.Version, f.AsOf = origin, h.version, h.asOf
			f.Left = min(f.Left, int64(l.keep))
			all = append(all, f)
		}
	}
	return all
}

// Choose makes of what all nodes have found what counts. Of a node that does not answer
// itself, the newest report counts, and what was connected to it counts as lost. answered are
// the nodes that have answered, this one included. It returns nil if nothing is left.
func (l *Log) Choose(c Client, all []Found, answered map[string]bool) *Elsewhere {
	l.memory.mu.Lock()
	v, voided := l.voided[hashOf(c.UserID)]
	l.memory.mu.Unlock()
	newest := map[string]uint64{}
	for _, f := range all {
		newest[f.Origin] = max(newest[f.Origin], f.Version)
	}
	var e Elsewhere
	for _, f := range all {
		_, reports := newest[f.Taker]
		switch {
		case answered[f.Origin] && f.Version != 0, !answered[f.Origin] && f.Version != newest[f.Origin]:
			continue // The node itself, or a later report, says it.
		case voided && f.AsOf.Compare(v.at) < 0:
			continue
		case f.Taker != "" && (answered[f.Taker] || reports):
			continue // That node knows where the client is now.
		case f.Live && answered[f.Origin]:
			e.Live = append(e.Live, f.At)
			continue
		}
		if e.Place == nil || f.At.Compare(e.Place.At) < 0 {
			e.Place = &f
		}
	}
	if e.Place == nil && len(e.Live) == 0 {
		return nil
	}
	return &e
}

// Oldest is the first point that the client needs.
func (e *Elsewhere) Oldest() chat.Point {
	var oldest chat.Point
	first := true
	if e.Place != nil {
		oldest, first = e.Place.At, false
	}
	for _, at := range e.Live {
		if first || at.Compare(oldest) < 0 {
			oldest, first = at, false
		}
	}
	return oldest
}

// Took notes that a client has continued at a place on the node taker. While that node is
// there, the place is not found again.
func (l *Log) Took(c Client, self string, f *Found, taker string) {
	l.memory.mu.Lock()
	defer l.memory.mu.Unlock()
	if f.Origin == self {
		for _, p := range l.places[c] {
			if p.taker == "" && l.pointOfLocked(p.number) == f.At {
				p.taker = taker
				l.version++
				return
			}
		}
		return
	}
	if h := l.reports[f.Origin]; h != nil && h.version == f.Version {
		h.take(c, f.At, taker)
	}
}
