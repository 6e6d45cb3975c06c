package cluster_test

import (
	"bufio"
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/ivschat/types"
	"github.com/coder/websocket"
	"github.com/go-json-experiment/json"

	"confab/internal/pgtest"
	"confab/internal/testbed/cluster"
	"confab/internal/testbed/official"
	"confab/internal/testbed/process"
)

// returning is what official clients got in a room in which clients catch up.
type returning struct {
	Accepted []string `json:"accepted"`
	Viewers  []struct {
		IDs  []string            `json:"ids"`
		Gone bool                `json:"gone"`
		Gaps []map[string]string `json:"gaps"`
	} `json:"viewers"`
}

// returnDuring has official clients talk while nodes go away, and checks that each of them got
// every message, in one order. tags are further ones of their room, as KEY=VALUE.
func returnDuring(t *testing.T, endpoint, webSocket string, viewers int, goAway func(ctx context.Context), tags ...string) {
	t.Helper()
	official.Need(t, official.Dir)
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, "node", append([]string{"returning.mjs", strconv.Itoa(viewers)}, tags...)...)
	cmd.Dir, cmd.Env = official.Dir, official.Environment(endpoint, webSocket)
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
	goAway(ctx)
	end.Close()
	var r returning
	if !lines.Scan() {
		t.Fatal("the clients did not end")
	}
	if err := json.Unmarshal(lines.Bytes(), &r); err != nil {
		t.Fatal(err)
	}
	for i := range r.Viewers {
		v := &r.Viewers[i]
		seen := map[string]bool{} // A client that has a new token may show a message again.
		v.IDs = slices.DeleteFunc(v.IDs, func(id string) bool {
			again := seen[id]
			seen[id] = true
			return again
		})
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
	if len(r.Accepted) < 20 {
		t.Errorf("only %d messages were accepted", len(r.Accepted))
	}
}

