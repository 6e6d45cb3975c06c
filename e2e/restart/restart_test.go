//go:build linux

package restart

import (
	"flag"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/ivschat"

	"confab/internal/pgtest"
	"confab/internal/testbed/cluster"
	"confab/internal/testbed/process"
)

var connections = flag.Int("connections", 1000, "how many connections are there")

// connectRate is the default of --connect-rate, per second.
const connectRate = 2000

// most is how long a call of the API may take during a restart, and how long clients may
// be away beside their turns.
const most = time.Second

// attempts is how often process.Within may restart a node.
const attempts = 3

// backlog is how many connections wait in a socket that no process accepts from: the usual
// net.core.somaxconn.
const backlog = 4096

func TestMain(m *testing.M) {
	if where := os.Getenv(crowdEnv); where != "" {
		flag.Parse()
		os.Exit(beCrowd(where, *connections))
	}
	status := pgtest.Run(m)
	process.Remove()
	os.Exit(status)
}

// site is nodes with a crowd.
type site struct {
	*cluster.Cluster
	crowd *crowdProcess
	calls *calls
}

func newSite(t *testing.T, o cluster.Options, restarts int) *site {
	t.Helper()
	s := &site{Cluster: cluster.Serve(t, o)}
	address := strings.TrimPrefix(s.Clients()[0].WebSocket, "ws://")
	if o.Nodes > 1 {
		var err error
		if address, err = s.Balancer.Listen(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	s.crowd, s.calls = watch(t, address, s.Places(), restarts)
	return s
}

// watch starts a crowd at the places and calls of the API at the address.
func watch(t *testing.T, address string, places []cluster.Place, restarts int) (*crowdProcess, *calls) {
	t.Helper()
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.MaxIdleConnsPerHost = callers
	api := ivschat.New(ivschat.Options{
		Region: process.Region, BaseEndpoint: aws.String("http://" + address), HTTPClient: &http.Client{Transport: transport},
		Credentials: credentials.NewStaticCredentialsProvider(process.AccessKeyID, process.SecretAccessKey, ""),
	})
	room, err := api.CreateRoom(t.Context(), &ivschat.CreateRoomInput{})
	if err != nil {
		t.Fatal(err)
	}
	// A handshake that is refused costs a token, too.
	crowd := startCrowd(t, places, makeTokens(t, api, *room.Arn, *connections*(restarts+2)))
	return crowd, call(t, api, *room.Arn, transport)
}

// way is a way to restart a node.
type way struct {
	name string
	hold bool
	do   func(t *testing.T, n *cluster.Node) error
	// promised says that clients and calls must not notice more than is said in
	// docs/operations.md.
	promised func() bool
}

var ways = []way{
	{
		name: "hand-over", do: func(t *testing.T, n *cluster.Node) error { return n.Server().HandOver(t.Context()) },
		promised: func() bool { return true },
	},
	{
		name: "held socket", hold: true, do: stopAndStart,
		promised: func() bool { return *connections < backlog },
	},
	{name: "neither", do: stopAndStart, promised: func() bool { return false }},
}

func stopAndStart(t *testing.T, n *cluster.Node) error {
	if err := n.Stop(); err != nil {
		return err
	}
	return n.Start(t.Context())
}

// TestRestarts restarts the nodes one after the other in each way.
func TestRestarts(t *testing.T) {
	for _, nodes := range []int{1, 3} {
		for _, w := range ways {
			name := "one node, " + w.name
			if nodes > 1 {
				name = "three nodes, " + w.name
			}
			t.Run(name, func(t *testing.T) {
				o := cluster.Options{Nodes: nodes, Hold: w.hold}
				if nodes > 1 {
					o.Database = pgtest.Shared(t).Database(t)
				}
				s := newSite(t, o, max(nodes, attempts))
				for _, n := range s.Nodes {
					// A node of three drains to the others, which takes longer than is promised for one.
					if nodes > 1 || !w.promised() {
						s.restart(t, w, n)
						continue
					}
					process.Within(t, most, func() time.Duration { return s.restart(t, w, n) })
				}
				s.calls.end()
			})
		}
	}
}

// restart restarts one node and holds what that costs against what is promised. It returns
// how long a call took, or a client was away beside its turn, whichever is longer.
func (s *site) restart(t *testing.T, w way, n *cluster.Node) time.Duration {
	t.Helper()
	s.calls.take()
	if err := w.do(t, n); err != nil {
		t.Fatal(err)
	}
	if missing := s.WaitReady(t.Context()); missing > 0 {
		t.Fatalf("%d nodes are not ready", missing)
	}
	r := s.crowd.measured(t)
	called, slowest, failed := s.calls.take()
	server, err := n.Server().CPU() // Of the new process.
	if err != nil {
		t.Fatal(err)
	}
	ms := func(d time.Duration) time.Duration { return d.Round(time.Millisecond) }
	t.Logf("| %s | %d | %s | %s | %s | %d | %s of %d | %d |", n.Name, r.Moved,
		ms(r.P50), ms(r.P99), ms(r.Last), r.GaveUp, ms(slowest), called, len(failed))
	t.Logf("processor time: the new process %s, the clients %s", ms(server), ms(r.CPU))
	if r.GaveUp > 0 {
		t.Logf("the first to give up: %s", r.Why)
	}
	if w.promised() {
		if r.GaveUp > 0 {
			t.Errorf("%s: %d gave up, the first for %s", n.Name, r.GaveUp, r.Why)
		}
		for _, err := range failed {
			t.Errorf("%s: a call failed: %v", n.Name, err)
		}
	}
	return max(slowest, r.Last-time.Duration(r.Moved)*time.Second/connectRate)
}
