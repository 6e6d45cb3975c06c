package catchup

import (
	"cmp"
	"encoding/binary"
	"slices"
	"sort"
	"time"

	"github.com/cespare/xxhash/v2"

	"confab/internal/chat"
)

// Report is one page of what a node tells another one about a room: how far its clients
// are.
type Report struct {
	Node string `json:"node"`
	// Version grows from report to report of a node. All pages of a report have the same.
	Version uint64 `json:"version"`
	Page    int    `json:"page,omitzero"`
	Pages   int    `json:"pages,omitzero"`
	// AsOf is the last frame that the node had delivered when it made the report.
	AsOf chat.Point `json:"asOf"`
	// Oldest is the earliest frame that a client has confirmed.
	Oldest chat.Point `json:"oldest"`
	// Lost is when the node wrote the report to its file, in nanoseconds, if all nodes were lost
	// after that, and else 0. See Displaced.
	Lost int64 `json:"lost,omitzero"`
	// Points are the positions that Entries refer to.
	Points  []chat.Point `json:"points,omitzero"`
	Entries []byte       `json:"entries,omitzero"`
}

// An entry has the hash of the user id (8 bytes), the lower half of the hash of the
// User-Agent (4), the index of its point (4), and for how many milliseconds the place
// lasts, or all bits set for a live connection (4). Entries are sorted by user.
const (
	entrySize   = 20
	pageEntries = 20_000
	liveEntry   = 1<<32 - 1
)

func hashOf(userID string) uint64 { return xxhash.Sum64String(userID) }

// entry is an entry of a report that is being made.
type entry struct {
	user   uint64
	agent  uint32
	number uint64
	left   uint32
}

// Version returns a number that grows with each change of places and each frame. While it
// stays the same, no new report is needed.
func (l *Log) Version() uint64 {
	l.memory.mu.Lock()
	defer l.memory.mu.Unlock()
	return l.version
}

// Reports makes the report of this node, in pages; none if the room has no clients here.
// live must call its argument for each connection of the room on this node, with the number
// that it has confirmed. settled reports whether all of them have confirmed every frame.
func (l *Log) Reports(node string, live func(func(c Client, number uint64))) (pages []Report, settled bool) {
	asOf := l.End()
	settled = true
	var all []entry
	live(func(c Client, number uint64) {
		settled = settled && number >= asOf
		all = append(all, entry{hashOf(c.UserID), uint32(c.Agent), number, liveEntry})
	})
	now := time.Now()
	l.memory.mu.Lock()
	defer l.memory.mu.Unlock()
	for c, places := range l.places {
		for _, p := range places {
			if left := p.until.Sub(now); left > 0 && p.taker == "" {
				all = append(all, entry{hashOf(c.UserID), uint32(c.Agent), p.number, uint32(left.Milliseconds())})
			}
		}
	}
	slices.SortFunc(all, func(a, b entry) int { return cmp.Compare(a.user, b.user) })
	r := Report{Node: node, Version: uint64(now.UnixNano()), AsOf: l.pointOfLocked(asOf)}
	r.Pages = (len(all) + pageEntries - 1) / pageEntries
	oldest := asOf
	for part := range slices.Chunk(all, pageEntries) {
		pages = append(pages, r)
		p := &pages[len(pages)-1]
		index := map[uint64]uint32{}
		p.Entries = make([]byte, 0, entrySize*len(part))
		for _, e := range part {
			n := l.withinLocked(e.number)
			oldest = min(oldest, n)
			i, ok := index[n]
			if !ok {
				i = uint32(len(p.Points))
				index[n] = i
				p.Points = append(p.Points, l.pointOfLocked(n))
			}
			p.Entries = binary.BigEndian.AppendUint64(p.Entries, e.user)
			p.Entries = binary.BigEndian.AppendUint32(p.Entries, e.agent)
			p.Entries = binary.BigEndian.AppendUint32(p.Entries, i)
			p.Entries = binary.BigEndian.AppendUint32(p.Entries, e.left)
		}
	}
	for i := range pages {
		pages[i].Page, pages[i].Oldest = i, l.pointOfLocked(oldest)
	}
	return pages, settled
}

