// Package cluster makes several nodes one service: it finds out which nodes are
// alive and which of them is the home of a room, and makes every node deliver the frames
// of a room in one order, without gaps and without duplicates.
//
// What a node decides by is in packages without a lock, a goroutine or a clock; this one locks,
// sends and waits. From the heartbeats of its peers (heartbeat.go) a node works out which members
// the cluster should have; the one with the lowest id proposes a numbered view, all its members
// promise it, and it is committed (proposal.go). Rendezvous hashing over the view gives every room
// its home. The home gives frames their numbers (broker.go) and sends them to the members with
// sessions of the room and to two that keep it (interest.go), over streams with counts, so that a
// lost item is noticed and requested again (stream.go, outbox.go, gap.go). It delivers a frame to
// its own clients once another member has acknowledged it (ack.go). So a frame that any client got
// survives the loss of any one node.
//
// When a node dies, its heartbeats stop. About 2 s later the others have a view without it, and
// new homes of its rooms. A home gathers first (gather.go, package reconcile): it gets what it
// lacks from the other members, and gives them what they lack, from the log of a minute that every
// node keeps of each room (package roomlog). Requests that waited are sent again under the id that
// they had; a home that has the frame of that id does not make a second one (do.go, serve.go).
//
// PROTOCOL.md has the whole protocol: messages, phases, timers, invariants with their
// tests, and examples.
//
// The package needs nothing but a Transport that may lose messages. It knows no SQL:
// while the database is away, live rooms continue.
package cluster

import (
	"context"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"confab/internal/chat"
	"confab/internal/inflight"
	"confab/internal/interest"
	"confab/internal/membership"
	"confab/internal/messaging"
	"confab/internal/protocol"
	"confab/internal/quota"
	"confab/internal/roomlog"
	"confab/internal/view"
)

// Sizes.
const (
	defaultLogBytes = 64 << 20 // of all rooms' logs
	pastViews       = 16       // that a node remembers
	sweepTicks      = 25       // heartbeats between two sweeps over all rooms
)

// Transport carries messages between nodes. It may lose them. What one node
// publishes arrives in order at each subscription of another, and not at its own.
type Transport interface {
	// Publish sends data to all other nodes that subscribe to the subject. It does not block.
	Publish(subject string, data []byte) error
	// Subscribe calls handle for the messages of a subject, one after another. The
	// last part of the subject may be * or >. reply is nil if no answer is expected.
	Subscribe(subject string, handle func(subject string, data []byte, reply func([]byte))) error
	// Request returns the answer of the one node that subscribes to the subject.
	Request(ctx context.Context, subject string, data []byte) ([]byte, error)
}

// Engine is what the package needs of messaging.Engine.
type Engine interface {
	Sequence(ctx context.Context, op messaging.Operation) (id string, err error)
	Deliver(f *chat.Frame)
	Kick(f *chat.Frame)
	Reload(ctx context.Context, roomID string)
	ReloadAll()
	Connections() int
}

// Options are what a Node needs. All fields without a comment are required.
type Options struct {
	// Name is the node's name for people; see protocol.NewID.
	Name string
	// ID is the node's own, made by protocol.NewID.
	ID string
	// Version is the build's, for the log.
	Version string
	// Prefix begins all subjects; clusters that share a NATS have different ones.
	Prefix    string
	Transport Transport
	// Quotas are shared with the other nodes; nil is none.
	Quotas *quota.Set
	// Excluded is called when the other nodes exclude this one although it sees
	// them: its sessions should move to them. Nil does nothing.
	Excluded func()
	// Refused returns why the other nodes reject this one, and what to change, or
	// nil. It is called while there is no peer; met says whether there was one since
	// the start. It must not block. Without it, a node is never refused.
	Refused func(met bool) error
	// Answers are what this node answers to the questions of Ask, by topic.
	Answers map[string]Answer
	// LogBytes bounds what all rooms' logs hold together; 0 is 64 MiB.
	LogBytes int
	Metrics  *Metrics
	Log      *slog.Logger
}

// Node is this node's part in the cluster. It implements messaging.Broker and
// messaging.Home. Its methods may be called from any goroutine.
type Node struct {
	o        Options
	subjects protocol.Subjects
	engine   Engine
	log      *slog.Logger

	ctx     context.Context
	stop    context.CancelFunc
	working sync.WaitGroup

	// firstView is the number of this node's first view, and 0 before.
	firstView atomic.Uint64

	// mu guards all fields below; functions whose names end in Locked expect their
	// caller to hold it. Frames are published and delivered under it, which keeps
	// every order that there is; neither blocks.
	mu      sync.Mutex
	changed chan struct{} // closed and replaced when a field below changes
	closed  bool

	beats    ownHeartbeats
	members  membership.Peers
	standing standing

	view      currentView
	promised  view.View   // the latest that this node has promised
	proposing bool        // a proposal of this node is on its way
	lastOpen  view.ID     // the last view before this one that was open
	past      []view.View // all views of this node, this one last

	logs      roomlog.Logs
	interests interest.Interests
	outbox    outbox
	acks      acks
	calls     inflight.Calls
	arrivals  inflight.Arrivals
}

// New returns a node that takes part once it is started. Attach comes first.
func New(o Options) *Node {
	if o.LogBytes == 0 {
		o.LogBytes = defaultLogBytes
	}
	n := &Node{
		o: o, subjects: protocol.Subjects(o.Prefix), log: o.Log, changed: make(chan struct{}),
		beats: ownHeartbeats{Beats: membership.NewBeats(), asking: map[string]bool{}}, members: membership.New(o.ID),
		acks: newAcks(), outbox: newOutbox(), interests: interest.New(), calls: inflight.NewCalls(), arrivals: inflight.Arrivals{},
	}
	n.ctx, n.stop = context.WithCancel(context.Background())
	n.view = newView(n.ctx, o.ID, view.View{}, time.Time{})
	n.standing.include(n.ctx)
	n.logs = roomlog.New(o.LogBytes, func(f *chat.Frame) { n.engine.Deliver(f) }, func(f *chat.Frame) { n.engine.Kick(f) }, n.arrivals.Settle)
	return n
}

// Attach gives the node its engine: it fits messaging.Options.Connect.
func (n *Node) Attach(e Engine) (messaging.Broker, messaging.Home) {
	n.engine = e
	return broker{n}, n
}

// signalLocked wakes all that wait for a change.
func (n *Node) signalLocked() {
	close(n.changed)
	n.changed = make(chan struct{})
}

// spawn runs f on a goroutine of its own, unless the node is closed.
func (n *Node) spawn(f func()) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if !n.closed {
		n.working.Go(f)
	}
}

// RoomChanged has every node read the room again. If the notice is lost, live rooms
// are still read again: when their settings are old, and when the cluster changes.
func (n *Node) RoomChanged(ctx context.Context, roomID string) error {
	n.engine.Reload(ctx, roomID)
	return n.o.Transport.Publish(n.subjects.Notices(), []byte(roomID))
}
