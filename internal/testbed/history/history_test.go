package history

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"
)

const second = time.Second

// on returns a connection of the client that got the frames named by the
// letters, one each second from the first on.
func on(client string, opened, ended time.Duration, letters string) *Connection {
	c := &Connection{Client: client, User: client, Room: "r", Node: "n1", Opened: opened, Ended: ended}
	for i, l := range letters {
		c.Frames = append(c.Frames, frame(string(l), opened+time.Duration(i+1)*second))
	}
	return c
}

func frame(id string, at time.Duration) Frame {
	return Frame{ID: id, RequestID: "q" + id, Content: id, At: at}
}

// acknowledged returns the request that became the frame.
func acknowledged(id string, sent, answered time.Duration) *Request {
	return &Request{
		ID: "q" + id, Client: "sender", Room: "r", Node: "n1", Action: SendMessage, Content: id,
		Sent: sent, Answered: answered, Outcome: Acknowledged, FrameID: id,
	}
}

func kick(user string, at time.Duration) *Request {
	return &Request{ID: "kick", Room: "r", Action: DisconnectUser, Target: user, Sent: at, Answered: at, Outcome: Acknowledged, FrameID: "k"}
}

func closed(c *Connection, frames ...Frame) *Connection {
	c.Ending = EndedClosed
	c.Frames = append(c.Frames, frames...)
	return c
}