// held is what this node keeps of another one's report.
type held struct {
	version uint64
	asOf    chat.Point
	pages   []Report
	taken   map[int]string // takers, by page and entry
	made    time.Time
	since   time.Time // when its node has last said that it stands
	next    []Report  // the pages of a newer one that have come
}

// heldFor is how long a report lasts that its node does not repeat, besides the time in
// which clients may return.
const heldFor = 15 * time.Second

// valid reports whether the page can be searched.
func (r *Report) valid() bool {
	return len(r.Entries)%entrySize == 0 && r.Page >= 0 && r.Page < r.Pages && r.Pages <= 1000
}

// Displaced returns the report for a process after the loss of all nodes. Its clients are
// known, but the frames that they miss are not in memory. made is when the report was written,
// and from the point after which the log here has every frame. anew is set in a cluster, in which
// positions begin anew then.
func (r *Report) Displaced(made time.Time, from chat.Point, anew bool) *Report {
	before := func(at chat.Point) chat.Point {
		switch {
		case anew:
			return Before(at) // The log may not have begun yet.
		case at.Compare(from) >= 0:
			return chat.Point{} // The clock was set back.
		}
		return at
	}
	d := *r
	d.Lost, d.Version = made.UnixNano(), uint64(made.UnixNano())
	d.Points, d.Entries = slices.Clone(r.Points), slices.Clone(r.Entries)
	d.AsOf, d.Oldest = before(d.AsOf), before(d.Oldest)
	for i := range d.Points {
		d.Points[i] = before(d.Points[i])
	}
	age := uint32(max(0, made.Sub(time.Unix(0, int64(r.Version))).Milliseconds()))
	for e := d.Entries; len(e) >= entrySize; e = e[entrySize:] {
		if left := binary.BigEndian.Uint32(e[16:]); left != liveEntry {
			binary.BigEndian.PutUint32(e[16:], left-min(left, age))
		}
	}
	return &d
}

// Before returns the point that stands for one of the time before all nodes of a cluster were
// lost: it is before all points of the time since. The zero point stands for one of a time
// before that.
func Before(at chat.Point) chat.Point {
	if at.Epoch == 0 {
		return chat.Point{}
	}
	return chat.Point{Sequence: at.Sequence}
}

// BehindLoss returns the earliest of a point and those that clients in reports of lost nodes
// have confirmed, and how long places last.
func BehindLoss(l *Log, p chat.Point) (oldest chat.Point, lasts time.Duration) {
	l.memory.mu.Lock()
	defer l.memory.mu.Unlock()
	for _, h := range l.reports {
		for i := range h.pages {
			if r := &h.pages[i]; r.Lost != 0 && r.Oldest != (chat.Point{}) && r.Oldest.Compare(p) < 0 {
				p = r.Oldest
			}
		}
	}
	return p, l.keep
}

// Hold keeps a page of another node's report. A report without pages removes what is known
// of that node. now is when the page arrived. Hold reports whether all pages of the report
// are known.
func (l *Log) Hold(r *Report, now time.Time) bool {
	l.memory.mu.Lock()
	defer l.memory.mu.Unlock()
	h := l.reports[r.Node]
	switch {
	case r.Pages == 0:
		delete(l.reports, r.Node)
		return true
	case !r.valid():
		return false
	case h == nil:
		h = &held{since: now}
		put(&l.reports, r.Node, h)
	case r.Version <= h.version:
		h.since = now
		return true
	}
	if r.Page == 0 {
		h.next = nil
	}
	if len(h.next) != r.Page || r.Page > 0 && h.next[0].Version != r.Version {
		return false
	}
	if h.next = append(h.next, *r); len(h.next) == r.Pages {
		*h = held{version: r.Version, asOf: r.AsOf, pages: h.next, made: now, since: now}
	}
	return h.version == r.Version
}

