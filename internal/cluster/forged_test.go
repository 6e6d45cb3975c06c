package cluster_test

import (
	"context"
	"encoding/binary"
	"math"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/go-json-experiment/json"

	"confab/internal/view"
)

// stranger is another user of the same NATS, which may publish and request what nodes
// may, and is no node. What it sends must neither end a node nor stop the cluster,
// nor have clients receive what no other member has.
type stranger struct {
	*port
	t *testing.T
}

func newStranger(t *testing.T, net *network) stranger { return stranger{net.port("stranger"), t} }

// say publishes something.
func (s stranger) say(subject string, what any) {
	s.t.Helper()
	data, ok := what.([]byte)
	if !ok {
		var err error
		if data, err = json.Marshal(what); err != nil {
			s.t.Fatal(err)
		}
	}
	if err := s.Publish("confab."+subject, data); err != nil {
		s.t.Fatal(err)
	}
}

// ask asks a node, and returns once it has answered or a second is over.
func (s stranger) ask(subject string, what any) {
	s.t.Helper()
	data, err := json.Marshal(what)
	if err != nil {
		s.t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(s.t.Context(), time.Second)
	defer cancel()
	s.Request(ctx, "confab.node."+subject, data) //nolint:errcheck // It may be left without an answer.
}

// object is JSON that no type of ours need allow.
type object map[string]any

// forgedItem is a frame of a room in the stream of a home; see protocol.EncodeItem.
func forgedItem(in view.ID, home string, count uint64, room string) []byte {
	b := binary.AppendUvarint([]byte{1, 1}, in.Number)
	text := func(s string) { b = append(binary.AppendUvarint(b, uint64(len(s))), s...) }
	text(in.Coordinator)
	text(home)
	b = binary.AppendUvarint(b, count)
	b = binary.AppendUvarint(b, 1)
	text(room)
	text("forgedforged")
	text("MESSAGE")
	text("SEND_MESSAGE")
	b = binary.AppendVarint(b, time.Now().UnixNano())
	text("")
	text(`{"Id":"forgedforged","Content":"forged"}`)
	return b
}

// TestForgedNumbers sends numbers of views after which there are no higher ones: nodes
// still join and leave.
func TestForgedNumbers(t *testing.T) {
	for name, last := range map[string]uint64{"the last": math.MaxUint64, "the last but one": math.MaxUint64 - 1} {
		said := map[string]func(s stranger){
			"promised in a heartbeat": func(s stranger) {
				s.say("beats", object{"id": "stranger", "beat": s.count(), "promised": last})
			},
			"of a view in a heartbeat": func(s stranger) {
				s.say("beats", object{"id": "stranger", "beat": s.count(), "view": object{"id": object{"n": last, "c": "stranger"}, "members": []string{"a", "b"}, "homes": []string{"a"}}})
			},
			"to be promised": func(s stranger) {
				v := object{"id": object{"n": last, "c": "stranger"}, "members": []string{"a", "b"}, "homes": []string{"a", "b"}}
				s.ask("a.prepare", v)
				s.ask("b.prepare", v)
			},
		}
		for how, say := range said {
			t.Run(name+" "+how, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					net, r := newNetwork(t, 1), newRooms(8, 100)
					nodes := start(t, net, r, "a", "b")
					s := newStranger(t, net)
					stop := make(chan struct{})
					defer close(stop)
					go func() {
						for tick := time.NewTicker(50 * time.Millisecond); ; {
							select {
							case <-tick.C:
								say(s)
							case <-stop:
								tick.Stop()
								return
							}
						}
					}()
					time.Sleep(time.Second)
					began := time.Now()
					c := joinNode(t, net, r, nodes, "c")
					if took := time.Since(began); took > 5*time.Second {
						t.Errorf("c joined after %s", took)
					}
					for _, room := range r.RoomIDs() {
						c.join(t, room)
					}
					speak(t, nodes, r, "on")
					nodes["b"].port.kill()
					delete(nodes, "b")
					await(t, nodes, 2)
					speak(t, nodes, r, "still on")
				})
			})
		}
	}
}

// count is another number each time.
func (s stranger) count() int64 { return time.Now().UnixMilli() }