func TestCheck(t *testing.T) {
	event := Frame{ID: "k", RequestID: "kick", Event: DisconnectEvent, Target: "bob", At: 9 * second}
	for _, test := range []struct {
		name string
		h    History
		want []Rule
	}{
		{"nothing", History{}, nil},
		{"overlapping parts of one order", History{Connections: []*Connection{
			on("a", 0, 5*second, "abcd"), on("b", 0, StillOpen, "cdef"), on("c", 0, 4*second, "bc"),
		}}, nil},
		{"two frames swapped", History{Connections: []*Connection{
			on("a", 0, StillOpen, "abcd"), on("b", 0, StillOpen, "acbd"),
		}}, []Rule{OneOrder}},
		{"three receivers whose orders agree in pairs only", History{Connections: []*Connection{
			on("a", 0, 5*second, "ab"), on("b", 0, 5*second, "bc"), on("c", 0, 5*second, "ca"),
		}}, []Rule{OneOrder}},
		{"a frame missing between two", History{Connections: []*Connection{
			on("a", 0, StillOpen, "abc"), on("b", 0, StillOpen, "ac"),
		}}, []Rule{NoGap}},
		{"a frame missing that no single receiver got between the two", History{Connections: []*Connection{
			on("a", 0, 5*second, "ab"), on("b", 0, 5*second, "bc"), on("c", 0, StillOpen, "ac"),
		}}, []Rule{NoGap}},
		{"frames in no relation are no gap", History{Connections: []*Connection{
			on("a", 0, StillOpen, "abd"), on("b", 0, 5*second, "ac"),
		}}, nil},
		{"a frame twice on a connection", History{Connections: []*Connection{
			on("a", 0, StillOpen, "abb"),
		}}, []Rule{NoDuplicate}},
		{"a frame again on the next connection is no duplicate", History{Connections: []*Connection{
			on("a", 0, 3*second, "ab"), on("a", 4*second, StillOpen, "bc"),
		}}, nil},
		{"a request that became two frames", History{Connections: []*Connection{
			{Room: "r", Ended: StillOpen, Frames: []Frame{{ID: "a", RequestID: "q"}, {ID: "b", RequestID: "q"}}},
		}}, []Rule{NoDuplicate}},
		{"a frame that differs between receivers", History{Connections: []*Connection{
			{Room: "r", Ended: StillOpen, Frames: []Frame{{ID: "a", Sum: 1}}},
			{Room: "r", Ended: StillOpen, Frames: []Frame{{ID: "a", Sum: 2}}},
		}}, []Rule{SameFrame}},
		{"a frame with content that was never sent", History{
			Connections: []*Connection{{Room: "r", Frames: []Frame{{ID: "a", RequestID: "qa", Content: "x"}}}},
			Requests:    []*Request{acknowledged("a", 0, second)},
		}, []Rule{SameFrame}},
		{"an acknowledged frame missing at the end", History{
			Connections: []*Connection{on("a", 0, StillOpen, "ab"), on("b", 0, StillOpen, "a")},
			Requests:    []*Request{acknowledged("b", second, 2*second)},
		}, []Rule{NoLoss}},
		{"an acknowledged frame that no client got", History{
			Connections: []*Connection{on("a", 0, StillOpen, "")},
			Requests:    []*Request{acknowledged("b", second, 2*second)},
		}, []Rule{NoLoss}},
		{"an acknowledged frame before a connection's first", History{
			Connections: []*Connection{on("a", 0, 9*second, "ab"), on("b", 0, 9*second, "b")},
			Requests:    []*Request{acknowledged("a", second, 2*second)},
		}, []Rule{NoLoss}},
		{"an acknowledged frame in a connection's last moment", History{
			Connections: []*Connection{on("a", 0, StillOpen, "ab"), on("b", 0, 3*second, "a")},
			Requests:    []*Request{acknowledged("b", second, 2*second)},
		}, nil},
		{"an acknowledged frame before a connection opened", History{
			Connections: []*Connection{on("a", 0, StillOpen, "ab"), on("b", 2*second, StillOpen, "b")},
			Requests:    []*Request{acknowledged("a", second, 3*second)},
		}, nil},
		{"a renewed token: the second connection starts right behind the first", History{Connections: []*Connection{
			on("a", 0, StillOpen, "abcdef"), on("b", 0, 9*second, "abcdef"), {Client: "b", Room: "r", Node: "n1", Opened: 3 * second, Ended: StillOpen, Frames: []Frame{frame("d", 4*second), frame("e", 5*second)}},
		}}, nil},
		{"a renewed token: the second connection repeats the open window", History{Connections: []*Connection{
			on("a", 0, StillOpen, "abcdef"), on("b", 0, 9*second, "abcdef"), {Client: "b", Room: "r", Node: "n1", Opened: 3 * second, Ended: StillOpen, Frames: []Frame{frame("c", 4*second), frame("d", 4*second)}},
		}}, nil},
		{"a renewed token: the frames of the open window are lost", History{Connections: []*Connection{
			on("a", 0, StillOpen, "abcdef"), on("b", 0, 9*second, "abcdef"), {Client: "b", Room: "r", Node: "n1", Opened: 3 * second, Ended: StillOpen, Frames: []Frame{frame("e", 5*second), frame("f", 6*second)}},
		}}, []Rule{Joins}},
		{"a connection that starts in the past", History{Connections: []*Connection{
			on("a", 0, StillOpen, "abcdef"), {Client: "b", Room: "r", Node: "n1", Opened: 5 * second, Ended: StillOpen, Frames: []Frame{frame("b", 5*second), frame("c", 5*second)}},
		}}, []Rule{Joins}},
		{"a connection to another node, which was behind", History{Connections: []*Connection{
			on("a", 0, StillOpen, "abcdef"), {Client: "b", Room: "r", Node: "n2", Opened: 5 * second, Ended: StillOpen, Frames: []Frame{frame("b", 5*second), frame("c", 5*second)}},
		}}, nil},
		{"a refused message that was delivered", History{
			Connections: []*Connection{on("a", 0, StillOpen, "a")},
			Requests:    []*Request{{ID: "qa", Room: "r", Action: SendMessage, Content: "a", Outcome: Refused, Code: 429}},
		}, []Rule{RefusalsHold}},
		{"an unexpected ErrorCode", History{
			Requests: []*Request{{ID: "qa", Room: "r", Action: SendMessage, Outcome: Refused, Code: 404}},
		}, []Rule{AllowedErrors}},
		{"expected ErrorCodes", History{Requests: []*Request{
			{ID: "qa", Room: "r", Outcome: Refused, Code: 429}, {ID: "qb", Room: "r", Outcome: Refused, Code: 500},
		}}, nil},
		{"a kick", History{
			Connections: []*Connection{closed(on("bob", 0, 9*second, "a"), event)},
			Requests:    []*Request{kick("bob", 8*second)},
		}, nil},
		{"a kicked user who stays", History{
			Connections: []*Connection{on("bob", 0, StillOpen, "")},
			Requests:    []*Request{{ID: "kick", Room: "r", Action: DisconnectUser, Target: "bob", Sent: 1, Answered: 2, Outcome: Acknowledged, FrameID: "a"}},
		}, []Rule{NoLoss, KicksEnd}},
		{"a frame behind one's own kick", History{
			Connections: []*Connection{closed(on("bob", 0, 9*second, ""), event, frame("z", 9*second))},
			Requests:    []*Request{kick("bob", 8*second)},
		}, []Rule{KicksEnd}},
		{"a user who joined after the own kick", History{
			Connections: []*Connection{closed(on("bob", 8500*time.Millisecond, 9*second, ""), frame("a", 9*second))},
			Requests:    []*Request{kick("bob", 8*second)},
		}, []Rule{KicksEnd}},
		{"a user who joined after the own kick, where it is a ban", History{
			Connections:   []*Connection{closed(on("bob", 8500*time.Millisecond, 9*second, ""), frame("a", 9*second))},
			Requests:      []*Request{kick("bob", 8*second)},
			DisconnectBan: map[string]bool{"r": true},
		}, nil},
		{"a frame behind one's own kick, where it is a ban", History{
			Connections:   []*Connection{closed(on("bob", 0, 9*second, ""), event, frame("z", 9*second))},
			Requests:      []*Request{kick("bob", 8*second)},
			DisconnectBan: map[string]bool{"r": true},
		}, []Rule{KicksEnd}},
		{"a Close for another user", History{
			Connections: []*Connection{closed(on("ann", 0, 9*second, "a"))},
		}, []Rule{NoStrangeClose}},
		{"a client that gave up", History{GaveUp: []GaveUp{{Client: "ann", User: "ann", Room: "r", At: second, Status: 403}}}, []Rule{ComesBack}},
		{"a client that gave up, and was banned later", History{
			Requests: []*Request{kick("bob", 8*second)}, DisconnectBan: map[string]bool{"r": true},
			GaveUp: []GaveUp{{Client: "bob", User: "bob", Room: "r", At: 7 * second, Status: 403}},
		}, []Rule{ComesBack}},
		{"a client that gave up because it was banned", History{
			Requests: []*Request{kick("bob", 8*second)}, DisconnectBan: map[string]bool{"r": true},
			GaveUp: []GaveUp{{Client: "bob", User: "bob", Room: "r", At: 9 * second, Status: 403}},
		}, nil},
		{"a token on two nodes", History{Handshakes: []Handshake{
			{Token: "t", Node: "n1", Status: 101}, {Token: "t", Node: "n2", Status: 101}, {Token: "u", Node: "n1", Status: 101},
		}}, []Rule{TokenOnce}},
		{"a token refused and never answered", History{Handshakes: []Handshake{
			{Token: "t", Node: "n1", Status: 101}, {Token: "t", Node: "n2", Status: 401}, {Token: "t", Node: "n3"},
		}}, nil},
	} {
		t.Run(test.name, func(t *testing.T) {
			got := Check(&test.h, Options{Codes: []int{500}}).Violations
			var rules []Rule
			for _, v := range got {
				if !slices.Contains(rules, v.Rule) {
					rules = append(rules, v.Rule)
				}
			}
			if !slices.Equal(rules, test.want) {
				t.Errorf("got %v, want %v", got, test.want)
			}
		})
	}
}

