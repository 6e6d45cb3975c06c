package cluster_test

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"slices"
	"time"

	"confab/internal/chat"
	"confab/internal/messaging"
	"confab/internal/messagingtest"
)

// The rooms of guests. Each differs in who is there.
const (
	guestsOfAll  = "guests of all"  // z from the beginning to the end, the others now and then
	guestsSome   = "guests of some" // all nodes now and then, so that there may be none
	guestsOfA    = "guests of a"    // a from the beginning, nobody else
	guestsAtLast = "guests of z"    // z now and then
)

var guestRooms = []string{guestsOfAll, guestsSome, guestsOfA, guestsAtLast}

// guest is a client that comes to a room and leaves it while faults happen. It has to
// receive the room's order from some place on until it leaves, and all that was said
// after it had come.
type guest struct {
	*messagingtest.Audience
	session *messagingtest.Client
	time    span
	room    string
	from    int // frames of the audience before it came
	gone    bool
	list    []string // once it is gone
}

// span is a time at a node.
type span struct {
	node        string
	began, over time.Time // over is zero until the end
	parted      int       // how many partitions were over before
}

// said is what was acknowledged to a node.
type said struct {
	what string
	room string
	time span
	// event says that no client of the node waited for it: the node need not have had it.
	event bool
}

func (w *trial) span(node string) span {
	parted := len(w.parted)
	if w.apart {
		parted--
	}
	return span{node: node, began: time.Now(), parted: parted}
}

// together reports whether two spans saw the same sides of all partitions that both saw. One
// that begins soon after the end of a span counts, as what was delivered last may not have
// arrived everywhere before.
func (w *trial) together(x, y span) bool {
	for i := max(x.parted, y.parted); i < len(w.parted); i++ {
		saw := func(s span) bool { return s.over.IsZero() || w.parted[i].Before(s.over.Add(3*time.Second)) }
		if !saw(x) || !saw(y) {
			return true
		}
		a, b := w.sides[x.node], w.sides[y.node]
		if i >= len(a) || i >= len(b) || a[i] != b[i] {
			return false
		}
	}
	return true
}

// partedSoon reports whether a partition began soon after a time. What was known then to the
// room's home and one other node may be so on their side only.
func (w *trial) partedSoon(at time.Time) bool {
	return slices.ContainsFunc(w.parted, func(parted time.Time) bool { return parted.After(at) && parted.Before(at.Add(3*time.Second)) })
}

// visit has a node's clients come to rooms and leave them, and speak while they are there.
func (w *trial) visit(n *node, seed uint64) {
	random := rand.New(rand.NewPCG(seed, uint64(len(n.id))<<8+uint64(n.id[0])))
	upTo := func(d time.Duration) time.Duration { return time.Duration(random.Int64N(int64(d))) }
	w.senders.Go(func() { w.announce(n, rand.New(rand.NewPCG(seed, uint64(n.id[0])))) })
	rooms := []string{guestsSome, guestsSome, guestsOfAll}
	if n.id == "z" {
		rooms = []string{guestsSome, guestsAtLast}
		w.senders.Go(func() { w.stay(n, guestsOfAll, func() time.Duration { return time.Hour }) })
	}
	if n.id == "a" {
		w.senders.Go(func() { w.stay(n, guestsOfA, func() time.Duration { return time.Hour }) })
	}
	w.senders.Go(func() {
		for i := 0; w.goesOn(n, upTo(3*time.Second)); i++ {
			w.stay(n, rooms[random.IntN(len(rooms))], func() time.Duration { return upTo(4 * time.Second) })
			if random.IntN(3) == 0 && !w.goesOn(n, 7*time.Second) { // Until the room is no longer live.
				return
			}
		}
	})
}

// goesOn waits, and reports whether the trial and the node are still there.
func (w *trial) goesOn(n *node, wait time.Duration) bool {
	select {
	case <-w.stop:
		return false
	case <-time.After(wait):
		return n.port.alive()
	}
}

// announce sends events to all rooms of guests, as applications do.
func (w *trial) announce(n *node, random *rand.Rand) {
	for w.goesOn(n, 80*time.Millisecond) {
		room := guestRooms[random.IntN(len(guestRooms))]
		w.mu.Lock()
		s := said{room: room, time: w.span(n.id), event: true}
		w.mu.Unlock()
		id, err := n.engine.SendEvent(w.t.Context(), room, "e", nil)
		if s.what = id; err == nil {
			w.acknowledged(n, s)
		} else if chat.CodeOf(err) != chat.Unavailable {
			w.t.Errorf("%s: %v", n.id, err)
		}
	}
}

func (w *trial) acknowledged(n *node, s said) {
	if n.port.alive() {
		w.mu.Lock()
		defer w.mu.Unlock()
		w.said = append(w.said, s)
	}
}

