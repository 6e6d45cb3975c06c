package roomlog

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"confab/internal/chat"
	"confab/internal/messaging"
	"confab/internal/protocol"
	"confab/internal/view"
)

// recorded is a set of logs and what they have delivered, passed over and so on.
type recorded struct {
	Logs
	delivered, passed []string
	kicked            []string // users of frames that were passed over
	now               time.Time
}

func newRecorded(limit int) *recorded {
	r := &recorded{now: epoch}
	r.Logs = New(limit,
		func(f *chat.Frame) { r.delivered = append(r.delivered, f.ID) },
		func(f *chat.Frame) { r.kicked = append(r.kicked, f.DisconnectUser) },
		func(id string, missed bool) {
			if missed {
				r.passed = append(r.passed, id)
			}
		})
	return r
}

// put adds a frame of view number to room r, and delivers it unless it is held.
func (r *recorded) put(number, seq uint64, id string, held bool) *entry {
	l := r.Room("r", r.now)
	e := r.add(l, at(number, seq), &chat.Frame{RoomID: "r", ID: id, Type: chat.MessageFrame, Sequence: seq}, r.now)
	if !held {
		r.DeliverNext(l)
	}
	return e
}

func at(number, seq uint64) view.Point {
	return view.Point{View: view.ID{Number: number, Coordinator: "a"}, Seq: seq}
}

func (r *recorded) expect(t *testing.T, delivered, passed string) {
	t.Helper()
	if diff := cmp.Diff(delivered, strings.Join(r.delivered, " ")); diff != "" {
		t.Errorf("delivered: %s", diff)
	}
	if diff := cmp.Diff(passed, strings.Join(r.passed, " ")); diff != "" {
		t.Errorf("passed over: %s", diff)
	}
}

// exchange has to give what from lacks, and returns whether the room jumped.
func exchange(from, to *recorded, missed ...view.ID) (jumped bool) {
	l := to.Room("r", to.now)
	q := protocol.RoomQuestion{Room: "r", After: l.Delivered(), PassedOver: l.PassedOver()}
	_, jumped = to.Adopt(from.Lacking(q, missed, from.now), to.now)
	return jumped
}

func TestRoomLogs(t *testing.T) {
	t.Run("numbers continue in a later view, and after a room was forgotten", func(t *testing.T) {
		r, none := newRecorded(1<<20), func(string) bool { return false }
		r.put(1, 7, "x", false)
		if n := r.Number("r", view.ID{Number: 2, Coordinator: "a"}, r.now); n != 8 {
			t.Errorf("the next number is %d, want 8", n)
		}
		if n := r.Number("r", view.ID{Number: 2, Coordinator: "a"}, r.now); n != 9 {
			t.Errorf("the one after it is %d, want 9", n)
		}
		r.Expire(r.now.Add(protocol.LogAge + 1))
		r.Sweep(r.now.Add(2*protocol.LogAge+1), none)
		if len(r.rooms) > 0 || r.bytes != 0 {
			t.Fatalf("%d rooms and %d bytes are left", len(r.rooms), r.bytes)
		}
		if n := r.Number("new", view.ID{Number: 2, Coordinator: "a"}, r.now); n != 10 {
			t.Errorf("the first number of another room is %d, want 10", n)
		}
	})
	t.Run("held frames are delivered later, in order", func(t *testing.T) {
		r := newRecorded(1 << 20)
		r.put(1, 1, "x", false)
		r.put(1, 2, "y", true)
		safe := make(chan error, 1)
		r.put(1, 3, "z", true).safe = safe
		l := r.rooms["r"]
		if l.Delivered() != at(1, 1) || l.last != at(1, 3) {
			t.Errorf("delivered up to %v of %v", l.Delivered(), l.last)
		}
		r.DeliverHeldOf("b", &view.View{Homes: []string{"a"}})
		r.expect(t, "x", "")
		r.DeliverHeldOf("a", &view.View{Homes: []string{"a"}})
		r.DeliverNext(l) // There is nothing more.
		r.expect(t, "x y z", "")
		if err := <-safe; err != nil {
			t.Errorf("the publisher gets %v", err)
		}
	})
	t.Run("an operation that is published twice is delivered once", func(t *testing.T) {
		r := newRecorded(1 << 20)
		r.put(1, 1, "x", false)
		r.put(2, 2, "x", false)
		r.expect(t, "x", "")
	})
	t.Run("the oldest frames go when there are too many bytes, held ones stay", func(t *testing.T) {
		r := newRecorded(600) // An empty frame counts 256.
		r.put(1, 1, "x", false)
		r.put(1, 2, "y", true)
		r.put(1, 3, "z", true)
		r.put(1, 4, "w", true)
		l := r.rooms["r"]
		if len(l.entries) != 3 || l.floor != at(1, 1) || r.byID["x"] != nil || r.byID["y"] == nil {
			t.Errorf("%d entries behind %v", len(l.entries), l.floor)
		}
	})
	t.Run("messages of the last second count", func(t *testing.T) {
		r := newRecorded(1 << 20)
		r.put(1, 1, "x", false)
		r.now = r.now.Add(600 * time.Millisecond)
		r.put(1, 2, "y", false)
		if n := r.rooms["r"].RecentMessages(r.now); n != 2 {
			t.Errorf("%d, want 2", n)
		}
		if n := r.rooms["r"].RecentMessages(r.now.Add(400 * time.Millisecond)); n != 1 {
			t.Errorf("%d a moment later, want 1", n)
		}
	})
}

