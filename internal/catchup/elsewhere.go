package catchup

import (
	"time"

	"confab/internal/chat"
)

// Elsewhere is what other nodes know of a client that connects here.
type Elsewhere struct {
	// Place is the client's oldest place on the other nodes, or nil. Log.Take sets Taken if
	// the connection starts at this place.
	Place *Found
	Taken bool
	// Live has, for each connection of the client to another node, the last frame that it
	// has confirmed.
	Live []chat.Point
}

// Found is one answer to the question where a client was. Each node answers for itself, and
// for the nodes whose reports it keeps.
type Found struct {
	// Origin is the node to which the client was connected. Version is that of Origin's
	// report, or 0 if Origin has answered itself.
	Origin  string `json:"origin"`
	Version uint64 `json:"version,omitzero"`
	// At is the last frame that the client has confirmed.
	At chat.Point `json:"at"`
	// Live is set if the client was connected to Origin at AsOf, the last frame that Origin
	// had delivered then.
	Live bool       `json:"live,omitzero"`
	AsOf chat.Point `json:"asOf"`
	// Lost is that of the report.
	Lost int64 `json:"lost,omitzero"`
	// Left is how much longer the client may return, in nanoseconds.
	Left int64 `json:"left"`
	// Taker is the node on which the client has returned already; empty for none.
	Taker string `json:"taker,omitzero"`
}

// Find returns what this node, self, knows of a client: its places and connections here,
// and those in the reports of other nodes. live has the numbers that its connections here
// have confirmed.
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
			f.Origin, f.Version, f.AsOf, f.Lost = origin, h.version, h.asOf, h.pages[0].Lost
			f.Left = min(f.Left, int64(l.keep))
			all = append(all, f)
		}
	}
	return all
}

// Choose chooses among the answers of all nodes, or returns nil if none counts. answered
// has the nodes that have answered, this one included. For a node that has not answered,
// its newest report counts, and clients that were connected to it count as lost.
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
			continue // The node itself, or a later report, has answered.
		case voided && f.AsOf.Compare(v.at) < 0:
			continue
		case f.Taker != "" && (answered[f.Taker] || reports):
			continue // The other node knows how far the client is now.
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

// Oldest returns the earliest frame that the client has confirmed: it needs all frames
// after it. lost is Found.Lost of its place.
func (e *Elsewhere) Oldest() (oldest chat.Point, lost int64) {
	first := true
	if e.Place != nil {
		oldest, lost, first = e.Place.At, e.Place.Lost, false
	}
	for _, at := range e.Live {
		if first || at.Compare(oldest) < 0 {
			oldest, first = at, false
		}
	}
	return oldest, lost
}

// Took notes that a client has returned on the node taker and continues at the place f.
// While taker is a member, Choose ignores the place.
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