// stay has a client join a room, speak there, and leave it.
func (w *trial) stay(n *node, room string, long func() time.Duration) {
	c := &messagingtest.Client{}
	s, err := n.engine.Join(w.t.Context(), messagingtest.Token(room, n.id, time.Now()), c, messaging.Client{IP: netip.MustParseAddr("192.0.2.1")})
	if err != nil {
		if chat.CodeOf(err) != chat.Unavailable {
			w.t.Errorf("%s joins %s: %v", n.id, room, err)
		}
		return
	}
	c.Session = s
	g := &guest{Audience: s.Audience().(*messagingtest.Audience), session: c, room: room}
	w.mu.Lock()
	if g.from, g.time = len(g.keys()), w.span(n.id); !n.port.alive() {
		g.goes()
	}
	w.guests = append(w.guests, g)
	w.mu.Unlock()
	until := time.Now().Add(long())
	for i := 0; time.Now().Before(until); i++ {
		if !w.goesOn(n, 30*time.Millisecond) {
			return // It stays to the end.
		}
		w.mu.Lock()
		m := said{what: fmt.Sprint(n.id, "-", g.time.began.UnixNano(), "-", i), room: room, time: w.span(n.id)}
		w.mu.Unlock()
		err := s.SendMessage(w.t.Context(), messaging.Request{Received: time.Now()}, m.what, nil)
		switch {
		case err == nil:
			if !slices.Contains(g.keys()[g.from:], m.what) && n.port.alive() {
				w.t.Errorf("%s: %s was acknowledged to its sender, who did not receive it", room, m.what)
			}
			w.acknowledged(n, m)
		case chat.CodeOf(err) != chat.Unavailable && chat.CodeOf(err) != chat.Throttled:
			w.t.Errorf("%s: %v", n.id, err)
		}
	}
	w.mu.Lock()
	g.goes()
	w.mu.Unlock()
	s.Leave()
}

// keys are the contents of messages and the ids of events.
func (g *guest) keys() []string {
	var keys []string
	for _, f := range g.Frames() { // At once: more may come between two questions.
		key, _ := f["Content"].(string)
		if key == "" {
			key, _ = f["Id"].(string)
		}
		keys = append(keys, key)
	}
	return keys
}

// goes notes that a guest receives nothing any more.
func (g *guest) goes() {
	if !g.gone {
		g.gone, g.list, g.time.over = true, g.keys()[g.from:], time.Now()
	}
}

// goneWith notes that a node is gone, with its guests.
func (w *trial) goneWith(node string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, g := range w.guests {
		if g.time.node == node {
			g.goes()
		}
	}
}

// checkGuests compares what guests received with each other, and with what was said.
func (w *trial) checkGuests() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, g := range w.guests {
		if !g.gone {
			g.list = g.keys()[g.from:]
		}
		if d := duplicate(g.list); d != "" {
			return fmt.Sprintf("%s: a guest of %s received %s twice", g.room, g.time.node, d)
		}
	}
	lists := map[*guest][]string{}
	for _, g := range w.guests {
		lists[g] = w.once(g.list, g.IDs()[g.from:])
	}
	for i, x := range w.guests {
		for _, y := range w.guests[:i] {
			if x.room != y.room || !w.together(x.time, y.time) {
				continue
			}
			if wrong := differ(lists[x], lists[y], x.gone, y.gone); wrong != "" {
				return fmt.Sprintf("%s: guests of %s and %s were together, %v %v: %s", x.room, x.time.node, y.time.node, x.time, y.time, wrong)
			}
		}
	}
	for _, s := range w.said {
		if s.event && w.partedSoon(s.time.began) {
			continue
		}
		for _, g := range w.guests {
			if !g.gone && g.room == s.room && g.time.began.Before(s.time.began) && w.together(g.time, s.time) && !slices.Contains(g.list, s.what) {
				return fmt.Sprintf("%s: %s was acknowledged to %s and not received by a guest of %s, there since %v; it has %d frames, %v", s.room, s.what, s.time.node, g.time.node, g.time.began, len(g.list), s.time)
			}
		}
	}
	return ""
}

// differ says what is wrong if two guests did not receive the same while both were there.
func differ(a, b []string, aGone, bGone bool) string {
	if len(a) == 0 || len(b) == 0 {
		return ""
	}
	if i := slices.Index(a, b[0]); i >= 0 {
		a = a[i:]
	} else if j := slices.Index(b, a[0]); j >= 0 {
		b = b[j:]
	} else if !aGone && !bGone {
		return "they have nothing in common: " + difference(a, b)
	} else {
		return ""
	}
	n := min(len(a), len(b))
	if !slices.Equal(a[:n], b[:n]) || len(a) > n && !bGone || len(b) > n && !aGone {
		return difference(a, b)
	}
	return ""
}
