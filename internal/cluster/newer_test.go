package cluster_test

import (
	"bytes"
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"confab/internal/cluster"
)

// newer is the transport of a node of a later release: everything that it says
// has members and fields that the release before does not know.
type newer struct{ cluster.Transport }

func grown(subject string, data []byte) []byte {
	switch {
	case len(data) > 2 && data[0] == '{':
		return append([]byte(`{"later":{"x":[1,null]},`), data[1:]...)
	case string(data) == "{}":
		return []byte(`{"later":"x"}`)
	case strings.HasSuffix(subject, ".frames"), len(data) > 0 && (data[0] == 2 || data[0] == 4): // The compact forms.
		return append(slices.Clone(data), 3, 'n', 'e', 'w')
	}
	return data // The notice of a change is the id of a room and nothing else.
}

func (n newer) Publish(subject string, data []byte) error {
	return n.Transport.Publish(subject, grown(subject, data))
}

func (n newer) Request(ctx context.Context, subject string, data []byte) ([]byte, error) {
	return n.Transport.Request(ctx, subject, grown(subject, data))
}

func (n newer) Subscribe(subject string, handle func(string, []byte, func([]byte))) error {
	return n.Transport.Subscribe(subject, func(subject string, data []byte, reply func([]byte)) {
		if reply != nil {
			answer := reply
			reply = func(data []byte) { answer(grown(subject, data)) }
		}
		handle(subject, data, reply)
	})
}

// withoutInterest is the transport of a node that gets the frames of all rooms.
type withoutInterest struct{ cluster.Transport }

func (o withoutInterest) Publish(subject string, data []byte) error {
	if strings.HasSuffix(subject, ".beats") {
		data = bytes.Replace(data, []byte(`"reads":5,`), []byte(`"reads":2,`), 1)
		if data[0] == 4 {
			data = slices.Clone(data)
			data[2] = 2
		}
	}
	return o.Transport.Publish(subject, data)
}

// withoutBrief is the transport of a node that reads no brief heartbeats, and no views with
// seats.
type withoutBrief struct{ cluster.Transport }

func (o withoutBrief) Publish(subject string, data []byte) error {
	if strings.HasSuffix(subject, ".beats") {
		data = bytes.Replace(data, []byte(`"reads":5,`), []byte(`"reads":3,`), 1)
	}
	return o.Transport.Publish(subject, data)
}

func (o withoutBrief) Subscribe(subject string, handle func(string, []byte, func([]byte))) error {
	return o.Transport.Subscribe(subject, func(subject string, data []byte, reply func([]byte)) {
		switch {
		case strings.HasSuffix(subject, ".beat"):
			return
		case strings.HasSuffix(subject, ".beats"):
			if data[0] != '{' {
				return
			}
			// It sends full ones, and takes other nodes for its own kind.
			data = bytes.Replace(data, []byte(`"reads":5,`), []byte(`"reads":3,`), 1)
		}
		handle(subject, data, reply)
	})
}

// older is the transport of a node of the first release, which reads only JSON.
type older struct {
	cluster.Transport
	t *testing.T
}

func withoutReads(subject string, data []byte) []byte {
	if strings.HasSuffix(subject, ".beats") {
		return bytes.Replace(data, []byte(`"reads":5,`), nil, 1)
	}
	return data
}

func (o older) check(subject string, data []byte) {
	if strings.Contains(subject, ".node.") && (len(data) == 0 || data[0] != '{') {
		o.t.Errorf("%s: %q for or of a node that knows only JSON", subject, data)
	}
}

func (o older) Publish(subject string, data []byte) error {
	o.check(subject, data)
	return o.Transport.Publish(subject, withoutReads(subject, data))
}

func (o older) Request(ctx context.Context, subject string, data []byte) ([]byte, error) {
	o.check(subject, data)
	answer, err := o.Transport.Request(ctx, subject, data)
	if err == nil {
		o.check(subject, answer)
	}
	return answer, err
}

func (o older) Subscribe(subject string, handle func(string, []byte, func([]byte))) error {
	return o.Transport.Subscribe(subject, func(subject string, data []byte, reply func([]byte)) {
		o.check(subject, data)
		handle(subject, withoutReads(subject, data), reply)
	})
}