func TestCheck_rate(t *testing.T) {
	// messages returns n messages that are sent and arrive at the given time.
	messages := func(h *History, n int, at, arrival time.Duration) {
		for range n {
			id := fmt.Sprint("m", len(h.Requests))
			h.Requests = append(h.Requests, acknowledged(id, at, at+arrival))
			h.Connections[0].Frames = append(h.Connections[0].Frames, frame(id, at+arrival))
		}
	}
	for _, test := range []struct {
		name   string
		fill   func(h *History)
		fresh  int
		broken bool
	}{
		{"the whole bucket at once", func(h *History) { messages(h, 10, second, 0) }, 0, false},
		{"one more", func(h *History) { messages(h, 11, second, 0) }, 0, true},
		{"bucket and refill", func(h *History) { messages(h, 10, second, 0); messages(h, 10, 2*second, 0) }, 0, false},
		{"two buckets within half a second", func(h *History) { messages(h, 10, second, 0); messages(h, 10, second+second/2, 0) }, 0, true},
		{"two buckets, when rates began anew between them", func(h *History) { messages(h, 10, second, 0); messages(h, 10, second, 0) }, 1, false},
		{"three buckets, when rates began anew once", func(h *History) { messages(h, 10, second, 0); messages(h, 20, second, 0) }, 1, true},
		{"held back, then all at once", func(h *History) { messages(h, 10, second, 3*second); messages(h, 10, 4*second, 0) }, 0, false},
		{"a little too fast for a long time", func(h *History) {
			for i := range 100 {
				messages(h, 1, time.Duration(i)*second/12, 0)
			}
		}, 0, true},
	} {
		t.Run(test.name, func(t *testing.T) {
			h := &History{Connections: []*Connection{on("a", 0, StillOpen, "")}, Rates: map[string]int{"r": 10}}
			test.fill(h)
			got := Check(h, Options{FreshBuckets: test.fresh}).Violations
			if (len(got) > 0) != test.broken || test.broken && got[0].Rule != RoomRate {
				t.Errorf("got %v", got)
			}
		})
	}
}

