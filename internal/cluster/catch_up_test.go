package cluster_test

import (
	"bytes"
	"fmt"
	"log/slog"
	"maps"
	"math/rand/v2"
	"net/netip"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/go-json-experiment/json"

	"confab/internal/catchup"
	"confab/internal/chat"
	"confab/internal/cluster"
	"confab/internal/ending"
	"confab/internal/messaging"
	"confab/internal/messagingtest"
	"confab/internal/peers"
	"confab/internal/places"
)

// crowd is an audience whose members come and go, in a room in which clients catch up.
type crowd struct {
	mu      sync.Mutex
	members map[*socket]bool
}

func (c *crowd) Deliver(frame []byte) int { return c.DeliverAnd(frame, func() {}) }

func (c *crowd) DeliverAnd(frame []byte, then func()) int {
	c.mu.Lock()
	defer c.mu.Unlock()
	defer then()
	for m := range c.members {
		m.get(frame)
	}
	return len(c.members)
}

func (c *crowd) AppendFrame(b, frame []byte) []byte { return append(append(b, frame...), '\n') }
func (c *crowd) PingEvery(_, _ time.Duration)       {}

// Mark implements replay.Marker. Its clients confirm at once what they have, some of them
// only sometimes.
func (c *crowd) Mark(number uint64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for m := range c.members {
		if !m.lazy || number%3 == 0 {
			m.confirmed.Store(max(m.confirmed.Load(), number))
		}
	}
}

// remove has a member get nothing more.
func (c *crowd) remove(s *socket) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.members, s)
}

// socket is one connection of a roamer, to one node.
type socket struct {
	*roamer
	session   *messaging.Session
	node      string
	confirmed atomic.Uint64
}

func (s *socket) Send([]byte)                {}
func (s *socket) SendIf([]byte, func() bool) {}
func (s *socket) End(ending.Way)             {}

// Confirmed implements members.Confirmer.
func (s *socket) Confirmed() uint64 { return s.confirmed.Load() }

// roamer is a client that loses its connections, and what all of them got.
type roamer struct {
	user   string
	lazy   bool
	socket *socket

	mu  sync.Mutex // guards the fields below
	got []string   // ids, without those that came again on a later connection
	has map[string]bool
	gap string
}

func (r *roamer) get(frame []byte) {
	var f struct {
		ID         string `json:"Id"`
		EventName  string
		Attributes struct{ Missed string }
	}
	if err := json.Unmarshal(frame, &f); err != nil {
		panic(err)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	switch {
	case f.EventName == "confab:GAP":
		r.gap = "GAP " + f.Attributes.Missed
	case !r.has[f.ID]:
		r.has[f.ID] = true
		r.got = append(r.got, f.ID)
	}
}

// read returns what the roamer got.
func (r *roamer) read() (got []string, gap string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.got), r.gap
}

// connect joins a room by a node, as a socket is attached.
func (r *roamer) connect(t *testing.T, n *node, room string) {
	t.Helper()
	token := messagingtest.Token(room, r.user, time.Now())
	s := &socket{roamer: r, node: n.id}
	var err error
	s.session, err = n.engine.Join(t.Context(), token, s, messaging.Client{IP: netip.MustParseAddr("192.0.2.1"), Agent: 7})
	if err != nil {
		t.Fatalf("%s by %s: %v", r.user, n.id, err)
	}
	r.socket = s
	a := s.crowd()
	a.mu.Lock()
	defer a.mu.Unlock()
	frames, _ := s.session.First()
	for f := range bytes.SplitSeq(bytes.Join(frames, nil), []byte("\n")) {
		if len(f) > 0 {
			r.get(f)
		}
	}
	a.members[s] = true
}

func (s *socket) crowd() *crowd { return s.session.Audience().(*crowd) }

// lose ends the connection without a Close frame.
func (r *roamer) lose() {
	r.socket.crowd().remove(r.socket)
	r.socket.session.Part(catchup.Lost)
}

// roamNode is a node whose clients catch up.
type roamNode struct {
	*node
	places *places.Service
}

