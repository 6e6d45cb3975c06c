package cluster_test

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"slices"
	"testing"
	"time"

	"confab/internal/testbed/cluster"
	"confab/internal/testbed/crowd"
	"confab/internal/testbed/history"
	"confab/internal/testbed/process"
)

// massEnv has the test's own program be a mass instead: see beMass.
const massEnv = "CONFAB_TEST_MASS"

// massOptions are what a mass is told, as JSON.
type massOptions struct {
	Places []cluster.Place
	// Rooms is how many, PerRoom how many stay in each.
	Rooms, PerRoom int
}

// speakEvery is how often a client speaks in each of a mass's rooms.
const speakEvery = 5 * time.Second

// mass is many clients in a process of their own, because a process may hold
// only so many files.
type mass struct{ *process.Child }

// massReport is what a mass has seen, printed at its end.
type massReport struct {
	Clients [][]stay
	GaveUp  []history.GaveUp
}

// stay is one connection of a client; without To, it is open.
type stay struct {
	Node     string
	From, To time.Time
}

// startMass starts a process with clients and returns once all are connected.
func startMass(t *testing.T, o massOptions) *mass {
	t.Helper()
	options, err := json.Marshal(o)
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), os.Args[0])
	cmd.Env = append(os.Environ(), massEnv+"="+string(options))
	return &mass{process.StartChild(t, cmd)}
}

// connected waits until all clients are.
func (m *mass) connected(t *testing.T) {
	t.Helper()
	if line := m.Line(t); line != "connected" {
		t.Fatalf("the clients do not connect: %q", line)
	}
}

// end has the clients come to rest and returns what they have seen.
func (m *mass) end(t *testing.T) massReport {
	t.Helper()
	m.Tell(t, "end")
	var r massReport
	if err := json.NewDecoder(m.Out).Decode(&r); err != nil {
		t.Fatal(err)
	}
	return r
}

// beMass is the other process. It returns its exit status.
func beMass() int {
	var o massOptions
	if err := json.Unmarshal([]byte(os.Getenv(massEnv)), &o); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 2
	}
	c := cluster.Reach(o.Places)
	defer c.Close()
	began := time.Now()
	people, ctx := crowd.New(context.Background(), crowd.Options{Pick: c.Balancer.Pick})
	defer people.End()
	rooms := make([]crowd.Room, o.Rooms)
	for i := range rooms {
		rooms[i] = crowd.Room{Rate: 100, Clients: o.PerRoom}
		// One room after another: all at once is another test.
		if err := people.Open(ctx, c.Clients()[i%len(o.Places)], rooms[i:i+1]); err != nil {
			fmt.Fprintln(os.Stderr, err)
			return 1
		}
	}
	fmt.Println("connected")
	in := make(chan bool)
	go func() {
		_, err := bufio.NewReader(os.Stdin).ReadString('\n')
		in <- err == nil
	}()
	tick := time.NewTicker(speakEvery / time.Duration(o.Rooms))
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
			members := rooms[rand.IntN(len(rooms))].Members()
			members[rand.IntN(len(members))].Say(ctx)
		case ended := <-in:
			if !ended {
				return 1 // The test is gone.
			}
			settling, cancel := context.WithTimeout(ctx, time.Minute)
			defer cancel()
			if err := people.Settle(settling, crowd.ARNs(rooms)); err != nil {
				fmt.Fprintln(os.Stderr, err)
			}
			if err := json.NewEncoder(os.Stdout).Encode(newMassReport(people.End(), began)); err != nil {
				return 1
			}
			return 0
		}
	}
}

func newMassReport(h *history.History, began time.Time) massReport {
	r := massReport{GaveUp: h.GaveUp}
	byClient := map[string][]stay{}
	for _, c := range h.Connections {
		s := stay{Node: c.Node, From: began.Add(c.Opened)}
		if c.Ended != history.StillOpen {
			s.To = began.Add(c.Ended)
		}
		key := c.Room + " " + c.Client
		byClient[key] = append(byClient[key], s)
	}
	for _, stays := range byClient {
		slices.SortFunc(stays, func(a, b stay) int { return a.From.Compare(b.From) })
		r.Clients = append(r.Clients, stays)
	}
	return r
}