// unsafeMessage starts two nodes, has the first send a message as the home of a room,
// which the second does not get, and returns the room and what becomes of the
// message.
func unsafeMessage(t *testing.T) (net *network, nodes map[string]*node, room string, sent chan error) {
	t.Helper()
	net = newNetwork(t, 1)
	r := newRooms(8, 100)
	nodes = start(t, net, r, "a", "b")
	room = homed(t, nodes, r, "a")
	net.losing(func(from, to, subject string) bool {
		return from == "a" && to == "b" && strings.HasSuffix(subject, ".frames") || strings.HasSuffix(subject, ".stream")
	})
	sent = make(chan error, 1)
	go func() { sent <- nodes["a"].say(t, room, "unsafe") }()
	time.Sleep(100 * time.Millisecond)
	return net, nodes, room, sent
}

// arrives expects that the message of unsafeMessage, and another, are received once.
func arrives(t *testing.T, nodes map[string]*node, room string, sent chan error) {
	t.Helper()
	if err := <-sent; err != nil {
		t.Error(err)
	}
	if err := nodes["b"].say(t, room, "behind it"); err != nil {
		t.Error(err)
	}
	time.Sleep(time.Second)
	for id, n := range nodes {
		if said := n.clients[room].Contents(); strings.Join(said, ", ") != "unsafe, behind it" {
			t.Errorf("%s received %q", id, said)
		}
	}
}

// TestForgedAcks acknowledges frames as a node that is no member, in the name of their
// home, and in the name of a member frames that there never were.
func TestForgedAcks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		net, nodes, room, sent := unsafeMessage(t)
		s := newStranger(t, net)
		view := nodes["a"].View().ID
		for count := range uint64(20) {
			s.say("node.a.ack", object{"from": "stranger", "view": view, "count": count})
			s.say("node.a.ack", object{"from": "a", "view": view, "count": count})
		}
		s.say("node.a.ack", object{"from": "b", "view": view, "count": uint64(math.MaxUint64)})
		time.Sleep(100 * time.Millisecond)
		if said := nodes["a"].clients[room].Contents(); len(said) > 0 {
			t.Errorf("a delivered what no other member has: %q", said)
		}
		net.heal()
		arrives(t, nodes, room, sent)
	})
}

// TestForgedHistory completes a room at its home, and so removes what waits for another
// member.
func TestForgedHistory(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		net, nodes, room, sent := unsafeMessage(t)
		newStranger(t, net).ask("a.complete", object{"view": nodes["a"].View().ID, "histories": []object{{"room": room, "keep": true}}})
		net.heal()
		arrives(t, nodes, room, sent)
	})
}

// TestForgedFrames publishes frames without a home, of another view, and so far ahead
// that those before them never come.
func TestForgedFrames(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		net, nodes, room, sent := unsafeMessage(t)
		net.heal()
		s := newStranger(t, net)
		now := nodes["a"].View().ID
		other := view.ID{Number: now.Number + 1, Coordinator: now.Coordinator}
		for count := range uint64(20) {
			s.say("frames", forgedItem(now, "stranger", count, room))
			s.say("frames", forgedItem(now, "", count, room))
			s.say("frames", forgedItem(other, "a", count, room))
		}
		s.say("frames", forgedItem(now, "a", math.MaxUint64, room))
		s.say("frames", []byte("nothing that can be read"))
		s.say("node.b.frames", []byte("nothing that can be read"))
		s.say("node.b.frames", []byte{3, 1})
		s.say("node.b.tail", object{"from": "stranger", "view": now, "count": 5})
		s.say("node.a.leave", []byte{2, 1})
		arrives(t, nodes, room, sent)
	})
}

// TestForgedQuestions asks for items that there are not.
func TestForgedQuestions(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		net, nodes, room, sent := unsafeMessage(t)
		net.heal()
		s := newStranger(t, net)
		view := nodes["a"].View().ID
		for _, id := range []string{"a", "b"} {
			for _, from := range []uint64{0, 1, math.MaxUint64} {
				s.ask(id+".stream", object{"view": view, "from": from, "to": uint64(math.MaxUint64)})
			}
			s.ask(id+".state", object{"view": view, "home": "stranger", "after": "\uffff"})
			s.ask(id+".history", object{"view": view, "rooms": []object{{"room": "stranger", "whole": true}, {"room": room, "young": true}}})
			s.ask(id+".lend", object{"quota": "stranger", "n": math.MinInt64})
			s.ask(id+".stranger", object{})
		}
		arrives(t, nodes, room, sent)
	})
}
