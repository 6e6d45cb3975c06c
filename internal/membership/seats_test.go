package membership

import (
	"fmt"
	"maps"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"confab/internal/protocol"
	"confab/internal/view"
)

// rooms is how many rooms move, or do not.
const rooms = 600

// moving is a cluster whose views follow from who drains, leaves and joins, and how often rooms
// have moved in it.
type moving struct {
	view    view.View
	now     time.Time
	changed time.Time // of the last view
	drains  map[string]bool
	nodes   []string
	moves   map[string]int    // by room
	homes   map[string]string // by room
}

func newMoving(nodes ...string) *moving {
	c := &moving{now: Epoch, nodes: slices.Clone(nodes), drains: map[string]bool{}, moves: map[string]int{}, homes: map[string]string{}}
	for i := range rooms {
		c.moves[fmt.Sprint("room ", i)] = 0
	}
	c.settle()
	for room := range c.moves {
		c.moves[room] = 0
	}
	return c
}

// settle makes views until there is nothing to change.
func (c *moving) settle() {
	for {
		self := slices.Min(c.nodes)
		m, current := New(self), view.View{}
		m.started, m.eligible = Epoch.Add(-time.Hour), !c.drains[self]
		if c.view.Has(self) {
			current, m.viewSince = c.view, c.changed
		}
		for _, id := range c.nodes {
			b := protocol.Heartbeat{ID: id, Eligible: !c.drains[id], Reads: protocol.BriefVersion, Sees: slices.Sorted(slices.Values(c.nodes))}
			if c.view.Has(id) {
				b.View = c.view
			}
			if id != self {
				m.peers[id] = &peer{since: Epoch.Add(-time.Hour), seenAt: c.now, last: b}
			}
		}
		next, ok := m.Proposal(&current, c.now)
		if !ok || next.SameAs(&c.view) {
			return
		}
		next.ID = view.ID{Number: c.view.ID.Number + 1, Coordinator: self}
		for room := range c.moves {
			home := next.Home(room)
			if home != c.homes[room] {
				c.moves[room]++
			}
			c.homes[room] = home
		}
		c.view, c.changed = next, c.now
	}
}

func (c *moving) drain(id string) {
	c.drains[id] = true
	c.now = c.now.Add(20 * time.Second)
	c.settle()
}

func (c *moving) leave(id string) {
	c.nodes = slices.DeleteFunc(c.nodes, func(node string) bool { return node == id })
	c.settle()
}

func (c *moving) join(id string) {
	c.nodes = append(c.nodes, id)
	c.now = c.now.Add(5 * time.Second)
	c.settle()
}

// replace has a node drain and leave, as in a deployment, and another one join in its place.
func (c *moving) replace(old, next string) {
	c.drain(old)
	c.leave(old)
	c.join(next)
}

// part takes nodes away that have a view of their own from now on.
func (c *moving) part(nodes ...string) *moving {
	other := &moving{view: c.view, now: c.now, changed: c.changed, nodes: nodes, drains: maps.Clone(c.drains), moves: map[string]int{}, homes: maps.Clone(c.homes)}
	c.nodes = slices.DeleteFunc(c.nodes, func(id string) bool { return slices.Contains(nodes, id) })
	c.settle()
	other.settle()
	return other
}

// unite has the nodes of both sides in one view.
func (c *moving) unite(other *moving) {
	if other.view.ID.Compare(c.view.ID) > 0 {
		c.view, c.homes = other.view, other.homes
	}
	c.now = c.now.Add(5 * time.Second)
	c.nodes = append(c.nodes, other.nodes...)
	maps.Copy(c.drains, other.drains)
	c.settle()
}

// average returns how often a room has moved, and how many of the rooms have moved once.
func (c *moving) average() (average, once float64) {
	for _, n := range c.moves {
		average += float64(n) / rooms
		if n == 1 {
			once += 1. / rooms
		}
	}
	return average, once
}

