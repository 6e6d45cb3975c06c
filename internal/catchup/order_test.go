package catchup_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"confab/internal/catchup"
	"confab/internal/chat"
)

// Two nodes deliver the same frames, one of them from some frame on. It gets the earlier ones
// from the other, and loses those of a user who is erased.
func TestPrepend(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		m := catchup.NewMemory(1 << 20)
		whole, late := m.NewLog(time.Minute), m.NewLog(time.Minute)
		at := chat.Point{Epoch: 5, Sequence: 10}
		whole.Begin(at)
		points, frames, only := []chat.Point{at}, []string{""}, []string{""}
		begin := rapid.IntRange(0, 60).Draw(t, "begin")
		n := rapid.IntRange(begin, 100).Draw(t, "frames")
		// Frames may come before the node is told from where on all of them come.
		first := begin - rapid.IntRange(0, min(begin, 5)).Draw(t, "before")
		told := rapid.IntRange(begin, n).Draw(t, "told")
		for i := range n {
			switch rapid.IntRange(0, 9).Draw(t, "step") {
			case 0: // Another home.
				at.Epoch++
			case 1: // A frame that was carried out before.
				at.Sequence++
			}
			if i == told {
				late.Begin(points[begin])
			}
			at.Sequence++
			f := fmt.Sprint(i, strings.Repeat("x", rapid.IntRange(0, 3000).Draw(t, "size")), ";")
			points, frames = append(points, at), append(frames, f)
			user := rapid.SampledFrom([]string{"", "bob", "eve"}).Draw(t, "user")
			add := func(l *catchup.Log) { l.Append([]byte(f), user, at) }
			only = append(only, "")
			if user != "" && rapid.Bool().Draw(t, "private") {
				add = func(l *catchup.Log) { l.AppendFor(user, []byte(f), user, at) }
				only[i+1] = user
			}
			add(whole)
			if i >= first {
				add(late)
			}
			if user == "eve" {
				frames[i+1] = ""
			}
		}
		if told == n {
			late.Begin(points[begin])
		}
		after := rapid.IntRange(0, begin).Draw(t, "after")
		var pages []catchup.Page
		for p := points[after]; ; {
			page := whole.Read(p, points[begin], 10_000)
			pages = append(pages, page)
			if !page.More {
				break
			}
			p, _ = page.End()
		}
		late.Prepend(pages, points[after])
		late.Erase("eve")
		for i := after; i <= n; i++ {
			if !late.Covers(points[i]) {
				t.Fatalf("it does not cover %+v, frame %d behind %d", points[i], i, after)
			}
			e := &catchup.Elsewhere{Place: &catchup.Found{At: points[i], Left: int64(time.Minute)}}
			s := late.Take(ann, nil, e)
			for _, reader := range []string{"ann", "bob", "eve"} {
				var want string
				for k := i + 1; k < len(frames); k++ {
					if only[k] == "" || only[k] == reader {
						want += frames[k]
					}
				}
				if pieces, missed := late.Since(s.Number, reader); text(pieces) != want || missed != 0 || !e.Taken {
					t.Fatalf("%s behind frame %d: got %.60q, want %.60q; %d missed", reader, i, text(pieces), want, missed)
				}
			}
		}
		if after > 0 && late.Covers(points[0]) {
			t.Error("it covers what it did not get")
		}
		whole.Close()
		late.Close()
		if used := m.Used(); used != 0 {
			t.Errorf("%d bytes are left", used)
		}
	})
}

// gapOf returns the frames of a client that has been elsewhere at a point.
func gapOf(l *catchup.Log, at chat.Point) string {
	s := l.Take(ann, nil, &catchup.Elsewhere{Place: &catchup.Found{At: at, Left: int64(time.Minute)}})
	return text(l.Missed(s, ann.UserID, plain{}, time.Now()))
}

type plain struct{}

func (plain) AppendFrame(b, frame []byte) []byte { return append(b, frame...) }

func TestGapOverNodes(t *testing.T) {
	m := catchup.NewMemory(1 << 20)
	l := m.NewLog(time.Minute)
	l.Begin(chat.Point{Epoch: 9, Sequence: 20})
	l.Append([]byte("x"), "", chat.Point{Epoch: 9, Sequence: 21})
	if got := gapOf(l, chat.Point{Epoch: 8, Sequence: 17}); !strings.HasPrefix(got, "x{") || !strings.Contains(got, `"Missed":"3"`) {
		t.Errorf("three frames that no node has: %s", got)
	}
	if got := gapOf(l, chat.Point{Epoch: 8, Sequence: 400}); !strings.Contains(got, "confab:GAP") || strings.Contains(got, "Missed") {
		t.Errorf("nodes that have all started anew: %s", got)
	}
	if got := gapOf(l, chat.Point{Epoch: 9, Sequence: 20}); got != "x" {
		t.Errorf("no gap: %s", got)
	}
}