// TestOlderNode has a node of the first release among nodes of this one.
func TestOlderNode(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		net, r := newNetwork(t, 1), newRooms(12, 100)
		nodes := startNodes(t, net, r, func(string) options { return options{} }, "a", "b")
		c := startNode(t, "c", options{rooms: r, transport: older{net.port("c"), t}})
		nodes["c"] = c
		await(t, nodes, 3)
		for _, room := range r.RoomIDs() {
			c.join(t, room)
			for _, n := range nodes {
				if err := n.say(t, room, "x "+n.id); err != nil {
					t.Error(err)
				}
			}
		}
		time.Sleep(time.Second)
		for _, room := range r.RoomIDs() {
			if wrong := sameOrder(received(nodes, room)); wrong != "" || len(c.clients[room].IDs()) != 3 {
				t.Errorf("%s: %d frames, want 3; %s", room, len(c.clients[room].IDs()), wrong)
			}
		}
	})
}

// foreign is the transport of a node that speaks a version of the wire that is not
// known here.
type foreign struct{ cluster.Transport }

func (f foreign) Publish(subject string, data []byte) error {
	if strings.HasSuffix(subject, ".beats") {
		data = bytes.Replace(data, []byte(`"speaks":1`), []byte(`"speaks":2`), 1)
	}
	return f.Transport.Publish(subject, data)
}

func (f foreign) Subscribe(subject string, handle func(string, []byte, func([]byte))) error {
	return f.Transport.Subscribe(subject, func(subject string, data []byte, reply func([]byte)) {
		if strings.HasSuffix(subject, ".beat") {
			answer := reply
			reply = func(data []byte) { answer(bytes.Replace(data, []byte(`"speaks":1`), []byte(`"speaks":2`), 1)) }
		}
		handle(subject, data, reply)
	})
}

// TestUnknownVersion starts a node where there is one that speaks a newer version
// of the wire: it does not join, says why, and does join its own kind.
func TestUnknownVersion(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		net, r := newNetwork(t, 1), newRooms(8, 100)
		begin := func(id string, transport cluster.Transport) *node {
			n := newNode(t, id, options{rooms: r, transport: transport})
			n.port = net.ports[id]
			t.Cleanup(n.stop)
			if err := n.Start(canceled()); err != nil {
				t.Fatal(err)
			}
			return n
		}
		z := begin("z", foreign{net.port("z")})
		await(t, map[string]*node{"z": z}, 1)
		a := begin("a", net.port("a"))
		time.Sleep(10 * time.Second)
		if v := a.View(); v.ID.Number != 0 {
			t.Errorf("the older node has made a view: %v", v)
		}
		if err := a.Ready(); err == nil || !strings.Contains(err.Error(), "speaks version 2") {
			t.Errorf("the older node is ready, or does not say why not: %v", err)
		}
		z.Close()
		z.port.kill()
		b := begin("b", net.port("b"))
		ours := map[string]*node{"a": a, "b": b}
		await(t, ours, 2)
		// Members keep serving, whatever other node comes.
		begin("y", foreign{net.port("y")})
		time.Sleep(10 * time.Second)
		await(t, ours, 2)
		for _, room := range r.RoomIDs() {
			a.join(t, room)
			b.join(t, room)
		}
		speak(t, ours, r, "on")
	})
}

// TestNewerNode replaces two nodes by one of a later release, as an upgrade does.
func TestNewerNode(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		net := newNetwork(t, 1)
		r := newRooms(8, 100)
		nodes := start(t, net, r, "a", "b")
		said := 0
		say := func() {
			for _, n := range nodes {
				for _, room := range r.RoomIDs() {
					said++
					if err := n.say(t, room, fmt.Sprint(said)); err != nil {
						t.Errorf("%s: %v", n.id, err)
					}
				}
			}
			time.Sleep(time.Second)
			for _, room := range r.RoomIDs() {
				lists := received(nodes, room)
				if wrong := sameOrder(lists); wrong != "" {
					t.Error(wrong)
				}
			}
		}
		c := newNode(t, "c", options{rooms: r, transport: newer{net.port("c")}})
		t.Cleanup(c.stop)
		if err := c.Start(canceled()); err != nil {
			t.Fatal(err)
		}
		nodes["c"] = c
		await(t, nodes, 3)
		for _, room := range r.RoomIDs() {
			c.join(t, room)
		}
		say()
		homes := map[string]bool{}
		for _, room := range r.RoomIDs() {
			homes[c.Owner(room)] = true
		}
		if len(homes) != 3 {
			t.Errorf("only %v are homes: nothing was shown", homes)
		}
		nodes["a"].Drain(t.Context())
		say()
		nodes["a"].stop()
		delete(nodes, "a")
		await(t, nodes, 2)
		say()
		for _, room := range r.RoomIDs() {
			for id, n := range nodes {
				if got := len(n.clients[room].IDs()); got != 8 {
					t.Errorf("%s received %d frames of %s, want all 8", id, got, room)
				}
			}
		}
	})
}