func TestCheck_partition(t *testing.T) {
	at := func(node string, ended time.Duration, letters string) *Connection {
		c := on(node, 0, ended, letters)
		c.Node = node
		return c
	}
	partition := []Partition{{From: 1500 * time.Millisecond, To: 3500 * time.Millisecond, Side: map[string]int{"n1": 0, "n2": 1, "n3": 1}}}
	for _, test := range []struct {
		name  string
		h     History
		apart int
		want  string
	}{
		{"sides differ during it", History{Connections: []*Connection{
			at("n1", StillOpen, "abcd"), at("n2", StillOpen, "axyd"), at("n3", StillOpen, "axyd"),
		}}, 4, ""},
		{"one side disagrees with itself", History{Connections: []*Connection{
			at("n1", StillOpen, "abcd"), at("n2", StillOpen, "axyd"), at("n3", StillOpen, "ayxd"),
		}}, 4, string(OneOrder)},
		{"disagreement after it", History{Connections: []*Connection{
			at("n1", StillOpen, "abcde"), at("n2", StillOpen, "axyed"),
		}}, 4, string(OneOrder)},
		{"a message of one side is not lost on the other", History{
			Connections: []*Connection{at("n1", StillOpen, "ab"), at("n2", StillOpen, "a")},
			Requests:    []*Request{acknowledged("b", 1600*time.Millisecond, 2*second)},
		}, 1, ""},
		{"a kick on one side does not reach the other", History{
			Connections: []*Connection{at("n1", StillOpen, ""), at("n2", StillOpen, "")},
			Requests: []*Request{{
				ID: "kick", Room: "r", Node: "n2", Action: DisconnectUser, Target: "n1", Sent: 2 * second, Answered: 2 * second, Outcome: Acknowledged,
			}},
		}, 0, ""},
		{"a kick on one side reaches it", History{
			Connections: []*Connection{at("n1", StillOpen, ""), at("n2", StillOpen, "")},
			Requests: []*Request{{
				ID: "kick", Room: "r", Node: "n2", Action: DisconnectUser, Target: "n2", Sent: 2 * second, Answered: 2 * second, Outcome: Acknowledged,
			}},
		}, 0, string(KicksEnd)},
		{"a message before it is lost", History{
			Connections: []*Connection{at("n1", StillOpen, "a"), at("n2", StillOpen, "")},
			Requests:    []*Request{acknowledged("a", second/2, second)},
		}, 0, string(NoLoss)},
	} {
		t.Run(test.name, func(t *testing.T) {
			test.h.Partitions = partition
			r := Check(&test.h, Options{})
			if r.Apart != test.apart {
				t.Errorf("%d frames apart, want %d", r.Apart, test.apart)
			}
			var lines []string
			for _, v := range r.Violations {
				lines = append(lines, v.String())
			}
			got := strings.Join(lines, "\n")
			if test.want == "" && got != "" || !strings.Contains(got, test.want) {
				t.Errorf("got %q, want %q", got, test.want)
			}
		})
	}
}