func TestReports(t *testing.T) {
	m := catchup.NewMemory(1 << 20)
	here, there := m.NewLog(time.Minute), m.NewLog(time.Minute)
	for i := range uint64(5) {
		at := chat.Point{Epoch: 1, Sequence: i + 1}
		here.Append([]byte("x"), "", at)
		there.Append([]byte("x"), "", at)
	}
	bob := catchup.Client{UserID: "bob", Agent: 1}
	here.Part(ann, catchup.Start{Number: here.End() - 3}, 0, catchup.Lost)
	live := func(f func(catchup.Client, uint64)) {
		for i := range 50_000 {
			f(catchup.Client{UserID: fmt.Sprint("user", i)}, here.End())
		}
		f(bob, here.End()-1)
	}
	tell := func() {
		pages, settled := here.Reports("a", live)
		if len(pages) != 3 || settled {
			t.Fatalf("%d pages, settled: %t", len(pages), settled)
		}
		for i := range pages {
			if known := there.Hold(&pages[i], time.Now()); known != (i == 2) {
				t.Fatalf("page %d: known: %t", i, known)
			}
		}
	}
	where := func(c catchup.Client, answered ...string) *catchup.Elsewhere {
		nodes := map[string]bool{}
		for _, n := range answered {
			nodes[n] = true
		}
		return there.Choose(c, there.Find(c, "b", nil), nodes)
	}
	tell()
	if e := where(ann); e == nil || e.Place == nil || e.Place.At.Sequence != 2 {
		t.Fatalf("ann: %+v", e)
	}
	if e := where(bob); e == nil || e.Place == nil || e.Place.At.Sequence != 4 {
		t.Errorf("a connection of a node that is gone: %+v", e)
	}
	if e := where(bob, "a"); e != nil {
		t.Errorf("the node itself knows better: %+v", e)
	}
	if e := where(catchup.Client{UserID: "ann", Agent: 2}); e != nil {
		t.Errorf("another device: %+v", e)
	}
	there.Took(ann, "b", where(ann).Place, "c")
	if e := where(ann, "c"); e != nil {
		t.Errorf("a client that has continued at c: %+v", e)
	}
	if e := where(ann); e == nil {
		t.Error("c is gone as well, and its place is, too")
	}
	if !catchup.Expects(there, "bob") {
		t.Error("bob may return")
	}
	before := there.Held(func(string) bool { return false })
	there.Void("bob", chat.Point{Epoch: 1, Sequence: 6})
	if e := where(bob); e != nil || catchup.Expects(there, "bob") {
		t.Errorf("a user who was disconnected: %+v", e)
	}
	// A node that takes over, or reads the reports from a file, does not know of the disconnect.
	next := m.NewLog(time.Minute)
	for _, r := range there.Held(func(string) bool { return false }) {
		next.Hold(&r, time.Now())
	}
	if all := next.Find(bob, "c", nil); len(all) > 0 || len(next.Find(ann, "c", nil)) != 1 {
		t.Errorf("at the next node bob has the places %+v", all)
	}
	if some := slices.ContainsFunc(before, func(r catchup.Report) bool { return r.Has("bob") }); !some {
		t.Error("a report that was read before has changed")
	}
	here.Append([]byte("x"), "", chat.Point{Epoch: 1, Sequence: 6})
	tell()
	if e := where(bob); e == nil {
		t.Error("a user who has come again since")
	}
	if known := there.Hold(&catchup.Report{Node: "a"}, time.Now()); !known || where(bob) != nil {
		t.Errorf("a node without clients: %+v", where(bob))
	}
}

func FuzzReport(f *testing.F) {
	f.Add([]byte(strings.Repeat("a", 40)), uint64(3), 0, 1)
	f.Add([]byte{1, 2, 3}, uint64(1), 1, 2)
	f.Fuzz(func(_ *testing.T, entries []byte, version uint64, page, pages int) {
		l := catchup.NewMemory(1 << 20).NewLog(time.Minute)
		l.Hold(&catchup.Report{Node: "a", Version: version, Page: page, Pages: pages, Entries: entries, Points: make([]chat.Point, 3)}, time.Now())
		l.Choose(ann, l.Find(ann, "b", nil), nil)
		catchup.Expects(l, "ann")
		l.Void("ann", chat.Point{Epoch: 1})
		for _, r := range l.Held(func(string) bool { return false }) {
			r.Has("ann")
			l.Hold(r.Displaced(time.Now(), chat.Point{Epoch: 9}, page > 0), time.Now())
		}
		l.Prepend([]catchup.Page{{Points: []catchup.PointRun{{Count: page}}, Frames: [][]byte{entries}, Users: []uint64{version}}}, chat.Point{})
		l.Prepend([]catchup.Page{{
			Points: []catchup.PointRun{{Count: 1}}, Frames: [][]byte{nil}, Users: []uint64{version},
			Private: []catchup.PrivateFrame{{At: page, UserID: "ann", Frame: entries}, {At: pages, UserID: "bob", Frame: entries}},
		}}, chat.Point{})
		l.Since(0, "ann")
		l.Expire()
	})
}