func TestRoomLogsHistory(t *testing.T) {
	t.Run("a member that lags gets what is behind its last frame", func(t *testing.T) {
		from, to := newRecorded(1<<20), newRecorded(1<<20)
		for i, id := range []string{"x", "y", "z"} {
			from.put(1, uint64(i+1), id, false)
		}
		to.put(1, 1, "x", false)
		if exchange(from, to) {
			t.Error("the room jumped")
		}
		to.expect(t, "x y z", "")
		exchange(from, to) // A second time changes nothing.
		to.expect(t, "x y z", "")
	})
	t.Run("a new member gets the log and delivers nothing of it", func(t *testing.T) {
		from, to := newRecorded(1<<20), newRecorded(1<<20)
		from.put(1, 1, "x", false)
		from.put(1, 2, "y", false)
		exchange(from, to)
		to.expect(t, "", "x y")
		if to.byID["y"] == nil || to.rooms["r"].last != at(1, 2) {
			t.Error("it does not know the last operation")
		}
		if n := to.rooms["r"].RecentMessages(to.now); n != 2 {
			t.Errorf("it counts %d messages of the last second, want 2", n)
		}
	})
	t.Run("a member of another side passes over what it did not miss", func(t *testing.T) {
		from, to := newRecorded(1<<20), newRecorded(1<<20)
		for _, r := range []*recorded{from, to} {
			r.put(1, 1, "x", false)
		}
		to.put(2, 2, "other", false)
		from.put(3, 2, "y", false)
		from.put(4, 3, "z", false)
		if !exchange(from, to, view.ID{Number: 4, Coordinator: "a"}) {
			t.Error("the room did not jump")
		}
		to.expect(t, "x other z", "y")
		t.Run("a member of another side delivers its own operation only once when that comes back", func(t *testing.T) {
			from.put(4, 4, "other", false)
			exchange(from, to)
			to.expect(t, "x other z", "y")
		})
	})
	t.Run("a held frame that is in the history is safe, and another one gets ErrMoved", func(t *testing.T) {
		from, to := newRecorded(1<<20), newRecorded(1<<20)
		for _, r := range []*recorded{from, to} {
			r.put(1, 1, "x", false)
		}
		from.put(1, 2, "y", false)
		y, z := to.put(1, 2, "y", true), to.put(1, 3, "z", true)
		y.safe, z.safe = make(chan error, 1), make(chan error, 1)
		safe, moved := y.safe, z.safe
		exchange(from, to)
		to.expect(t, "x y", "")
		if err := <-safe; err != nil {
			t.Errorf("the publisher of y gets %v", err)
		}
		if err := <-moved; !errors.Is(err, messaging.ErrMoved) {
			t.Errorf("the publisher of z gets %v", err)
		}
	})
	t.Run("Until bounds a history, and a large history comes in pieces", func(t *testing.T) {
		from := newRecorded(1 << 30)
		l := from.Room("r", from.now)
		for i := range uint64(100) {
			from.Add(l, at(1, i+1), &chat.Frame{RoomID: "r", ID: chat.NewID(), JSON: make([]byte, 4096)}, from.now)
			from.DeliverNext(l)
		}
		to, pieces := newRecorded(1<<30), 0
		to.Room("r", to.now).last = at(1, 0)
		to.rooms["r"].floor = at(1, 0)
		from.rooms["r"].began = false
		for more := true; more; pieces++ {
			h := from.Lacking(protocol.RoomQuestion{Room: "r", After: to.rooms["r"].Delivered(), Until: at(1, 90)}, nil, from.now)
			more = h.More
			to.Adopt(h, to.now)
		}
		if pieces < 2 || to.rooms["r"].last != at(1, 90) || len(to.delivered) != 90 {
			t.Errorf("%d pieces with %d frames up to %v", pieces, len(to.delivered), to.rooms["r"].last)
		}
	})
	t.Run("a log without all recent operations is young", func(t *testing.T) {
		r := newRecorded(1 << 20)
		r.put(1, 1, "x", false)
		if l := r.rooms["r"]; !l.young(r.now) || l.young(r.now.Add(protocol.CallsLast)) {
			t.Error("it should be young for 15 s")
		}
	})
}

