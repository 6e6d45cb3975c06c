package cluster_test

import (
	"context"
	"errors"
	"fmt"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"

	"confab/internal/pgtest"
	"confab/internal/testbed/cluster"
	"confab/internal/testbed/crowd"
	"confab/internal/testbed/official"
	"confab/internal/testbed/process"
)

// three starts three nodes on PostgreSQL, and their balancer as one address.
func three(t *testing.T) (c *cluster.Cluster, endpoint string) {
	t.Helper()
	c = start(t, cluster.Options{})
	address, err := c.Balancer.Listen(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return c, address
}

// start starts three nodes on a PostgreSQL database of their own.
func start(t *testing.T, o cluster.Options) *cluster.Cluster {
	t.Helper()
	o.Nodes = 3
	if o.Database == "" {
		o.Database = pgtest.Shared(t).Database(t)
	}
	return cluster.Serve(t, o)
}

// TestOfficialClient runs the tests of the official chat client, written for one
// server: behind the balancer its clients come to rest on three nodes, and see no
// difference.
func TestOfficialClient(t *testing.T) {
	t.Parallel()
	official.Need(t, official.Dir)
	_, address := three(t)
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, "node", "--test", "--test-reporter=spec", "messaging.test.mjs")
	cmd.Dir, cmd.Env = official.Dir, official.Environment("http://"+address, "ws://"+address)
	out, err := cmd.CombinedOutput()
	if text := string(out); err != nil || !strings.Contains(text, "fail 0") || strings.Contains(text, "pass 0") {
		t.Errorf("%v\n%s", err, process.Tail(text))
	}
}

// TestThree has people and official clients on three nodes behind one address,
// while nodes come and go.
func TestThree(t *testing.T) {
	t.Parallel()
	c, address := three(t)
	t.Run("official clients stay while nodes go", func(t *testing.T) { officialCrowd(t, c, address) })
	t.Run("a token connects once, wherever it is used", func(t *testing.T) { raceTokens(t, c) })
	t.Run("a room's rate holds over all nodes", func(t *testing.T) { exactRate(t, c) })
	t.Run("a home is killed", func(t *testing.T) {
		run(t, c, cluster.Trial{Seed: 1}, func(ctx context.Context, _ *cluster.Trial) error {
			cluster.Pause(ctx, crowd.Warm)
			for _, n := range c.Nodes[1:] { // With three rooms, a home is among them nearly always.
				if err := n.Kill(); err != nil {
					return err
				}
				cluster.Pause(ctx, 3*time.Second)
				if err := n.Start(ctx); err != nil {
					return err
				}
				if c.WaitReady(ctx) > 0 {
					return errors.New("not all nodes are ready")
				}
			}
			cluster.Pause(ctx, time.Second)
			return nil
		})
	})
	t.Run("a rolling restart", func(t *testing.T) {
		run(t, c, cluster.Trial{Seed: 2}, func(ctx context.Context, _ *cluster.Trial) error {
			cluster.Pause(ctx, crowd.Warm)
			for _, n := range c.Nodes {
				if err := errors.Join(n.Stop(), n.Start(ctx)); err != nil {
					return err
				}
				if c.WaitReady(ctx) > 0 {
					return errors.New("not all nodes are ready")
				}
			}
			return nil
		})
	})
}

// officialCrowd has official clients on all nodes, drains one node and kills
// another: they come back each time and receive all messages.
func officialCrowd(t *testing.T, c *cluster.Cluster, address string) {
	people, ctx := crowd.New(t.Context(), crowd.Options{Pick: c.Balancer.Pick})
	defer people.End()
	room := []crowd.Room{{Rate: 100}}
	if err := people.Open(ctx, c.Nodes[0].Clients(), room); err != nil {
		t.Fatal(err)
	}
	clients := official.Start(t, official.Environment("http://"+address, "ws://"+address), crowd.ARNs(room)[0], 12)
	clients.Chat(t, "all nodes")

	if err := c.Nodes[0].Stop(); err != nil {
		t.Error(err)
	}
	clients.SomeConnectAgain(t) // Those of the drained node.
	clients.Chat(t, "one drained")
	if err := c.Nodes[0].Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	c.WaitReady(t.Context())

	if err := c.Nodes[1].Kill(); err != nil {
		t.Error(err)
	}
	clients.SomeConnectAgain(t)
	clients.Chat(t, "one killed")
	if err := c.Nodes[1].Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	c.WaitReady(t.Context())
}

// raceTokens uses each of many tokens on all nodes at the same time.
func raceTokens(t *testing.T, c *cluster.Cluster) {
	const tokens = 40
	people, ctx := crowd.New(t.Context(), crowd.Options{Pick: c.Balancer.Pick})
	defer people.End()
	room := []crowd.Room{{Rate: 10}}
	if err := people.Open(ctx, c.Nodes[0].Clients(), room); err != nil {
		t.Fatal(err)
	}
	var all sync.WaitGroup
	for i := range tokens {
		all.Go(func() { people.Race(ctx, fmt.Sprintf("racer%d", i), crowd.ARNs(room)[0], c.Clients()) })
	}
	all.Wait()
	connected := map[string]int{}
	for _, s := range people.End().Handshakes {
		if s.Status == 101 {
			connected[s.Token]++
		} else if s.Status != 401 {
			t.Errorf("%s answered %d", s.Node, s.Status)
		}
	}
	if len(connected) != tokens {
		t.Errorf("%d of %d tokens connected", len(connected), tokens)
	}
	for token, n := range connected {
		if n != 1 {
			t.Errorf("token %s connected %d times", token, n)
		}
	}
}

// exactRate sends more than a room takes, from all nodes at once: the room takes
// exactly its bucket.
func exactRate(t *testing.T, c *cluster.Cluster) {
	const rate = 10
	people, ctx := crowd.New(t.Context(), crowd.Options{Pick: c.Balancer.Pick})
	defer people.End()
	room := []crowd.Room{{Rate: rate, Clients: 9}}
	if err := people.Open(ctx, c.Nodes[0].Clients(), room); err != nil {
		t.Fatal(err)
	}
	before := people.Now()
	var all sync.WaitGroup
	for _, client := range room[0].Members() {
		all.Go(func() {
			for range 8 { // Below the ten requests a second of each connection.
				client.Say(ctx)
			}
		})
	}
	all.Wait()
	for people.Pending() > 0 && ctx.Err() == nil {
		cluster.Pause(ctx, 10*time.Millisecond)
	}
	length := people.Now() - before
	accepted, refused := 0, 0
	for _, q := range people.End().Requests {
		switch {
		case q.FrameID != "":
			accepted++
		case q.Code == 429:
			refused++
		}
	}
	most := rate + int(length.Seconds()*rate) + 1
	if accepted < rate || accepted > most || accepted+refused != 9*8 {
		t.Errorf("%d messages were accepted within %s and %d refused, want %d to %d and the rest", accepted, length, refused, rate, most)
	}
}