// Repeat notes that the last report of a node is still valid. It reports false if this node
// does not have that report.
func (l *Log) Repeat(node string, version uint64) bool {
	l.memory.mu.Lock()
	defer l.memory.mu.Unlock()
	h := l.reports[node]
	if h == nil || h.version != version {
		return false
	}
	h.since = time.Now()
	return true
}

// Held returns the reports of nodes that are not members any more, for a node that takes
// over.
func (l *Log) Held(there func(node string) bool) (all []Report) {
	l.memory.mu.Lock()
	defer l.memory.mu.Unlock()
	for node, h := range l.reports {
		if !there(node) {
			all = append(all, h.pages...)
		}
	}
	return all
}

func (l *Log) expireReportsLocked(now time.Time) {
	for node, h := range l.reports {
		if now.Sub(h.since) > l.keep+heldFor {
			delete(l.reports, node)
		}
	}
	for user, v := range l.voided {
		if now.Sub(v.time) > l.keep+heldFor {
			delete(l.voided, user)
		}
	}
}

// each calls f for the entries of a client.
func (h *held) each(c Client, f func(i int, at chat.Point, left uint32)) {
	h.eachOf(c.UserID, func(i int, p *Report, e []byte) {
		point := binary.BigEndian.Uint32(e[12:])
		if binary.BigEndian.Uint32(e[8:]) == uint32(c.Agent) && int(point) < len(p.Points) {
			f(i, p.Points[point], binary.BigEndian.Uint32(e[16:]))
		}
	})
}

// eachOf calls f for the entries of a user, with their pages.
func (h *held) eachOf(userID string, f func(i int, p *Report, e []byte)) {
	user, before := hashOf(userID), 0
	for k := range h.pages {
		p := &h.pages[k]
		n := len(p.Entries) / entrySize
		userOf := func(i int) uint64 { return binary.BigEndian.Uint64(p.Entries[i*entrySize:]) }
		for i := sort.Search(n, func(i int) bool { return userOf(i) >= user }); i < n && userOf(i) == user; i++ {
			f(before+i, p, p.Entries[i*entrySize:])
		}
		before += n
	}
}

// has reports whether there are entries of a user that count.
func (h *held) has(userID string) (some bool) {
	h.eachOf(userID, func(_ int, _ *Report, e []byte) { some = some || binary.BigEndian.Uint32(e[16:]) != 0 })
	return some
}

// void makes the places of a user end now. The entries keep their indexes, which taken has.
func (h *held) void(userID string) {
	if !h.has(userID) {
		return
	}
	for k := range h.pages { // What Held has returned may still be read.
		h.pages[k].Entries = slices.Clone(h.pages[k].Entries)
	}
	h.eachOf(userID, func(_ int, _ *Report, e []byte) { binary.BigEndian.PutUint32(e[16:], 0) })
}

// Has reports whether a page has places of a user.
func (r *Report) Has(userID string) bool { return (&held{pages: []Report{*r}}).has(userID) }

func (h *held) find(c Client, now time.Time) (all []Found) {
	h.each(c, func(i int, at chat.Point, left uint32) {
		f := Found{At: at, Live: left == liveEntry, Left: int64(time.Hour), Taker: h.taken[i]}
		if !f.Live {
			f.Left = int64(time.Duration(left)*time.Millisecond - now.Sub(h.made))
		}
		if f.Left > 0 {
			all = append(all, f)
		}
	})
	return all
}

// take notes who has continued at an entry.
func (h *held) take(c Client, at chat.Point, taker string) {
	done := false
	h.each(c, func(i int, point chat.Point, _ uint32) {
		if h.taken == nil {
			h.taken = map[int]string{}
		}
		if point == at && h.taken[i] == "" && !done {
			h.taken[i], done = taker, true
		}
	})
}
