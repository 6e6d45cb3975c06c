package history_test

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"confab/internal/chat"
	"confab/internal/history"
)

// kept is a message in the model.
type kept struct {
	id, user string
	time     time.Time
	deleted  bool
	// maybe means that the message had expired when there was a pruning. With a longer
	// retention it may be seen again.
	maybe bool
}

// model is what the histories of some rooms should have.
type model struct {
	w      *rig
	prefix string // of the names of rooms and users: iterations share a database
	rooms  map[string][]*kept
	keep   map[string]time.Duration
}

func (m *model) name(s string) string { return m.prefix + s }

func (m *model) room(t *rapid.T) string {
	return m.name(rapid.SampledFrom([]string{"a", "b", "c"}).Draw(t, "room"))
}

func (m *model) user(t *rapid.T) string {
	return m.name(rapid.SampledFrom([]string{"ann", "bob"}).Draw(t, "user"))
}

var retentions = []time.Duration{time.Minute, time.Hour, 24 * time.Hour}

func (m *model) setKeep(room string, keep time.Duration) {
	m.keep[room] = keep
	m.w.rooms.set(room, keep)
}

// TestModel compares the history with a model of it, through everything that changes it.
func TestModel(t *testing.T) {
	dialects(t, func(t *testing.T, open opener) {
		w := open(t)
		iteration := 0
		rapid.Check(t, func(r *rapid.T) {
			iteration++
			m := &model{w: w, prefix: fmt.Sprintf("%d-", iteration), rooms: map[string][]*kept{}, keep: map[string]time.Duration{}}
			for _, room := range []string{"a", "b", "c"} {
				m.setKeep(m.name(room), time.Hour)
			}
			r.Repeat(map[string]func(*rapid.T){
				"":        m.check,
				"append":  m.append,
				"delete":  m.delete,
				"erase":   m.erase,
				"keep":    m.changeKeep,
				"compact": func(*rapid.T) { w.compact() },
				"prune":   m.prune,
				"wait":    m.wait,
				"restart": func(*rapid.T) {
					w.close()
					w = open(t)
					m.w = w
				},
			})
		})
	})
}

func (m *model) append(t *rapid.T) {
	var frames []*chat.Frame
	for range rapid.IntRange(1, 20).Draw(t, "frames") {
		room, user := m.room(t), m.user(t)
		size := rapid.SampledFrom([]int{1, 10, 1000, 20_000}).Draw(t, "size")
		// Times of a room are not quite in its order.
		f := m.w.frame(room, user, strings.Repeat("x", size))
		f.Time = f.Time.Add(time.Duration(rapid.IntRange(-3, 0).Draw(t, "late")) * time.Second)
		frames = append(frames, f)
		m.rooms[room] = append(m.rooms[room], &kept{id: f.ID, user: user, time: f.Time})
	}
	m.w.append(frames...)
}

func (m *model) delete(t *rapid.T) {
	room := m.room(t)
	id := "unknown"
	if all := m.rooms[room]; len(all) > 0 {
		k := rapid.SampledFrom(all).Draw(t, "message")
		id, k.deleted = k.id, true
	}
	m.w.append(m.w.deletion(room, "moderator", id, "reason"))
}

func (m *model) erase(t *rapid.T) {
	room, user := m.room(t), m.user(t)
	if rapid.Bool().Draw(t, "all rooms") {
		room = ""
	}
	for range 100 {
		e, err := m.w.Erase(context.Background(), room, user, nil)
		if err != nil {
			t.Fatal(err)
		}
		if e.Done {
			break
		}
	}
	for id := range m.rooms {
		if room == "" || room == id {
			m.rooms[id] = slices.DeleteFunc(m.rooms[id], func(k *kept) bool { return k.user == user })
		}
	}
}

func (m *model) changeKeep(t *rapid.T) {
	room := m.room(t)
	m.setKeep(room, rapid.SampledFrom(retentions).Draw(t, "keep"))
	if err := m.w.Changed(context.Background(), room); err != nil {
		t.Fatal(err)
	}
}

func (m *model) prune(t *rapid.T) {
	if err := m.w.Prune(context.Background()); err != nil {
		t.Fatal(err)
	}
	for room, all := range m.rooms {
		for _, k := range all {
			k.maybe = k.maybe || k.time.Before(m.oldest(room))
		}
	}
}

func (m *model) wait(t *rapid.T) {
	d := rapid.SampledFrom([]time.Duration{time.Second, 10 * time.Second, 10 * time.Minute, 2 * time.Hour}).Draw(t, "time")
	m.w.clock.set(m.w.clock.Now().Add(d))
}

// oldest is the oldest time that the room's retention allows.
func (m *model) oldest(room string) time.Time { return m.w.clock.Now().Add(-m.keep[room]) }

// check compares what every kind of read returns.
func (m *model) check(t *rapid.T) {
	for room, all := range m.rooms {
		notBefore := m.oldest(room)
		user := ""
		if rapid.Bool().Draw(t, "by user") {
			user = m.user(t)
		}
		q := history.Query{RoomID: room, NotBefore: notBefore, UserID: user, IncludeDeleted: rapid.Bool().Draw(t, "deleted"), Max: rapid.IntRange(1, 30).Draw(t, "page")}
		if rapid.Bool().Draw(t, "times") && len(all) > 0 {
			q.Start = rapid.SampledFrom(all).Draw(t, "start").time
			q.End = rapid.SampledFrom(all).Draw(t, "end").time
		}
		var want, maybe []string
		for _, k := range all {
			switch {
			case k.time.Before(notBefore), user != "" && k.user != user, k.deleted && !q.IncludeDeleted,
				!q.Start.IsZero() && k.time.Before(q.Start), !q.End.IsZero() && !k.time.Before(q.End):
			case k.maybe:
				maybe = append(maybe, k.id)
			default:
				want = append(want, k.id)
			}
		}
		ids := func(all []history.Message) (ids []string) {
			for _, x := range all {
				if !slices.Contains(maybe, x.ID) {
					ids = append(ids, x.ID)
				}
				if known := slices.IndexFunc(m.rooms[room], func(k *kept) bool { return k.id == x.ID }); known < 0 || m.rooms[room][known].deleted != (x.Deletion != nil) {
					t.Errorf("message %s is known at %d, with deletion %v", x.ID, known, x.Deletion)
				}
			}
			return ids
		}
		if diff := gocmp.Diff(want, ids(m.w.list(q))); diff != "" {
			t.Fatalf("oldest first, want (-) and got (+) differ:\n%s", diff)
		}
		q.NewestFirst = true
		newest := m.w.list(q)
		slices.Reverse(newest)
		if diff := gocmp.Diff(want, ids(newest)); diff != "" {
			t.Fatalf("newest first, want (-) and got (+) differ:\n%s", diff)
		}
		latest, err := m.w.Latest(context.Background(), room, q.Max, notBefore)
		if err != nil || !slices.IsSortedFunc(latest, func(a, b history.Message) int { return cmp.Compare(a.Position, b.Position) }) {
			t.Fatalf("the latest are %v, %v", ids(latest), err)
		}
		exported := map[string]bool{}
		err = m.w.Frames(context.Background(), room, time.Time{}, time.Time{}, func(x *history.Message) error {
			exported[x.ID] = true
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		for _, id := range want {
			if !exported[id] {
				t.Fatalf("message %s is not exported", id)
			}
		}
	}
}