// TestRollingRestartMoves restarts all nodes of a cluster, one after another, and counts how
// often rooms move: once, except those of the first node.
func TestRollingRestartMoves(t *testing.T) {
	for _, tt := range []struct {
		nodes int
		most  float64 // on average
		once  float64 // at least
	}{{3, 1.9, .5}, {10, 1.3, .75}, {30, 1.1, .9}} {
		for _, surge := range []bool{false, true} {
			t.Run(fmt.Sprintf("%d nodes, surge %t", tt.nodes, surge), func(t *testing.T) {
				var before []string
				for i := range tt.nodes {
					before = append(before, fmt.Sprintf("node-%02d_old", i))
				}
				c := newMoving(before...)
				for i, old := range before {
					next := fmt.Sprintf("node-%02d_new", i)
					if !surge {
						c.replace(old, next)
						continue
					}
					c.join(next)
					c.drain(old)
					c.leave(old)
				}
				c.now = c.now.Add(protocol.SpareWait)
				c.settle()
				average, once := c.average()
				t.Logf("a room has moved %.2f times, %.0f %% of them once", average, 100*once)
				if average > tt.most || once < tt.once {
					t.Errorf("want %.2f times on average, and %.0f %% once", tt.most, 100*tt.once)
				}
				if len(c.view.Homes) != tt.nodes {
					t.Errorf("%d homes: %v on %v, vacant %v", len(c.view.Homes), c.view.Homes, seatsOf(&c.view), c.view.Vacant)
				}
				each := map[string]int{}
				for _, home := range c.homes {
					each[home]++
				}
				for id, n := range each {
					if n > 3*rooms/tt.nodes {
						t.Errorf("%s is the home of %d rooms", id, n)
					}
				}
			})
		}
	}
}

// TestSeats goes through what may happen to homes.
func TestSeats(t *testing.T) {
	expect := func(t *testing.T, c *moving, homes, seats, vacant string) {
		t.Helper()
		got := fmt.Sprint(c.view.Homes, seatsOf(&c.view), c.view.Vacant)
		if want := fmt.Sprintf("[%s] [%s] [%s]", homes, seats, vacant); got != want {
			t.Errorf("homes, seats and vacant ones are\n%s, want\n%s", got, want)
		}
	}
	t.Run("nodes beyond the vacant seats get seats at once", func(t *testing.T) {
		c := newMoving("a", "b")
		c.join("c")
		expect(t, c, "a b c", "a b c", "")
	})
	t.Run("a node that crashed leaves no seat vacant", func(t *testing.T) {
		c := newMoving("a", "b")
		c.leave("b")
		c.join("b2")
		expect(t, c, "a b2", "a b2", "")
	})
	t.Run("a node that is back waits, and takes the vacant seat", func(t *testing.T) {
		c := newMoving("b", "c")
		c.drain("c")
		expect(t, c, "b", "b", "c")
		c.leave("c")
		c.join("a")
		expect(t, c, "b", "b", "c")
		c.now = c.now.Add(protocol.SpareWait - 1)
		c.settle()
		expect(t, c, "b", "b", "c")
		c.now = c.now.Add(1)
		c.settle()
		expect(t, c, "a b", "c b", "")
	})
	t.Run("a node that is back takes the seat of the next node that drains at once", func(t *testing.T) {
		c := newMoving("b", "c")
		c.replace("c", "a")
		c.drain("b")
		expect(t, c, "a", "b", "c")
	})
	t.Run("more nodes than vacant seats do not wait", func(t *testing.T) {
		c := newMoving("a", "b", "c")
		c.drain("c")
		c.nodes = append(c.nodes, "d", "e")
		c.settle()
		expect(t, c, "a b e", "a b e", "c")
	})
	t.Run("a node does not wait for a seat if there is no home", func(t *testing.T) {
		c := newMoving("a", "b")
		c.drain("a")
		c.leave("b")
		c.join("c")
		expect(t, c, "c", "a", "")
	})
	t.Run("when the last home drains nothing moves", func(t *testing.T) {
		c := newMoving("a", "b")
		c.drain("a")
		c.drain("b")
		expect(t, c, "b", "b", "a")
		c.leave("b")
		expect(t, c, "a", "a", "")
	})
	t.Run("no more than half of the seats wait for a node", func(t *testing.T) {
		c := newMoving("b", "c", "d")
		c.drain("c")
		c.drain("d")
		c.join("a")
		expect(t, c, "a b", "c b", "d")
		c.join("e")
		expect(t, c, "a b", "c b", "d")
	})
	t.Run("homes of two sides of a partition", func(t *testing.T) {
		c := newMoving("a", "b", "c", "d")
		c.replace("c", "e")
		other := c.part("d", "e")
		other.drain("d")
		expect(t, other, "e", "d", "c")
		other.leave("d")
		c.join("f")
		c.now = c.now.Add(protocol.SpareWait)
		c.settle()
		expect(t, c, "a b f", "a b c", "")
		c.unite(other)
		expect(t, c, "b e f", "b d f", "c") // The later view continues: a had no seat there.
	})
	t.Run("a member that does not read seats has homes go by ids", func(t *testing.T) {
		c := newMoving("a", "b")
		m := New("a")
		m.peers["b"] = &peer{last: protocol.Heartbeat{ID: "b", Eligible: true, Reads: protocol.InterestVersion}}
		c.view.Seats, c.view.Vacant = []string{"b", "x"}, []string{"y"}
		v := view.View{Members: c.view.Members}
		m.assign(&v, &c.view, c.now)
		if c.view = v; c.view.Seats != nil {
			t.Error("it has seats")
		}
		expect(t, c, "a b", "a b", "")
	})
	t.Run("the first keeper of a seat's rooms is their next home", func(t *testing.T) {
		v := view.View{Members: []string{"a", "b", "c", "d"}, Homes: []string{"a", "b", "c", "d"}, Seats: []string{"x", "b", "y", "d"}}
		v = v.WithNames()
		for i := range 200 {
			room := fmt.Sprint("room ", i)
			home := v.Home(room)
			next := view.View{}
			for j, id := range v.Homes {
				if id != home {
					next.Members, next.Homes, next.Seats = append(next.Members, id), append(next.Homes, id), append(next.Seats, v.Seats[j])
				}
			}
			if got, first := next.Home(room), v.Keepers(room, home)[0]; got != first {
				t.Fatalf("the next home of %s is %s, and %s its first keeper", room, got, first)
			}
		}
	})
}