func TestRoomLogsStates(t *testing.T) {
	r := newRecorded(1 << 30)
	for range stateRooms + 5 {
		id := chat.NewID()
		l := r.Room(id, r.now)
		r.Add(l, at(1, 1), &chat.Frame{RoomID: id, ID: chat.NewID()}, r.now)
	}
	v := viewOf(1, "a")
	first, more := r.States(&v, "a", "", nil, r.now)
	if len(first) != stateRooms || !more {
		t.Fatalf("%d rooms, more: %t", len(first), more)
	}
	rest, more := r.States(&v, "a", first[len(first)-1].Room, nil, r.now)
	if len(rest) != 5 || more {
		t.Errorf("then %d rooms, more: %t", len(rest), more)
	}
	if here := r.Count("a", &v); here != stateRooms+5 || r.held != here {
		t.Errorf("%d rooms with %d held frames", here, r.held)
	}
	if none, _ := r.States(&v, "b", "", nil, r.now); len(none) > 0 {
		t.Errorf("%d rooms of another home", len(none))
	}
}

// TestRoomLogsPrepend puts what another log has before one that begins late.
func TestRoomLogsPrepend(t *testing.T) {
	deep, late := newRecorded(1<<20), newRecorded(1<<20)
	for seq, id := range []string{"a", "b", "c", "d"} {
		deep.put(1, uint64(seq)+1, id, false)
	}
	late.Reset(late.Room("r", late.now), at(1, 3), late.now)
	late.put(1, 4, "d", false)
	late.put(1, 5, "e", true)
	before := func(r *recorded, floor view.Point) protocol.History {
		return r.Lacking(protocol.RoomQuestion{Room: "r", After: floor, Until: floor, Young: true}, nil, r.now)
	}

	late.Prepend(before(deep, at(1, 2)), late.now)
	if l := late.rooms["r"]; l.floor != at(1, 3) || late.byID["b"] != nil {
		t.Errorf("frames that do not end where the log begins are in it, which begins at %v", l.floor)
	}
	late.Prepend(before(deep, at(1, 3)), late.now)
	l := late.rooms["r"]
	var got []string
	for _, e := range l.entries {
		got = append(got, e.frame.ID)
	}
	if strings.Join(got, " ") != "a b c d e" || l.Delivered() != at(1, 4) || l.last != at(1, 5) || l.PassedOver() {
		t.Errorf("the log is %v, delivered up to %v of %v", got, l.Delivered(), l.last)
	}
	if e := late.byID["b"]; e == nil || !e.delivered || !e.missed {
		t.Error("the operation of a frame before is not known")
	}
	late.expect(t, "d", "a b c")
	late.Prepend(before(deep, at(1, 3)), late.now)
	if len(l.entries) != 5 {
		t.Errorf("a history that came twice is in the log twice: %d entries", len(l.entries))
	}
	late.DeliverHeld(l)
	late.Expire(late.now.Add(protocol.LogAge + 1))
	if len(l.entries) > 0 || late.bytes != 0 || len(late.aging) > 0 {
		t.Errorf("%d entries, %d bytes and %d places are left behind the time", len(l.entries), late.bytes, len(late.aging))
	}
}

// TestIdleRoom keeps a room in the logs while they do what they do all the time: a look at it would
// end the test.
func TestIdleRoom(t *testing.T) {
	r := newRecorded(1 << 20)
	r.rooms["idle"] = nil
	r.put(1, 1, "x", true)
	r.DeliverUpTo(r.Room("r", r.now), at(1, 1))
	r.Expire(r.now.Add(protocol.LogAge + 1))
	if r.HeldFrames() != 0 || r.Outcome("x") != Unknown {
		t.Errorf("%d frames are held, and the log has x", r.HeldFrames())
	}
}

// epoch is when the tests begin.
var epoch = time.Unix(1_700_000_000, 0)

// viewOf returns a view whose members are all homes.
func viewOf(number uint64, members ...string) view.View {
	return view.View{ID: view.ID{Number: number, Coordinator: members[0]}, Members: members, Homes: members}
}
