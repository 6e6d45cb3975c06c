package presence

import (
	"cmp"
	"context"
	"slices"
	"sync"
	"time"

	"github.com/go-json-experiment/json"

	"confab/internal/chat"
)

// RoomCount is how many users and connections a room has.
type RoomCount struct {
	Room string `json:"room"`
	Count
}

// Place is where a page of a snapshot begins. All pages of a list show the same snapshot.
type Place struct {
	Snapshot string
	Offset   int
}

// pageQuestion asks for a page of a snapshot.
type pageQuestion struct {
	Snapshot string `json:"snapshot"`
	Offset   int    `json:"offset"`
	Max      int    `json:"max"`
}

// Page is a page of a snapshot. More is set if another one follows.
type Page struct {
	Snapshot string      `json:"snapshot"`
	Rooms    []RoomCount `json:"rooms"`
	More     bool        `json:"more"`
}

// A snapshot is kept for snapshotFor. The oldest is dropped earlier if all together have
// more than mostRooms.
const (
	snapshotFor = 5 * time.Minute
	mostRooms   = 1_000_000
)

// snapshots are the snapshots that this node has made, the oldest first.
type snapshots struct {
	// making is held while one is made.
	making sync.Mutex
	// mu guards all.
	mu  sync.Mutex
	all []*snapshot
}

type snapshot struct {
	id    string
	since time.Time
	rooms []RoomCount
}

// Rooms returns a page of the rooms that have users, the fullest first. Without a place it
// makes a new snapshot over all nodes, at most once a second; the following pages are of
// this snapshot. ok is false if the snapshot of the place is not kept any more.
func (s *Service) Rooms(ctx context.Context, from *Place, limit int) (page Page, ok bool) {
	if from == nil {
		return s.snapshots.page(pageQuestion{Snapshot: s.latest(ctx).id, Max: limit})
	}
	q := pageQuestion{Snapshot: from.Snapshot, Offset: from.Offset, Max: limit}
	if page, ok := s.snapshots.page(q); ok || s.AskOthers == nil {
		return page, ok
	}
	body, err := json.Marshal(question{Page: &q})
	if err != nil {
		return Page{}, false
	}
	answers, _ := s.AskOthers(ctx, body)
	for _, b := range answers {
		if json.Unmarshal(b, &page) == nil && page.Snapshot == q.Snapshot {
			return page, true
		}
	}
	return Page{}, false
}

// latest returns a snapshot of the last second, or a new one.
func (s *Service) latest(ctx context.Context) *snapshot {
	k := &s.snapshots
	k.making.Lock()
	defer k.making.Unlock()
	now := time.Now()
	if last := k.last(now); last != nil {
		return last
	}
	var rooms []RoomCount
	if s.AskOthers == nil {
		for _, room := range s.Live.LiveRooms() {
			users, connections := s.Live.CountUsers(room)
			rooms = append(rooms, RoomCount{room, Count{users, connections}})
		}
	} else {
		for room, g := range s.everywhere(ctx, question{All: true}) {
			rooms = append(rooms, RoomCount{room, g.count()})
		}
	}
	rooms = slices.DeleteFunc(rooms, func(r RoomCount) bool { return r.Connections == 0 })
	slices.SortFunc(rooms, func(a, b RoomCount) int {
		return cmp.Or(b.Users-a.Users, b.Connections-a.Connections, cmp.Compare(a.Room, b.Room))
	})
	one := &snapshot{id: chat.NewID(), since: now, rooms: rooms}
	k.keep(one)
	return one
}

// last returns the snapshot of the last second, if there is one.
func (k *snapshots) last(now time.Time) *snapshot {
	k.mu.Lock()
	defer k.mu.Unlock()
	if n := len(k.all); n > 0 && now.Sub(k.all[n-1].since) < countFor {
		return k.all[n-1]
	}
	return nil
}

// keep adds a snapshot and drops old ones.
func (k *snapshots) keep(one *snapshot) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.all = append(k.all, one)
	total := 0
	for i, kept := range slices.Backward(k.all) {
		total += len(kept.rooms)
		if kept != one && total > mostRooms || one.since.Sub(kept.since) > snapshotFor {
			k.all = slices.Clone(k.all[i+1:])
			return
		}
	}
}

// page returns a page of a snapshot, and whether it is there.
func (k *snapshots) page(q pageQuestion) (Page, bool) {
	k.mu.Lock()
	defer k.mu.Unlock()
	for _, one := range k.all {
		if one.id != q.Snapshot {
			continue
		}
		rest := one.rooms[min(max(q.Offset, 0), len(one.rooms)):]
		n := min(max(q.Max, 0), len(rest))
		return Page{Snapshot: one.id, Rooms: rest[:n], More: n < len(rest)}, true
	}
	return Page{}, false
}