// TestSeatsHold has nodes drain, leave, join and be parted, and checks what is true of every view.
func TestSeatsHold(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		c := newMoving("n00", "n01", "n02", "n03")
		count := len(c.nodes)
		step := func(t *rapid.T, c *moving) {
			before := c.view
			switch id := rapid.SampledFrom(c.nodes).Draw(t, "node"); rapid.SampledFrom([]string{"drain", "leave", "join", "wait"}).Draw(t, "event") {
			case "drain":
				c.drain(id)
			case "leave":
				if len(c.nodes) > 1 {
					c.leave(id)
				}
			case "join":
				c.join(fmt.Sprintf("n%02d", count))
				count++
			case "wait":
				c.now = c.now.Add(protocol.SpareWait)
				c.settle()
				for _, id := range c.nodes {
					if !c.drains[id] && !c.view.IsHome(id) {
						t.Fatalf("%s has no seat after %s: %v on %v, vacant %v", id, protocol.SpareWait, c.view.Homes, seatsOf(&c.view), c.view.Vacant)
					}
				}
			}
			c.check(t, &before)
		}
		for range rapid.IntRange(1, 20).Draw(t, "steps") {
			if len(c.nodes) > 2 && rapid.IntRange(0, 5).Draw(t, "parts") == 0 {
				other := c.part(slices.Clone(c.nodes[:1+rapid.IntRange(0, len(c.nodes)-2).Draw(t, "size")])...)
				step(t, c)
				step(t, other)
				c.unite(other)
				c.check(t, nil)
			} else {
				step(t, c)
			}
		}
	})
}

// check fails if seats are not what they should be; before is the view that they follow from.
func (c *moving) check(t *rapid.T, before *view.View) {
	v := &c.view
	wrong := func(what string) {
		t.Fatalf("%s: members %v, homes %v on %v, vacant %v, drained %v", what, v.Members, v.Homes, seatsOf(v), v.Vacant, c.drains)
	}
	all := slices.Sorted(slices.Values(slices.Concat(seatsOf(v), v.Vacant)))
	if len(slices.Compact(slices.Clone(all))) < len(all) {
		wrong("a seat is there twice")
	}
	able, waiting := 0, 0
	for _, id := range v.Members {
		if !c.drains[id] {
			if able++; !v.IsHome(id) {
				waiting++
			}
		}
	}
	for _, id := range v.Homes {
		if !v.Has(id) || able > 0 && c.drains[id] {
			wrong(id + " must not be a home")
		}
	}
	if len(v.Homes) == 0 || !slices.IsSorted(v.Homes) {
		wrong("the homes are none, or not sorted")
	}
	if waiting > len(v.Vacant) || waiting > 0 && len(v.Vacant) > len(v.Homes) {
		wrong("nodes wait that should not")
	}
	for i := range 50 {
		if before == nil {
			break
		}
		room := fmt.Sprint("room ", i)
		from, to := before.Home(room), v.Home(room)
		at, still := slices.BinarySearch(v.Homes, from)
		was, _ := slices.BinarySearch(before.Homes, from)
		next, _ := slices.BinarySearch(v.Homes, to)
		if from != to && still && v.SeatAt(at) == before.SeatAt(was) && slices.Contains(seatsOf(before), v.SeatAt(next)) {
			wrong("room " + room + " moved without a cause from " + from + " to " + to)
		}
	}
}

// seatsOf returns the seats of the homes.
func seatsOf(v *view.View) (all []string) {
	for i := range v.Homes {
		all = append(all, v.SeatAt(i))
	}
	return all
}
