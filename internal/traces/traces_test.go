package traces

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"confab/internal/chat"
)

var began = time.Date(2026, 12, 1, 0, 0, 0, 0, time.UTC)

// newAttempt returns the n-th attempt of a user.
func newAttempt(n int, user string) *Attempt {
	return &Attempt{Time: began.Add(time.Duration(n) * time.Second), ID: fmt.Sprintf("%012d", n), UserID: user, Result: Delivered}
}

// listed returns the ids of a page.
func listed(t *testing.T, m *Memory, q Query) (ids []string, next *Position) {
	t.Helper()
	page, next := m.List(t.Context(), &q)
	for i := range page {
		ids = append(ids, strings.TrimLeft(page[i].ID, "0"))
	}
	return ids, next
}

// together makes nodes that ask each other.
func together(names ...string) []*Memory {
	all := make([]*Memory, len(names))
	for i, name := range names {
		all[i] = New(0)
		all[i].Node = name
		all[i].AskOthers = func(ctx context.Context, body []byte) (map[string][]byte, bool) {
			answers := map[string][]byte{}
			for _, other := range all {
				if other != all[i] {
					answers[other.Node], _ = other.Answer(ctx, body)
				}
			}
			return answers, true
		}
	}
	return all
}

func TestRecord(t *testing.T) {
	t.Run("an attempt is shown as it was", func(t *testing.T) {
		m := New(0)
		want := Attempt{
			Time: began, ID: "abcdefABCDEF", UserID: "ann", Result: Refused, Rule: "review", ErrorCode: 406, ErrorMessage: "no",
			Spent: [Stages]uint32{1, 2, 3, 4}, Total: 10,
		}
		m.Record(nil, "room", &want)
		page, next := m.List(t.Context(), &Query{RoomID: "room", Limit: 10})
		if len(page) != 1 || next != nil {
			t.Fatalf("got %v, %v", page, next)
		}
		if d := cmp.Diff(want, page[0].Attempt); d != "" {
			t.Error(d)
		}
	})
	t.Run("the last attempts of a room are listed, the newest first", func(t *testing.T) {
		m := New(0)
		for n := range 2*perRoom + 7 {
			m.Record(nil, "room", newAttempt(n, "ann"))
		}
		ids, _ := listed(t, m, Query{RoomID: "room", Limit: 10 * perRoom})
		if len(ids) != perRoom || ids[0] != "1006" || ids[perRoom-1] != "507" {
			t.Errorf("%d attempts, from %s to %s", len(ids), ids[0], ids[len(ids)-1])
		}
	})
	t.Run("a long text is cut between characters", func(t *testing.T) {
		m := New(0)
		a := newAttempt(1, "ann")
		a.ErrorMessage = "x" + strings.Repeat("é", mostText)
		m.Record(nil, "room", a)
		page, _ := m.List(t.Context(), &Query{RoomID: "room", Limit: 1})
		if want := a.ErrorMessage[:mostText-1]; page[0].ErrorMessage != want {
			t.Errorf("%d bytes, not %d", len(page[0].ErrorMessage), len(want))
		}
	})
	t.Run("a full room allocates nothing", func(t *testing.T) {
		m, at := New(0), new(Place)
		a := newAttempt(1, "ann")
		f := &chat.Frame{RoomID: "room", ID: a.ID, Type: chat.MessageFrame, Time: a.Time}
		for range perRoom + mostCounts {
			m.Record(at, "room", a)
			m.Delivered(at, f, 3)
		}
		before := m.Bytes()
		if n := testing.AllocsPerRun(1000, func() { m.Record(at, "room", a); m.Delivered(at, f, 3) }); n != 0 {
			t.Errorf("%v allocations", n)
		}
		if m.Bytes() != before {
			t.Errorf("it grows from %d to %d bytes", before, m.Bytes())
		}
	})
	t.Run("a memory that is nil remembers nothing", func(*testing.T) {
		var m *Memory
		m.Record(nil, "room", newAttempt(1, "ann"))
		m.Delivered(nil, &chat.Frame{Type: chat.MessageFrame}, 1)
		m.Erase("", "ann", began, began)
	})
}

