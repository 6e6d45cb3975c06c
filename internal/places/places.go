// Package places lets clients that lost their connection catch up on any node. Package catchup
// has the frames and places of one node; this package exchanges them between nodes.
//
//	a client joins         → ask the other nodes for its place (find.go)
//	                       → get the frames that the log here lacks (fill.go)
//	every 2 s              → send the places of all clients of a room to one other node that
//	                         has the room's frames: its home, or its first keeper (tell.go)
//	a node stops           → send them once more, with those of nodes that are gone
//	all nodes              → write them to a file, for the next process (record.go)
//	all nodes were lost    → get the frames of rooms with history from there (kept.go)
//
// A node that gets places of a room keeps the room live, as if it had sessions there. So the
// room's frames are delivered to its log too, and two nodes have all frames. If a node was
// killed, the places that it sent last are used.
package places

import (
	"context"
	"log/slog"
	"sync"

	"github.com/go-json-experiment/json"

	"confab/internal/catchup"
)

// Topic is the topic of this package's questions; see Peers.Answers.
const Topic = "catch-up"

// Live has the logs of this node's rooms: messaging.CatchUps.
type Live interface {
	Logs() map[string]*catchup.Log
	Log(roomID string) *catchup.Log
	Hold(ctx context.Context, roomID string) (*catchup.Log, error)
	Each(roomID string, f func(c catchup.Client, number uint64))
	Confirmed(roomID string, c catchup.Client) []uint64
}

// Nodes are the other nodes.
type Nodes interface {
	// Others returns the ids of the other members.
	Others() []string
	// Holders returns the members that get all frames of a room: its home, then its
	// keepers. This node may be one of them.
	Holders(roomID string) []string
	// Ask asks one node. ok is false if it does not answer in time, or runs a release
	// without this feature.
	Ask(ctx context.Context, node, topic string, body []byte) (answer []byte, ok bool)
}

// Service connects the logs of nodes. Its fields are set before it is used.
type Service struct {
	Live  Live
	Self  string // the id of this node
	Nodes Nodes
	// Memory has what a process that stopped has left of its rooms. Nil is nothing.
	Memory *catchup.Memory
	// History has the frames of rooms that keep them. Nil means that none does.
	History History

	batches  batches
	erasures erasures

	// mu guards the fields below.
	mu     sync.Mutex
	closed bool
	joined bool             // the other nodes are known
	told   map[string]*told // by room

	left record // the record of a process that was killed

	// path is the file; empty for none. Only its goroutine uses recorded and members: they
	// are the content of the file.
	path     string
	recorded map[string]recorded
	members  []string
	log      *slog.Logger

	// telling is held while reports are sent.
	telling sync.Mutex
	working sync.WaitGroup
	ctx     context.Context
	stop    context.CancelFunc
}

// New returns a Service. It answers questions at once, and sends reports after Start.
func New() *Service {
	s := &Service{told: map[string]*told{}, recorded: map[string]recorded{}}
	s.ctx, s.stop = context.WithCancel(context.Background())
	return s
}

// Start begins to send reports to other nodes and to write the file.
func (s *Service) Start() {
	if s.Nodes == nil {
		return
	}
	s.lost("") // Nodes that were there before may leave soon.
	s.mu.Lock()
	s.joined = true
	s.mu.Unlock()
	if s.path != "" {
		s.spawn(s.keepRecord)
	}
	if !s.only() {
		s.spawn(s.holdLeft)
		s.spawn(s.run)
	}
}

// Close stops both.
func (s *Service) Close() {
	s.mu.Lock()
	s.closed = true
	s.mu.Unlock()
	s.stop()
	s.working.Wait()
}

// spawn runs f on a goroutine of its own, unless the service is closed.
func (s *Service) spawn(f func()) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.closed {
		s.working.Go(f)
	}
	return !s.closed
}

// question is what nodes ask each other. One of its members is set.
type question struct {
	Find []findQuestion `json:"find,omitzero"`
	// Took says that clients have continued at places.
	Took []took        `json:"took,omitzero"`
	Read *readQuestion `json:"read,omitzero"`
	Tell *tellQuestion `json:"tell,omitzero"`
}

// Answer answers a question of another node.
func (s *Service) Answer(ctx context.Context, body []byte) ([]byte, error) {
	var q question
	if err := json.Unmarshal(body, &q); err != nil {
		return nil, err
	}
	switch {
	case q.Read != nil:
		return json.Marshal(s.read(q.Read))
	case q.Tell != nil:
		return json.Marshal(s.keepReports(ctx, q.Tell))
	case len(q.Took) > 0:
		for i := range q.Took {
			s.took(&q.Took[i])
		}
		return []byte("true"), nil
	}
	return json.Marshal(s.find(ctx, q.Find))
}

// ask asks one node, and reports whether it has answered.
func (s *Service) ask(ctx context.Context, node string, q *question, answer any) bool {
	body, err := json.Marshal(q)
	if err != nil {
		return false
	}
	b, ok := s.Nodes.Ask(ctx, node, Topic, body)
	return ok && json.Unmarshal(b, answer) == nil
}
