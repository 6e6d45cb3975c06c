// Package crowd runs many chat clients in one process. They behave as the official clients
// do: each connection uses a new token; after a lost connection or an ERROR 401 they connect
// again at once; a Close frame is final. What they send, the answers, and what they receive
// are recorded as a history.
package crowd

import (
	"context"
	"hash/maphash"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/ivschat"

	"confab/internal/testbed/history"
)

// Node is one node as clients see it.
type Node struct {
	Name string
	// WebSocket is its ws:// URL.
	WebSocket string
	// API calls its control plane.
	API *ivschat.Client
}

// Options say where a crowd finds the service.
type Options struct {
	// Pick returns the node that a load balancer would choose now, and whether
	// there is one.
	Pick func() (Node, bool)
	// Near, if it is there, returns the node of a name, and whether it is ready.
	Near func(name string) (Node, bool)
}

// Crowd is the clients of one run.
type Crowd struct {
	o     Options
	start time.Time
	seed  maphash.Seed
	stop  context.CancelFunc // ends all clients
	all   sync.WaitGroup
	// writers are those of Write.
	writers sync.WaitGroup

	mu          sync.Mutex // guards what follows
	clients     []*Client
	connections []*history.Connection
	requests    []*history.Request
	handshakes  []history.Handshake
	gaveUp      []history.GaveUp
	tokens      int
	writes      []*history.Write
	written     map[string]string // the ARN of each register's room
	stored      map[string]int    // what ReadBack read
	present     []history.Present // what nodes answered at the end
	bans        []*history.Ban
	ended       bool // nothing is recorded any more
}

// New makes an empty crowd. Its clients end with the context.
func New(ctx context.Context, o Options) (*Crowd, context.Context) {
	ctx, stop := context.WithCancel(ctx)
	return &Crowd{
		o: o, start: time.Now(), seed: maphash.MakeSeed(), stop: stop, written: map[string]string{}, stored: map[string]int{},
	}, ctx
}

// Now is the time of the run.
func (c *Crowd) Now() time.Duration { return time.Since(c.start) }

// End takes the history as it stands and then ends all clients: connections
// that are open now are open at the end of the run. Call it when the run has
// come to rest.
func (c *Crowd) End() *history.History {
	c.mu.Lock()
	c.ended = true
	h := &history.History{
		Connections: slices.Clone(c.connections), Requests: slices.Clone(c.requests),
		Handshakes: slices.Clone(c.handshakes), GaveUp: slices.Clone(c.gaveUp),
		Writes: slices.Clone(c.writes), Stored: maps.Clone(c.stored), Present: slices.Clone(c.present),
		Bans: slices.Clone(c.bans),
	}
	c.mu.Unlock()
	c.stop()
	c.writers.Wait()
	c.all.Wait()
	return h
}

// record changes the history, unless the run has ended.
func (c *Crowd) record(change func()) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.ended {
		change()
	}
}

// connected returns the clients that are connected and those that should be.
func (c *Crowd) connected() (connected, wanted int) {
	c.mu.Lock()
	clients := slices.Clone(c.clients)
	c.mu.Unlock()
	for _, cl := range clients {
		cl.mu.Lock()
		if cl.conn != nil {
			connected++
		}
		if !cl.gone {
			wanted++
		}
		cl.mu.Unlock()
	}
	return connected, wanted
}

// WaitConnected waits until every client that has not gone for good is
// connected, and returns how many are not when the context ends.
func (c *Crowd) WaitConnected(ctx context.Context) (missing int) {
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for {
		connected, wanted := c.connected()
		if connected >= wanted {
			return 0
		}
		select {
		case <-ctx.Done():
			return wanted - connected
		case <-tick.C:
		}
	}
}

// pause waits, or returns false when the context ends first.
func pause(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-timer.C:
		return true
	}
}
