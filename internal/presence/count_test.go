package presence_test

import (
	"fmt"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"confab/internal/chat"
	"confab/internal/presence"
)

func TestRoom(t *testing.T) {
	for _, nodes := range []int{1, 3} {
		synctest.Test(t, func(t *testing.T) {
			all := newNodes(t, nodes, chat.PresenceOff)
			last := all[len(all)-1]
			want := func(users, connections int) {
				t.Helper()
				time.Sleep(time.Second) // Counts stand for a second.
				for _, n := range all {
					p, err := n.Room(t.Context(), room)
					if err != nil || p.Users != users || p.Connections != connections || p.Peak != 0 {
						t.Errorf("%d nodes: got %+v %v, want %d users, %d connections", nodes, p, err, users, connections)
					}
				}
			}
			want(0, 0)
			all[0].join("ann")
			last.join("bob")
			last.join("ann")
			want(2, 3)
			all[0].leave("ann")
			want(2, 2)
			last.leave("ann") // Without a grace: connections count as they are.
			want(1, 1)
		})
	}
}

func TestLargeRoom(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := newNodes(t, 2, chat.PresenceCount)
		for i := range 90_000 {
			n[1].join(fmt.Sprint("user", i))
		}
		n[0].join("user0")
		if got := n[0].join("ann"); got != "VIEWERS 90001/90002" {
			t.Error(got)
		}
		p, err := n[0].Room(t.Context(), room)
		if err != nil || p.Users != 90_001 || p.Connections != 90_002 {
			t.Errorf("got %+v %v", p, err)
		}
		page, ok := n[0].Rooms(t.Context(), nil, 10)
		if !ok || len(page.Rooms) != 1 || page.Rooms[0].Users != 90_001 {
			t.Errorf("got %+v", page)
		}
	})
}

func TestPeak(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := newNodes(t, 2, chat.PresenceCount)
		n[0].join("ann")
		n[0].join("bob")
		n[1].join("eve")
		at := time.Now()
		time.Sleep(20 * time.Second)
		n[0].leave("bob")
		time.Sleep(time.Second)
		n[0].join("joe") // bob is counted a moment longer, but not here.
		time.Sleep(20 * time.Second)
		n[0].leave("ann")
		n[0].leave("joe")
		n[1].leave("eve")
		time.Sleep(20 * time.Second)
		for _, one := range n {
			one.watcher.Close(true) // The room is not live any more.
		}
		p, err := n[1].Room(t.Context(), room)
		if err != nil || p.Users != 0 || p.Peak != 3 || p.PeakTime.Sub(at) > 5*time.Second {
			t.Errorf("got %+v %v", p, err)
		}
	})
}

func TestUsers(t *testing.T) {
	for _, nodes := range []int{1, 3} {
		synctest.Test(t, func(t *testing.T) {
			all := newNodes(t, nodes, chat.PresenceOff)
			var want []string
			for i := range 25 {
				want = append(want, fmt.Sprintf("user%02d", i))
				all[i%nodes].join(want[i])
				all[i*7%nodes].join(want[i])
			}
			var got []string
			for after, more := "", true; more; {
				page, next := all[0].Users(t.Context(), room, after, 4)
				for _, u := range page {
					got = append(got, u.UserID)
					if u.Connections != 2 {
						t.Errorf("%s has %d connections", u.UserID, u.Connections)
					}
				}
				after, more = got[len(got)-1], next
				all[0].join("a newcomer") // In front of all: no page repeats a user for it.
			}
			if !slices.Equal(got, want) {
				t.Errorf("%d nodes: got %v", nodes, got)
			}
		})
	}
}

func TestRooms(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := newNodes(t, 2, chat.PresenceOff)
		page, ok := n[0].Rooms(t.Context(), nil, 10)
		if !ok || len(page.Rooms) != 0 || page.More {
			t.Errorf("got %+v", page)
		}
		time.Sleep(time.Second)
		n[0].join("ann")
		n[1].join("ann")
		page, ok = n[0].Rooms(t.Context(), nil, 10)
		if !ok || len(page.Rooms) != 1 || page.Rooms[0].Users != 1 || page.Rooms[0].Connections != 2 {
			t.Errorf("got %+v", page)
		}
		// The other node has pages of this snapshot, while it is kept.
		n[0].leave("ann")
		time.Sleep(time.Minute)
		again, ok := n[1].Rooms(t.Context(), &presence.Place{Snapshot: page.Snapshot}, 10)
		if !ok || again.Rooms[0] != page.Rooms[0] {
			t.Errorf("got %+v %v", again, ok)
		}
		time.Sleep(5 * time.Minute)
		n[0].Rooms(t.Context(), nil, 10)
		if p, ok := n[1].Rooms(t.Context(), &presence.Place{Snapshot: page.Snapshot}, 10); ok {
			t.Errorf("a snapshot of six minutes ago: %+v", p)
		}
	})
}
