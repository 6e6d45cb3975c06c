package history

import (
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// TestCheck_catchUp has a client come back to a room whose witness got "abcdefghi", one frame
// each second from 1 s on.
func TestCheck_catchUp(t *testing.T) {
	back := func(opened time.Duration, frames string) *Connection {
		c := on("bob", opened, StillOpen, "")
		for _, l := range frames {
			c.Frames = append(c.Frames, frame(string(l), opened))
		}
		return c
	}
	told := back(8*second, "ghi")
	told.Missed = "2"
	first := func() *Connection { return on("bob", 0, 5*second, "abcd") }
	gone := closed(first(), Frame{ID: "x", Event: DisconnectEvent, Target: "bob", At: 5 * second})
	short := on("bob", 5500*time.Millisecond, 6*second, "")
	for _, test := range []struct {
		name         string
		bob          []*Connection
		catchUp      bool
		acknowledged string
		options      Options
		want         []Rule
	}{
		{"everything that was missed", []*Connection{first(), back(8*second, "efghi")}, true, "abcdefghi", Options{}, nil},
		{"again what was not confirmed", []*Connection{first(), back(8*second, "bcdefghi")}, true, "abcdefghi", Options{}, nil},
		{"one missing", []*Connection{first(), back(8*second, "fghi")}, true, "", Options{}, []Rule{CatchesUp}},
		{"one missing in a room without catch-up", []*Connection{first(), back(8*second, "fghi")}, false, "", Options{}, nil},
		{"again in a room without catch-up", []*Connection{first(), back(8*second, "bcdefghi")}, false, "", Options{}, []Rule{Joins}},
		{"one missing of two absences", []*Connection{first(), short, back(8*second, "fghi")}, true, "", Options{}, []Rule{CatchesUp}},
		{"nothing comes any more", []*Connection{first(), back(9*second, "")}, true, "f", Options{}, []Rule{CatchesUp}},
		{"one missing behind a Close frame", []*Connection{gone, back(8*second, "fghi")}, true, "abcdefghi", Options{}, []Rule{NoStrangeClose}},
		{"told of a gap", []*Connection{first(), told}, true, "", Options{}, []Rule{CatchesUp}},
		{"told of a gap where it may be", []*Connection{first(), told}, true, "", Options{MayMiss: true}, nil},
		{"lost at once, before other nodes could know", []*Connection{on("bob", 0, 2*second, "a"), back(8*second, "hi")}, true, "abcdefghi", Options{}, nil},
		{"two swapped", []*Connection{first(), back(8*second, "fehgi")}, true, "", Options{}, []Rule{OneOrder}},
		{"a client that was not there before", []*Connection{back(8*second, "hi")}, true, "", Options{}, nil},
	} {
		t.Run(test.name, func(t *testing.T) {
			witness := on("witness", 0, StillOpen, "abcdefghi")
			h := &History{Connections: append(test.bob, witness), CatchUp: map[string]bool{"r": test.catchUp}}
			for _, f := range witness.Frames {
				if strings.Contains(test.acknowledged, f.ID) {
					h.Requests = append(h.Requests, acknowledged(f.ID, f.At-second/2, f.At))
				}
			}
			var rules []Rule
			for _, v := range Check(h, test.options).Violations {
				if !slices.Contains(rules, v.Rule) {
					rules = append(rules, v.Rule)
				}
			}
			if !slices.Equal(rules, test.want) {
				t.Errorf("got %v, want %v", rules, test.want)
			}
		})
	}
}

// TestCheck_catchUpOfUser has a user come back at 8 s with another client, which nodes cannot tell
// from the first one. It gets what came since 2 s. The user may have been banned from 5 to 7 s.
func TestCheck_catchUpOfUser(t *testing.T) {
	ban := Ban{Room: "r", User: "bob", Node: "n1", Sent: 5 * second, Answered: 5 * second, EndSent: 7 * second, Ended: 7 * second}
	hide, ranged := ban, ban
	hide.Hide, ranged.Range = true, true
	apart := Partition{From: 4 * second, To: 12 * second, Side: map[string]int{"n1": 0, "n2": 1}}
	for _, test := range []struct {
		name    string
		user    string
		catchUp bool
		bans    []*Ban
		h       History
		want    bool
	}{
		{"the same user", "bob", true, nil, History{}, false},
		{"another user", "eve", true, nil, History{}, true},
		{"a room without catch-up", "bob", false, nil, History{}, true},
		{"after a ban", "bob", true, []*Ban{&ban}, History{}, true},
		{"after the user was hidden", "bob", true, []*Ban{&hide}, History{}, false},
		{"after a ban of the address", "bob", true, []*Ban{&ranged}, History{}, false},
		{"from the other side of a partition", "bob", true, nil, History{Partitions: []Partition{apart}}, false},
	} {
		t.Run(test.name, func(t *testing.T) {
			first, again := on("bob", 0, 3500*time.Millisecond, "abc"), on("again", 8*second, StillOpen, "")
			first.Node, again.User = "n2", test.user
			for _, l := range "cdefghi" {
				again.Frames = append(again.Frames, frame(string(l), 8*second))
			}
			h := test.h
			h.Connections = []*Connection{on("witness", 0, StillOpen, "abcdefghi"), first, again}
			h.CatchUp, h.Bans = map[string]bool{"r": test.catchUp}, test.bans
			got := slices.ContainsFunc(Check(&h, Options{}).Violations, func(v Violation) bool { return v.Rule == Joins })
			if got != test.want {
				t.Errorf("violations are %v, want some: %v", Check(&h, Options{}).Violations, test.want)
			}
		})
	}
}

// TestCheck_catchUpOfLegal has a client of a legal history come back again and again, and then
// takes a frame away that it had missed.
func TestCheck_catchUpOfLegal(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		h := legal(t)
		h.CatchUp = map[string]bool{"r": true}
		whole := h.Connections[0].Frames
		from, at := 0, time.Duration(0)
		var mine []*Connection
		var starts []int
		for from < len(whole) {
			to := rapid.IntRange(from+1, len(whole)).Draw(t, "to")
			c := on("back", at, whole[to-1].At+second/4, "")
			for _, f := range whole[max(0, from-rapid.IntRange(0, 5).Draw(t, "again")):to] {
				f.At = max(f.At, at)
				c.Frames = append(c.Frames, f)
			}
			mine, starts = append(mine, c), append(starts, from)
			from, at = to, c.Ended+second/8
		}
		mine[len(mine)-1].Ended = StillOpen
		h.Connections = append(h.Connections, mine...)
		if got := Check(h, Options{}).Violations; len(got) > 0 {
			t.Fatal(got)
		}
		last := starts[len(starts)-1]
		if len(mine) < 3 || last == len(whole)-1 {
			return
		}
		gone := whole[last].ID // Others stand before and behind it.
		for _, c := range mine {
			c.Frames = slices.DeleteFunc(c.Frames, func(f Frame) bool { return f.ID == gone })
		}
		if !slices.ContainsFunc(Check(h, Options{}).Violations, func(v Violation) bool { return v.Rule == CatchesUp || v.Rule == NoGap }) {
			t.Fatalf("no violation without %s", gone)
		}
	})
}