func newRoamNode(t *testing.T, net *network, id string, rooms *messagingtest.Store) *roamNode {
	p := &peers.Peers{Places: places.New()}
	n := &node{id: id, port: net.port(id), metrics: cluster.NewMetrics(nil), clients: map[string]*client{}}
	n.Node = cluster.New(cluster.Options{
		Name: id, ID: id, Version: "test", Prefix: "confab", Transport: n.port,
		Answers: map[string]cluster.Answer{places.Topic: p.Places.Answer},
		Metrics: n.metrics, Log: testLog(t, id),
	})
	o := messaging.Options{
		Rooms: rooms, Tokens: rooms, Transcript: rooms, Reviewer: rooms, Extensions: true,
		NewAudience: func() messaging.Audience { return &crowd{members: map[*socket]bool{}} },
		CatchUp:     messaging.CatchUp{Memory: catchup.NewMemory(1 << 20)}, LastDelivered: n.LastDelivered,
		Connect: func(e *messaging.Engine) (messaging.Broker, messaging.Home) { return n.Attach(e) },
		Metrics: messaging.NewMetrics(nil), Log: slog.New(slog.DiscardHandler),
	}
	p.CatchUpOverNodes(&o, id, n.Node)
	n.engine = messaging.NewEngine(o)
	p.Places.Live = messaging.CatchUpsOf(n.engine)
	if err := n.Start(canceled()); err != nil {
		t.Fatal(err)
	}
	p.Places.Start()
	r := &roamNode{n, p.Places}
	t.Cleanup(r.end)
	return r
}

func (r *roamNode) end() {
	r.places.Close()
	r.stop()
}

// roaming is a cluster in which clients lose their connections and come back.
type roaming struct {
	t       *testing.T
	net     *network
	rooms   *messagingtest.Store
	rand    *rand.Rand
	nodes   map[string]*roamNode
	roamers []*roamer
	room    string
	sent    int
}

func newRoaming(t *testing.T, seed uint64) *roaming {
	w := &roaming{t: t, net: newNetwork(t, seed), rooms: newRooms(1, 100), rand: rand.New(rand.NewPCG(seed, 2)), nodes: map[string]*roamNode{}}
	w.room = w.rooms.RoomIDs()[0]
	w.rooms.Change(w.room, func(r *chat.Room) { r.Tags = map[string]string{"confab:catch-up": "1m"} })
	for _, id := range []string{"a", "b", "z"} {
		w.nodes[id] = newRoamNode(t, w.net, id, w.rooms)
	}
	w.agreed()
	return w
}

func (w *roaming) agreed() {
	nodes := map[string]*node{}
	for id, n := range w.nodes {
		nodes[id] = n.node
	}
	await(w.t, nodes, len(nodes))
}

func (w *roaming) some() *roamNode {
	ids := slices.Sorted(maps.Keys(w.nodes))
	return w.nodes[ids[w.rand.IntN(len(ids))]]
}

// talk has events sent for a while, one every 40 ms.
func (w *roaming) talk(d time.Duration) {
	for end := time.Now().Add(d); time.Now().Before(end); time.Sleep(40 * time.Millisecond) {
		w.sent++
		if _, err := w.some().engine.SendEvent(w.t.Context(), w.room, fmt.Sprint("e", w.sent), nil); err != nil && chat.CodeOf(err) != chat.Unavailable {
			w.t.Errorf("event %d: %v", w.sent, err)
		}
	}
}

// come has a client connect to some node.
func (w *roaming) come(user string, lazy bool) *roamer {
	r := &roamer{user: user, lazy: lazy, has: map[string]bool{}}
	r.connect(w.t, w.some().node, w.room)
	w.roamers = append(w.roamers, r)
	return r
}

// gone has the clients of a node come back to others.
func (w *roaming) gone(id string) {
	delete(w.nodes, id)
	for _, r := range w.roamers {
		if r.socket.node == id {
			r.socket.crowd().remove(r.socket)
			r.connect(w.t, w.some().node, w.room)
		}
	}
}

// check compares what the clients got with what a client got that lost no connection.
func (w *roaming) check(whole []string) {
	w.t.Helper()
	for _, r := range w.roamers {
		got, gap := r.read()
		if gap != "" {
			w.t.Errorf("%s: %s", r.user, gap)
		}
		from := slices.Index(whole, got[0])
		if from < 0 || !slices.Equal(whole[from:], got) {
			w.t.Errorf("%s: %s", r.user, difference(whole[max(0, from):], got))
		}
	}
}