// TestCatchUpOverNodes has one of three nodes drain, and another one die.
func TestCatchUpOverNodes(t *testing.T) {
	t.Parallel()
	c := start(t, cluster.Options{Args: []string{"--drain-time", "2s"}})
	address, err := c.Balancer.Listen(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	returnDuring(t, "http://"+address, "ws://"+address, 9, func(ctx context.Context) {
		cluster.Pause(ctx, 3*time.Second) // By then all nodes have told where their clients are.
		if err := c.Nodes[0].Stop(); err != nil {
			t.Error(err)
		}
		if err := c.Nodes[0].Start(ctx); err != nil {
			t.Error(err)
		}
		c.WaitReady(ctx)
		cluster.Pause(ctx, 4*time.Second)
		if err := c.Nodes[1].Kill(); err != nil {
			t.Error(err)
		}
		cluster.Pause(ctx, 5*time.Second)
	})
	gapAfterKill(t, c)
	hiddenComesBack(t, c)
}

// TestCatchUpAllKilled kills all nodes, of three and an only one, while official clients talk in a
// room with history. They come back, and miss nothing.
func TestCatchUpAllKilled(t *testing.T) {
	t.Parallel()
	for _, nodes := range []int{3, 1} {
		t.Run(strconv.Itoa(nodes), func(t *testing.T) {
			t.Parallel()
			o := cluster.Options{Nodes: nodes}
			if nodes > 1 {
				o.Database = pgtest.Shared(t).Database(t)
			}
			c := cluster.Serve(t, o)
			address, err := c.Balancer.Listen(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			returnDuring(t, "http://"+address, "ws://"+address, 5, func(ctx context.Context) {
				cluster.Pause(ctx, 5*time.Second) // By then all nodes have recorded where their clients are.
				for _, n := range c.Nodes {
					if err := n.Kill(); err != nil {
						t.Error(err)
					}
				}
				if err := c.StartAll(ctx); err != nil {
					t.Error(err)
				}
				c.WaitReady(ctx)
				cluster.Pause(ctx, 3*time.Second)
			}, "confab:history=1h")
		})
	}
}

// hiddenComesBack has clients come back to other nodes than they were on, to one that did not have
// the room among them. Only the user whose messages are hidden gets these.
func hiddenComesBack(t *testing.T, c *cluster.Cluster) {
	nodes := c.Clients()
	room := newRoom(t, c.Nodes[0], map[string]string{"confab:catch-up": "5m"})
	call(t, c.Nodes[2], "CreateBan", members{"roomIdentifier": room, "userId": "troll", "type": "HIDE"}, &struct{}{})
	lost, viewer := attend(t, nodes[0], room, "troll"), attend(t, nodes[0], room, "viewer")
	live := attend(t, nodes[1], room, "troll", types.ChatTokenCapabilitySendMessage)
	for _, conn := range []*websocket.Conn{lost, viewer} {
		conn.CloseNow()
	}
	if err := live.Write(t.Context(), websocket.MessageText, []byte(`{"Action": "SEND_MESSAGE", "Content": "hidden"}`)); err != nil {
		t.Fatal(err)
	}
	read(t, live, `"hidden"`)
	call(t, c.Nodes[0], "SendMessage", members{"roomIdentifier": room, "userId": "bot", "content": "to all"}, &struct{}{})
	read(t, live, `"to all"`)
	again := attend(t, nodes[2], room, "troll")
	read(t, again, `"hidden"`)
	read(t, again, `"to all"`)
	read(t, attend(t, nodes[2], room, "viewer"), `"to all"`)
}

// gapAfterKill kills all nodes. A client that returns to another node than the one it was on
// is told that it may have missed something.
func gapAfterKill(t *testing.T, c *cluster.Cluster) {
	t.Helper()
	if err := c.Nodes[1].Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	c.WaitReady(t.Context())
	room := newRoom(t, c.Nodes[0], map[string]string{"confab:catch-up": "5m"})
	attend(t, c.Clients()[0], room, "ann")
	id := room[strings.LastIndex(room, "/")+1:]
	written := func() bool {
		files, _ := filepath.Glob(filepath.Join(c.Nodes[0].Server().DataDir, "places-*.json"))
		return slices.ContainsFunc(files, func(file string) bool {
			b, err := os.ReadFile(file)
			return err == nil && strings.Contains(string(b), id)
		})
	}
	for end := time.Now().Add(time.Minute); !written(); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("the record of the first node does not have the room")
		}
	}
	for _, n := range c.Nodes {
		if err := n.Kill(); err != nil {
			t.Fatal(err)
		}
	}
	if err := c.StartAll(t.Context()); err != nil {
		t.Fatal(err)
	}
	if n := c.WaitReady(t.Context()); n > 0 {
		t.Fatalf("%d nodes are not ready", n)
	}
	read(t, attend(t, c.Clients()[2], room, "ann"), "confab:GAP")
	eve := attend(t, c.Clients()[1], room, "eve", types.ChatTokenCapabilitySendMessage)
	if err := eve.Write(t.Context(), websocket.MessageText, []byte(`{"Action": "SEND_MESSAGE", "Content": "hello"}`)); err != nil {
		t.Fatal(err)
	}
	read(t, eve, `"hello"`)
}

// protectsNothing is a secret key of 32 bytes.
const protectsNothing = "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY="

// TestCatchUpHandOver has a server of its own hand over to its successor.
func TestCatchUpHandOver(t *testing.T) {
	t.Parallel()
	for name, database := range map[string]func(t *testing.T) string{
		"SQLite":     func(*testing.T) string { return "sqlite" },
		"PostgreSQL": func(t *testing.T) string { return pgtest.Shared(t).Database(t) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := process.Serve(t, process.Options{Args: []string{"--database", database(t)}, Env: []string{"CONFAB_SECRET_KEY=" + protectsNothing}})
			returnDuring(t, s.Endpoint, s.WebSocket, 5, func(ctx context.Context) {
				cluster.Pause(ctx, time.Second)
				if err := s.HandOver(ctx); err != nil {
					t.Error(err)
				}
				cluster.Pause(ctx, 2*time.Second)
			})
		})
	}
}
