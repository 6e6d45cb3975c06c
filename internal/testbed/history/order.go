package history

import (
	"fmt"
	"slices"
)

// order checks that one order of the room's frames explains what every
// connection received, and that no connection misses a frame between two that
// it got.
//
// Each pair of neighbouring frames on a connection is an edge of a graph. A
// cycle in it is a second order. Without a cycle, a frame is missing on a
// connection when paths lead to it from one frame of the connection and from it
// to the next.
func (r *room) order() []Violation {
	g := newGraph(r.connections)
	position, cycle := g.sort()
	if cycle != nil {
		return []Violation{{Rule: OneOrder, Detail: fmt.Sprintf("frames follow each other in a circle: %v", g.names(cycle))}}
	}
	var all []Violation
	sorted := make([]int32, len(position))
	for frame, at := range position {
		sorted[at] = int32(frame)
	}
	for _, c := range r.connections {
		frames := g.frames(c)
		for i := 1; i < len(frames); i++ {
			before, after := frames[i-1], frames[i]
			for at := position[before] + 1; at < position[after]; at++ {
				// Frames between two in the sorted order may still stand in no
				// relation to them, as those of the two sides of a partition.
				if between := sorted[at]; g.path(before, between, position) && g.path(between, after, position) {
					all = append(all, Violation{Rule: NoGap, Detail: fmt.Sprintf(
						"%s on %s got %s and then %s, but others got %s between them",
						c.Client, c.Node, g.ids[before], g.ids[after], g.ids[between])})
					break
				}
			}
		}
	}
	return all
}

// graph is the frames of a room and which came directly behind which, at any
// connection.
type graph struct {
	ids   []string
	index map[string]int32
	next  [][]int32
}

func newGraph(connections []*Connection) *graph {
	g := &graph{index: map[string]int32{}}
	for _, c := range connections {
		frames := g.frames(c)
		for i := 1; i < len(frames); i++ {
			if from, to := frames[i-1], frames[i]; !slices.Contains(g.next[from], to) {
				g.next[from] = append(g.next[from], to)
			}
		}
	}
	return g
}

// frames returns the numbers of the connection's frames. A second copy of a
// frame is left out: it is a violation of another rule.
func (g *graph) frames(c *Connection) []int32 {
	frames := make([]int32, 0, len(c.Frames))
	seen := make(map[int32]bool, len(c.Frames))
	for _, f := range c.Frames {
		n, ok := g.index[f.ID]
		if !ok {
			n = int32(len(g.ids))
			g.index[f.ID] = n
			g.ids = append(g.ids, f.ID)
			g.next = append(g.next, nil)
		}
		if !seen[n] {
			seen[n] = true
			frames = append(frames, n)
		}
	}
	return frames
}

// sort returns the position of each frame in an order that agrees with all
// edges, or a cycle.
func (g *graph) sort() (position []int32, cycle []int32) {
	incoming := make([]int32, len(g.ids))
	for _, next := range g.next {
		for _, to := range next {
			incoming[to]++
		}
	}
	var free []int32
	for n := range incoming {
		if incoming[n] == 0 {
			free = append(free, int32(n))
		}
	}
	position = make([]int32, len(g.ids))
	placed := int32(0)
	for len(free) > 0 {
		n := free[len(free)-1]
		free = free[:len(free)-1]
		position[n] = placed
		placed++
		incoming[n] = -1
		for _, to := range g.next[n] {
			if incoming[to]--; incoming[to] == 0 {
				free = append(free, to)
			}
		}
	}
	if int(placed) == len(g.ids) {
		return position, nil
	}
	return nil, g.cycle(incoming)
}

// cycle returns a cycle among the frames that have incoming edges left. Each of
// them has a predecessor that was not placed either, so walking backwards from
// any comes round.
func (g *graph) cycle(incoming []int32) []int32 {
	previous := make(map[int32]int32)
	var n int32
	for from, next := range g.next {
		for _, to := range next {
			if incoming[from] > 0 && incoming[to] > 0 {
				previous[to] = int32(from)
				n = to
			}
		}
	}
	seen := map[int32]int{}
	var walk []int32
	for {
		if at, ok := seen[n]; ok {
			walk = walk[at:]
			slices.Reverse(walk)
			return walk
		}
		seen[n] = len(walk)
		walk = append(walk, n)
		n = previous[n]
	}
}

// path says whether edges lead from one frame to the other. The order of sort
// bounds the search.
func (g *graph) path(from, to int32, position []int32) bool {
	if from == to {
		return true
	}
	seen := map[int32]bool{from: true}
	for todo := []int32{from}; len(todo) > 0; {
		n := todo[len(todo)-1]
		todo = todo[:len(todo)-1]
		for _, next := range g.next[n] {
			if next == to {
				return true
			}
			if !seen[next] && position[next] < position[to] {
				seen[next] = true
				todo = append(todo, next)
			}
		}
	}
	return false
}

// names returns at most ten of the frames' ids.
func (g *graph) names(frames []int32) []string {
	names := make([]string, 0, 10)
	for _, n := range frames[:min(len(frames), 10)] {
		names = append(names, g.ids[n])
	}
	return names
}