func TestBound(t *testing.T) {
	const limit = 1 << 18
	m := New(limit)
	places := make([]Place, 500)
	for n := range 5000 {
		room := n / 10
		m.Record(&places[room], fmt.Sprint("room", room), newAttempt(n, "ann"))
		if got := m.Bytes(); got > limit {
			t.Fatalf("%d bytes after %d attempts", got, n)
		}
	}
	for room, want := range map[string]bool{"room0": false, "room400": true, "room499": true} {
		if ids, _ := listed(t, m, Query{RoomID: room, Limit: 100}); (len(ids) > 0) != want {
			t.Errorf("%s has %d attempts", room, len(ids))
		}
	}
	// A room that was forgotten begins anew, also where it has its place.
	m.Record(&places[0], "room0", newAttempt(30_000, "ann"))
	if ids, _ := listed(t, m, Query{RoomID: "room0", Limit: 100}); len(ids) != 1 {
		t.Errorf("got %v", ids)
	}
}

func TestList(t *testing.T) {
	t.Run("pages are stable while attempts come in", func(t *testing.T) {
		nodes := together("a", "b")
		for n := range 10 {
			nodes[n%2].Record(nil, "room", newAttempt(n+1, "ann"))
		}
		q := Query{RoomID: "room", Limit: 4}
		var all []string
		for {
			ids, next := listed(t, nodes[0], q)
			all = append(all, ids...)
			if q.Before = next; next == nil {
				break
			}
			nodes[1].Record(nil, "room", newAttempt(100, "bob"))
		}
		if got := strings.Join(all, " "); got != "10 9 8 7 6 5 4 3 2 1" {
			t.Errorf("got %s", got)
		}
	})
	t.Run("attempts are selected by user and result", func(t *testing.T) {
		nodes := together("a", "b")
		for n, user := range []string{"ann", "bob", "ann", "bob"} {
			a := newAttempt(n+1, user)
			if n >= 2 {
				a.Result = Refused
			}
			nodes[n%2].Record(nil, "room", a)
		}
		ids, _ := listed(t, nodes[1], Query{RoomID: "room", UserID: "ann", Limit: 10})
		refused, _ := listed(t, nodes[1], Query{RoomID: "room", UserID: "bob", Result: Refused, Limit: 10})
		if d := cmp.Diff([][]string{{"3", "1"}, {"4"}}, [][]string{ids, refused}); d != "" {
			t.Error(d)
		}
	})
	t.Run("deliveries are counted over all nodes", func(t *testing.T) {
		nodes := together("a", "b", "c")
		a := newAttempt(1, "ann")
		nodes[0].Record(nil, "room", a)
		for n, m := range nodes {
			m.Delivered(nil, &chat.Frame{RoomID: "room", ID: a.ID, Type: chat.MessageFrame, Time: a.Time}, 10*n)
		}
		page, _ := nodes[2].List(t.Context(), &Query{RoomID: "room", Limit: 10})
		if len(page) != 1 || page[0].Deliveries != 30 || page[0].Node != "a" {
			t.Errorf("got %+v", page)
		}
	})
	t.Run("of two records of an attempt, the more reliable one is shown", func(t *testing.T) {
		nodes := together("a", "b", "c")
		unsure, failed, done := newAttempt(1, "ann"), newAttempt(1, "ann"), newAttempt(1, "ann")
		unsure.Result, unsure.Unsure = Refused, true
		failed.Result = Refused
		for i, a := range []*Attempt{unsure, failed, done} {
			nodes[i].Record(nil, "room", a)
			page, _ := nodes[0].List(t.Context(), &Query{RoomID: "room", Limit: 10})
			if len(page) != 1 || page[0].Node != nodes[i].Node || page[0].Result != a.Result {
				t.Errorf("got %+v", page)
			}
		}
	})
	t.Run("an answer fits a message between nodes", func(t *testing.T) {
		m := New(0)
		a := newAttempt(1, strings.Repeat("\x01", 512))
		a.ErrorMessage = strings.Repeat("\x01", 512)
		for range perRoom {
			m.Record(nil, "room", a)
		}
		b, err := m.Answer(t.Context(), []byte(`{"room":"room"}`))
		if err != nil || len(b) > mostAnswer*5/4 {
			t.Errorf("%d bytes, %v", len(b), err)
		}
	})
	t.Run("an invalid answer is ignored", func(t *testing.T) {
		m := New(0)
		m.Record(nil, "room", newAttempt(1, "ann"))
		m.AskOthers = func(context.Context, []byte) (map[string][]byte, bool) {
			return map[string][]byte{"a": []byte("x"), "b": []byte(`{"attempts":[1],"counts":"AAAA"}`), "c": nil}, false
		}
		if ids, _ := listed(t, m, Query{RoomID: "room", Limit: 10}); len(ids) != 1 {
			t.Errorf("got %v", ids)
		}
	})
}