// TestCatchUpFaults has clients lose their connections and come back by any node, while nodes
// crash, leave and join. They miss nothing, and what comes again comes in order.
func TestCatchUpFaults(t *testing.T) {
	for seed := range uint64(4) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newRoaming(t, seed)
				witness := &roamer{user: "witness", has: map[string]bool{}}
				witness.connect(t, w.nodes["z"].node, w.room)
				z := w.nodes["z"]
				for i := range 5 {
					w.come(fmt.Sprint("user", i), i%2 == 1)
				}
				w.talk(3 * time.Second)
				for i, event := range []string{"roam", "leave", "roam", "join", "crash", "roam"} {
					switch event {
					case "roam":
						for _, r := range w.roamers {
							r.lose()
							w.talk(time.Duration(w.rand.IntN(500)) * time.Millisecond)
							r.connect(t, w.some().node, w.room)
						}
					case "join":
						w.nodes["c"] = newRoamNode(t, w.net, "c", w.rooms)
						w.agreed()
					default:
						delete(w.nodes, "z") // The witness stays there.
						victim := w.some()
						w.nodes["z"] = z
						if event == "leave" {
							victim.Drain(t.Context())
							for _, r := range w.roamers {
								if r.socket.node == victim.id {
									r.lose()
								}
							}
							victim.places.Flush(t.Context())
							victim.places.Close()
							victim.Close()
						} else {
							victim.port.kill()
						}
						w.gone(victim.id)
						w.agreed()
					}
					w.talk(time.Duration(1+i) * time.Second)
				}
				time.Sleep(3 * time.Second)
				synctest.Wait() // What was under way has arrived.
				whole, _ := witness.read()
				w.check(whole)
				if len(whole) < w.sent*3/4 {
					t.Errorf("only %d of %d were delivered", len(whole), w.sent)
				}
				for _, r := range w.roamers {
					r.socket.session.Leave()
				}
				witness.socket.session.Leave()
			})
		})
	}
}

// TestReturnTogether has all clients of a room on one node, which crashes. They come back at the
// same time, to all other nodes and with new clients, before these have noticed that it is gone.
func TestReturnTogether(t *testing.T) {
	for _, seed := range []uint64{51, 56, 61, 75, 118, 136} {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newRoaming(t, seed)
				w.net.delay = 20 * time.Millisecond
				for _, id := range []string{"c", "d"} {
					w.nodes[id] = newRoamNode(t, w.net, id, w.rooms)
				}
				w.agreed()
				first := w.some()
				for i := range 8 {
					r := &roamer{user: fmt.Sprint("user", i), lazy: i%2 == 1, has: map[string]bool{}}
					r.connect(t, first.node, w.room)
					w.roamers = append(w.roamers, r)
				}
				w.talk(3 * time.Second)
				first.port.kill()
				delete(w.nodes, first.id)
				var back sync.WaitGroup
				for _, r := range w.roamers {
					r.socket.crowd().remove(r.socket)
					to := w.some()
					pause := time.Duration(w.rand.IntN(400)) * time.Millisecond
					back.Go(func() {
						time.Sleep(pause)
						r.connect(t, to.node, w.room)
					})
				}
				var guests []*roamer
				for i := range 4 {
					g := &roamer{user: fmt.Sprint("guest", i), has: map[string]bool{}}
					guests = append(guests, g)
					to := w.some()
					pause := time.Duration(w.rand.IntN(2500)) * time.Millisecond
					back.Go(func() {
						time.Sleep(pause)
						g.connect(t, to.node, w.room)
					})
				}
				w.talk(5 * time.Second)
				back.Wait()
				w.talk(time.Second)
				time.Sleep(3 * time.Second)
				synctest.Wait()
				longest := []string{}
				for _, r := range w.roamers {
					if got, _ := r.read(); len(got) > len(longest) {
						longest = got
					}
				}
				w.check(longest)
				for _, r := range append(w.roamers, guests...) {
					r.socket.session.Leave()
				}
			})
		})
	}
}
