package history

import (
	"maps"
	"slices"
	"testing"
	"time"
)

// TestCheck_bans: bob is banned on n1 at 10 s, and the ban ends at 20 s.
func TestCheck_bans(t *testing.T) {
	ban := Ban{Room: "r", User: "bob", Node: "n1", Sent: 9 * second, Answered: 10 * second, EndSent: 20 * second, Ended: 21 * second}
	forGood := ban
	forGood.EndSent, forGood.Ended = StillOpen, StillOpen
	unknown := forGood
	unknown.Answered = StillOpen
	mute := ban
	mute.Mute = true
	// says returns bob's connection and another, which get a message that bob sent.
	says := func(node string, sent, arrived time.Duration) History {
		q := acknowledged("a", sent, arrived)
		q.User, q.Node = "bob", node
		bob := on("bob", 0, arrived, "")
		bob.Node, bob.Frames = node, []Frame{frame("a", arrived)}
		ann := on("ann", 0, StillOpen, "")
		ann.Frames = bob.Frames
		return History{Connections: []*Connection{bob, ann}, Requests: []*Request{q}}
	}
	refused := func(code int, sent time.Duration) History {
		return History{Requests: []*Request{{
			ID: "qa", User: "bob", Room: "r", Action: SendMessage, Sent: sent, Answered: sent + second/10, Outcome: Refused, Code: code,
		}}}
	}
	connects := func(at, answered time.Duration, status int) History {
		return History{Handshakes: []Handshake{{Token: "t", Node: "n2", Room: "r", User: "bob", At: at, Answered: answered, Status: status}}}
	}
	stays := func(until time.Duration) History {
		return History{Connections: []*Connection{on("bob", 0, until, "")}}
	}
	stopped := func(h History, from, to time.Duration) History {
		h.Stopped = []Stopped{{Node: "n2", From: from, To: to}}
		return h
	}
	for _, test := range []struct {
		name   string
		h      History
		ban    Ban
		want   []Rule
		window int
	}{
		{"a message before the ban", says("n1", 9*second, 10*second+second/2), ban, nil, 0},
		{"a message in the window", says("n1", 10*second+second/2, 11*second), ban, nil, 1},
		{"a message after the window", says("n1", 11*second+1, 11*second+second/2), ban, []Rule{BansHold}, 0},
		{"a message after the window on another node", says("n2", 11*second+1, 11*second+second/2), ban, []Rule{BansHold}, 0},
		{"a message of a user who is banned for good", says("n1", 90*second, 91*second), forGood, []Rule{BansHold, BansHold}, 0},
		{"a message of a muted user after the window", says("n1", 12*second, 13*second), mute, []Rule{BansHold}, 0},
		{"a message after the end", says("n1", 22*second, 23*second), mute, nil, 0},
		{"a message that came while the ban ended", says("n1", 19*second, 20*second+1), mute, nil, 0},
		{"a message after a ban without an answer", says("n1", 12*second, 13*second), unknown, nil, 0},
		{"a message of another user", says("n1", 12*second, 13*second), Ban{Room: "r", User: "eve", EndSent: StillOpen, Ended: StillOpen}, nil, 0},
		{"a message in another room", says("n1", 12*second, 13*second), Ban{Room: "s", User: "bob", EndSent: StillOpen, Ended: StillOpen}, nil, 0},
		{"a message on a node that was stopped", stopped(says("n2", 14*second, 15*second), 9*second, 14*second), ban, nil, 1},
		{"a message on a node that was stopped, later", stopped(says("n2", 15*second+1, 15*second+second/2), 9*second, 14*second), ban, []Rule{BansHold}, 0},
		{"a message on another node than that which was stopped", stopped(says("n1", 11*second+1, 12*second), 9*second, 14*second), ban, []Rule{BansHold}, 0},
		{"a message on a node that was stopped before the ban", stopped(says("n2", 11*second+1, 12*second), 2*second, 9*second), ban, []Rule{BansHold}, 0},
		{"a handshake", connects(10*second+1, 11*second, 101), ban, []Rule{BansHold}, 0},
		{"a handshake that is refused", connects(10*second+1, 11*second, 403), ban, nil, 0},
		{"a handshake that began before the answer", connects(10*second, 11*second, 101), ban, nil, 0},
		{"a handshake while the ban ends", connects(19*second, 20*second, 101), ban, nil, 0},
		{"a handshake of a muted user", connects(12*second, 13*second, 101), mute, nil, 0},
		{"a handshake after a ban without an answer", connects(12*second, 13*second, 101), unknown, nil, 0},
		{"a connection that ends in time", stays(12 * second), ban, nil, 0},
		{"a connection that stays", stays(12*second + 1), ban, []Rule{BansHold}, 0},
		{"a connection that stays open", stays(StillOpen), forGood, []Rule{BansHold}, 0},
		{"a muted user who stays", stays(StillOpen), mute, nil, 0},
		{"403 in the window", refused(403, 10*second), ban, nil, 0},
		{"403 before the answer", refused(403, 9*second), unknown, nil, 0},
		{"403 before the ban", refused(403, 8*second), ban, []Rule{AllowedErrors}, 0},
		{"403 after the end and its window", refused(403, 22*second+1), ban, []Rule{AllowedErrors}, 0},
		{"another code while banned", refused(404, 12*second), ban, []Rule{AllowedErrors}, 0},
		{"a Close frame without an event while banned", History{Connections: []*Connection{closed(on("bob", 0, 10*second, ""))}}, ban, nil, 0},
		{"a Close frame before the ban", History{Connections: []*Connection{closed(on("bob", 0, 8*second, ""))}}, ban, []Rule{NoStrangeClose}, 0},
		{"a Close frame of another user", History{Connections: []*Connection{closed(on("ann", 0, 10*second, ""))}}, ban, []Rule{NoStrangeClose}, 0},
	} {
		t.Run(test.name, func(t *testing.T) {
			test.h.Bans = []*Ban{&test.ban}
			report := Check(&test.h, Options{})
			var got []Rule
			for _, v := range report.Violations {
				got = append(got, v.Rule)
			}
			if !slices.Equal(got, test.want) || report.Window != test.window {
				t.Errorf("got %v and %d in the window, want %v and %d", report.Violations, report.Window, test.want, test.window)
			}
		})
	}
}