func TestErase(t *testing.T) {
	m := New(0)
	fill := func() {
		for n := range 6 {
			m.Record(nil, fmt.Sprint("room", n%2), newAttempt(n+1, []string{"ann", "bob", "eve"}[n%3]))
		}
	}
	fill()
	before := m.Bytes()
	m.Erase("room0", "ann", began.Add(time.Minute), began)
	m.Record(nil, "room0", newAttempt(7, "ann")) // It was under way.
	m.Record(nil, "room0", newAttempt(61, "ann"))
	m.Erase("", "eve", began.Add(time.Minute), began)
	for room, want := range map[string]string{"room0": "61 5", "room1": "4 2"} {
		ids, _ := listed(t, m, Query{RoomID: room, Limit: 10})
		if got := strings.Join(ids, " "); got != want {
			t.Errorf("%s has %s, not %s", room, got, want)
		}
	}
	if m.Bytes() > before {
		t.Errorf("%d bytes, more than %d", m.Bytes(), before)
	}
	m.Record(nil, "room0", newAttempt(1000, "eve")) // The erasure is forgotten.
	m.Record(nil, "room0", newAttempt(8, "eve"))
	if ids, _ := listed(t, m, Query{RoomID: "room0", UserID: "eve", Limit: 10}); len(ids) != 2 {
		t.Errorf("got %v", ids)
	}
}

// TestConcurrent has all methods called at the same time, for the race detector.
func TestConcurrent(t *testing.T) {
	m := New(100_000)
	var places [4]Place
	var all sync.WaitGroup
	for i := range places {
		room := fmt.Sprint("room", i)
		all.Go(func() {
			for n := range 1000 {
				m.Delivered(&places[i], &chat.Frame{RoomID: room, ID: fmt.Sprint(n), Type: chat.MessageFrame, Time: began}, 1)
			}
		})
		for range 2 {
			all.Go(func() {
				for n := range 500 {
					m.Record(&places[i], room, newAttempt(n, fmt.Sprint("user", n%10)))
				}
			})
		}
		all.Go(func() {
			for n := range 50 {
				m.List(t.Context(), &Query{RoomID: room, Limit: 10})
				m.Erase(room, fmt.Sprint("user", n%10), began, began)
			}
		})
	}
	all.Wait()
	if got := m.Bytes(); got > 100_000 || got < 0 {
		t.Errorf("%d bytes", got)
	}
}

// FuzzAnswer checks that no message of another node makes a node fail.
func FuzzAnswer(f *testing.F) {
	f.Add([]byte(`{"room":"room","user":"ann"}`), []byte(`{"node":"b","attempts":[{"number":1,"time":"2026-12-01T00:00:00Z","result":9}],"counts":"AAAA"}`))
	f.Fuzz(func(t *testing.T, q, a []byte) {
		m := New(0)
		m.Record(nil, "room", newAttempt(1, "ann"))
		m.Answer(t.Context(), q) //nolint:errcheck // Most are no questions.
		m.AskOthers = func(context.Context, []byte) (map[string][]byte, bool) { return map[string][]byte{"b": a}, true }
		page, _ := m.List(t.Context(), &Query{RoomID: "room", Limit: 10})
		for i := range page {
			_ = page[i].Result.String()
		}
	})
}

func BenchmarkRecord(b *testing.B) {
	m, at := New(0), new(Place)
	a := newAttempt(1, "0b0a8b5e-6a0c-4c3e-8f0e-0d6b8b1e7b1a")
	b.ReportAllocs()
	for b.Loop() {
		m.Record(at, "room", a)
	}
	b.ReportMetric(float64(m.Bytes()), "bytes/room")
}
