package stream

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"confab/internal/chat"
	"confab/internal/protocol"
	"confab/internal/roomlog"
)

func TestOutStream(t *testing.T) {
	var rooms []*roomlog.Log
	logs := roomlog.New(0, nil, nil, nil)
	for _, id := range []string{"x", "y", "z"} {
		rooms = append(rooms, logs.Room(id, time.Now()))
	}
	filled := func() *Out {
		o := newOut("b", "c")
		o.Add(NewSent(nil, protocol.Item{}))
		for _, l := range rooms {
			o.Add(NewSent(l, protocol.Item{Frame: &chat.Frame{RoomID: l.ID()}}))
		}
		return o
	}
	type step struct {
		from  string
		count uint64
		safe  string // rooms
		first uint64 // what is still kept
	}
	for name, steps := range map[string][]step{
		"the first other member makes frames safe":                            {{"b", 1, "", 1}, {"b", 3, "xy", 1}, {"c", 4, "z", 4}, {"c", 4, "", 4}, {"b", 4, "", 5}},
		"an acknowledgement of less than another member has is no news":       {{"b", 4, "xyz", 1}, {"c", 2, "", 3}},
		"a node that is no member makes nothing safe":                         {{"d", 4, "", 1}},
		"this node itself makes nothing safe":                                 {{"a", 4, "", 1}},
		"an acknowledgement of items that were never sent makes nothing safe": {{"b", 5, "", 1}},
	} {
		t.Run(name, func(t *testing.T) {
			o := filled()
			for _, s := range steps {
				got := ""
				for _, it := range o.Acknowledge(s.from, s.count) {
					if it.Room != nil {
						got += it.Room.ID()
					}
				}
				if got != s.safe || o.first != s.first {
					t.Errorf("%s up to %d: %q is safe, from %d on is kept; want %q, %d", s.from, s.count, got, o.first, s.safe, s.first)
				}
			}
		})
	}
	t.Run("members get what they ask for, as far as it is there", func(t *testing.T) {
		o := filled()
		o.Acknowledge("b", 2)
		o.Acknowledge("c", 2)
		first, items := o.Between(1, 100)
		if first != 3 || len(items) != 2 {
			t.Errorf("%d items from %d on", len(items), first)
		}
	})
}

func TestInStream(t *testing.T) {
	in := &In{next: 1}
	counts := func(items []protocol.Item) (all []uint64) {
		for _, it := range items {
			all = append(all, it.Count)
		}
		return all
	}
	for _, s := range []struct {
		put      uint64
		due      []uint64
		from, to uint64 // what is missing then
	}{
		{1, []uint64{1}, 2, 0},
		{4, nil, 2, 3},
		{3, nil, 2, 3},
		{1, nil, 2, 3}, // It comes again.
		{2, []uint64{2, 3, 4}, 5, 0},
	} {
		due := in.Put(protocol.Item{Count: s.put})
		from, to := in.Missing()
		if diff := cmp.Diff(s.due, counts(due)); diff != "" || from != s.from || to != s.to {
			t.Errorf("after %d: missing %d to %d, want %d to %d; due: %s", s.put, from, to, s.from, s.to, diff)
		}
	}
	if in.Lags(6) {
		t.Error("it lags behind what it learns only now")
	}
	if !in.Lags(6) {
		t.Error("it does not lag behind what an earlier heartbeat said")
	}
	if from, to := in.Missing(); from != 5 || to != 6 {
		t.Errorf("missing %d to %d, want 5 to 6", from, to)
	}
	if lost := in.SkipTo(6); lost != 1 || in.next != 6 {
		t.Errorf("%d are lost, and %d is next", lost, in.next)
	}
}
