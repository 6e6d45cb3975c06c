package cluster_test

import (
	"bufio"
	"context"
	"os/exec"
	"slices"
	"testing"
	"time"

	"github.com/go-json-experiment/json"

	"confab/internal/testbed/cluster"
	"confab/internal/testbed/official"
)

// returning is what official clients got in a room in which clients catch up.
type returning struct {
	Accepted []string
	Viewers  []struct {
		IDs      []string `json:"ids"`
		Connects int
		Gone     bool
		Gaps     []map[string]string
	}
}

// TestCatchUpOverNodes has official clients talk while one of three nodes drains, and another
// one is killed. Each of them gets every message once, in one order.
func TestCatchUpOverNodes(t *testing.T) {
	t.Parallel()
	official.Need(t, official.Dir)
	c := start(t, cluster.Options{Args: []string{"--drain-time", "2s"}})
	address, err := c.Balancer.Listen(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, "node", "returning.mjs", "9")
	cmd.Dir, cmd.Env = official.Dir, official.Environment("http://"+address, "ws://"+address)
	end, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer cmd.Wait() //nolint:errcheck // Its output tells.
	lines := bufio.NewScanner(out)
	lines.Buffer(nil, 1<<24)
	if !lines.Scan() || lines.Text() != "ready" {
		t.Fatalf("the clients are not ready: %q", lines.Text())
	}
	cluster.Pause(ctx, 3*time.Second)
	if err := c.Nodes[0].Stop(); err != nil {
		t.Error(err)
	}
	if err := c.Nodes[0].Start(ctx); err != nil {
		t.Fatal(err)
	}
	c.WaitReady(ctx)
	cluster.Pause(ctx, 4*time.Second)
	if err := c.Nodes[1].Kill(); err != nil {
		t.Fatal(err)
	}
	cluster.Pause(ctx, 5*time.Second)
	end.Close()
	var r returning
	if !lines.Scan() {
		t.Fatal("the clients did not end")
	}
	if err := json.Unmarshal(lines.Bytes(), &r); err != nil {
		t.Fatal(err)
	}
	connects := 0
	for i, v := range r.Viewers {
		connects += v.Connects
		if v.Gone || len(v.Gaps) > 0 {
			t.Errorf("viewer %d: gone: %t, gaps: %v", i, v.Gone, v.Gaps)
		}
		if first := r.Viewers[0].IDs; !slices.Equal(v.IDs, first) {
			t.Errorf("viewers 0 and %d have %d and %d messages", i, len(first), len(v.IDs))
		}
	}
	for _, id := range r.Accepted {
		if !slices.Contains(r.Viewers[0].IDs, id) {
			t.Errorf("viewers lack message %s, which was accepted", id)
		}
	}
	if connects < len(r.Viewers)+3 || len(r.Accepted) < 100 {
		t.Errorf("%d connects, %d messages", connects, len(r.Accepted))
	}
}