// TestCheck_hidden: bob is hidden on n1 at 10 s, and the ban ends at 20 s.
func TestCheck_hidden(t *testing.T) {
	hide := Ban{Room: "r", User: "bob", Node: "n1", Hide: true, Sent: 9 * second, Answered: 10 * second, EndSent: 20 * second, Ended: 21 * second}
	// says returns the connections of bob and ann. Bob sends b between two messages of ann, and
	// gets all three.
	says := func(sent, answered time.Duration, annGets string) History {
		var requests []*Request
		for _, id := range []string{"a", "b", "c"} {
			q := acknowledged(id, sent, answered)
			q.User = map[string]string{"b": "bob"}[id]
			requests = append(requests, q)
		}
		return History{Connections: []*Connection{on("bob", 0, StillOpen, "abc"), on("ann", 0, StillOpen, annGets)}, Requests: requests}
	}
	first := says(15*second, 16*second, "abc")
	eve := on("eve", 18*second, StillOpen, "")
	eve.First = []Frame{frame("a", 18*second), frame("b", 18*second), frame("c", 18*second)}
	first.Connections = append(first.Connections, eve)
	own := says(15*second, 16*second, "ac")
	back := on("bob", 18*second, StillOpen, "")
	back.First = eve.First
	own.Connections = append(own.Connections, back)
	other := hide
	other.Room = "s"
	stopped := says(12*second, 13*second, "abc")
	stopped.Stopped = []Stopped{{Node: "n1", From: 9 * second, To: 12 * second}}
	for _, test := range []struct {
		name   string
		h      History
		ban    Ban
		want   []Rule
		window int
	}{
		{"only the user gets it", says(15*second, 16*second, "ac"), hide, nil, 0},
		{"another user gets it", says(15*second, 16*second, "abc"), hide, []Rule{HiddenStays}, 0},
		{"another user gets it first", first, hide, []Rule{HiddenStays}, 0},
		{"the user gets it first", own, hide, nil, 0},
		{"another user gets it in the window", says(10*second+second/2, 11*second, "abc"), hide, nil, 1},
		{"another user gets it from a node that was stopped", stopped, hide, nil, 1},
		{"it was sent before", says(8*second, 8*second+1, "abc"), hide, nil, 0},
		{"another user does not get what was sent before", says(8*second, 8*second+1, "ac"), hide, []Rule{NoGap, NoLoss}, 0},
		{"it was sent after the end", says(22*second, 23*second, "abc"), hide, nil, 0},
		{"the user is hidden in another room", says(15*second, 16*second, "ac"), other, []Rule{NoGap, NoLoss}, 0},
	} {
		t.Run(test.name, func(t *testing.T) {
			test.h.Bans, test.h.OnJoin = []*Ban{&test.ban}, map[string]int{"r": 3}
			report := Check(&test.h, Options{})
			got := map[Rule]bool{}
			for _, v := range report.Violations {
				got[v.Rule] = true
			}
			want := map[Rule]bool{}
			for _, rule := range test.want {
				want[rule] = true
			}
			if !maps.Equal(got, want) || report.Window != test.window {
				t.Errorf("got %v and %d in the window, want %v and %d", report.Violations, report.Window, test.want, test.window)
			}
		})
	}
	t.Run("the user gets as many first as the room gives", func(t *testing.T) {
		h := says(15*second, 16*second, "ac")
		back := on("bob", 18*second, StillOpen, "")
		back.First = eve.First[1:]
		h.Connections, h.Bans, h.OnJoin = append(h.Connections, back), []*Ban{&hide}, map[string]int{"r": 2}
		if got := Check(&h, Options{}).Violations; got != nil {
			t.Errorf("got %v", got)
		}
		h.OnJoin["r"] = 1
		if got := Check(&h, Options{}).Violations; len(got) == 0 {
			t.Error("one more than the room gives is no violation")
		}
	})
}
