// Package cluster makes several nodes one service: it knows which nodes are
// alive, which of them is the home of a room, and sees to it that every node
// delivers the frames of a room in one order, none missing and none twice,
// whatever becomes of the home.
//
// A node joins and leaves (join.go). Nodes beat (beat.go). Those that hear each
// other (members.go) agree on a numbered View (view.go, change.go); rendezvous
// hashing over the view's homes gives every room its home. A home numbers frames
// (turn.go) and sends them down a stream (stream.go) whose items are counted, so
// that a lost one is noticed and asked for again (fill.go). It delivers a frame to
// its own connections once another member has it (ack.go): a frame that anybody saw
// survives the loss of any one node. Every node keeps a short log of each room
// (log.go). When the view changes, the new home first gathers what any member has
// (open.go, state.go), completes it everywhere (history.go, complete.go, level.go),
// and then goes on.
//
// Requests go to the home wherever it moves (route.go); an operation keeps its
// id, by which a home knows what it, or the home before it, has already done.
//
// The package needs nothing but a Transport that may lose messages. It knows no
// SQL: while the database is away, live rooms go on.
package cluster

import (
	"context"
	"crypto/rand"
	"log/slog"
	"strings"
	"sync"
	"time"

	"confab/internal/chat"
	"confab/internal/messaging"
	"confab/internal/quota"
	"confab/internal/telemetry"
)

// Transport carries messages between nodes. It may lose them. What one node
// publishes arrives in order at each subscription of another, and not at its own.
type Transport interface {
	// Publish sends data to all other nodes that subscribe to the subject.
	Publish(subject string, data []byte) error
	// Subscribe has messages of a subject handled one after another. The last
	// part of the subject may be * or >. reply is nil when nobody waits.
	Subscribe(subject string, handle func(subject string, data []byte, reply func([]byte))) error
	// Request returns the answer of the one node that subscribes to the subject.
	Request(ctx context.Context, subject string, data []byte) ([]byte, error)
}

// Engine is what the package needs of messaging.Engine.
type Engine interface {
	Sequence(ctx context.Context, op messaging.Operation) (id string, err error)
	Deliver(f *chat.Frame)
	Reload(ctx context.Context, roomID string)
	ReloadAll()
	Connections() int
}

// Options are what a Node needs. All fields without a comment are required.
type Options struct {
	// Name is the node's name for people; see NewID.
	Name string
	// ID is the node's own, made by NewID.
	ID string
	// Version is the build's, for the log.
	Version string
	// Prefix begins all subjects; clusters that share a NATS have different ones.
	Prefix    string
	Transport Transport
	// Quotas are shared with the other nodes; nil is none.
	Quotas *quota.Set
	// Excluded is called when the other nodes go on without this one, although
	// it hears them: its sessions had better go to them. Nil is nothing to do.
	Excluded func()
	// Refused says why nobody lets this node in, and what to change, or returns
	// nil. It is asked while nobody is heard, and told whether anybody was since the
	// start; it must not block. Nil is never.
	Refused func(met bool) error
	// LogBytes bounds what all rooms' logs hold together; 0 is 64 MiB.
	LogBytes int
	Metrics  *telemetry.Metrics
	Log      *slog.Logger
}

// The times of the protocol. A home whose lease has run out does not sequence;
// that it does so before others may suspect it keeps rates exact.
const (
	beatInterval = 200 * time.Millisecond
	suspectAfter = 1500 * time.Millisecond
	leaseTime    = time.Second
	settleTime   = 3 * beatInterval // from the first beat of a node to its part in a view
	mergeWithin  = 3 * time.Second  // and how much longer it may take to hear all that it hears
	stallTime    = 700 * time.Millisecond
	askWithin    = time.Second
	logAge       = time.Minute
	defaultLog   = 64 << 20
)

// NewID returns the id of a node that starts now: its name, made fit for a
// subject, and something random, so that a restarted process is a new node.
func NewID(name string) string {
	clean := strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || r == '-' {
			return r
		}
		return '-'
	}, name)
	return clean[:min(len(clean), 64)] + "_" + rand.Text()[:8]
}

// Node is this node's part in the cluster. It implements messaging.Broker and
// messaging.Home. Its methods may be called from any goroutine.
type Node struct {
	o        Options
	subjects subjects
	engine   Engine
	log      *slog.Logger

	ctx     context.Context
	stop    context.CancelFunc
	working sync.WaitGroup

	// mu guards all fields below. Frames are published and delivered under it,
	// which keeps every order that there is; neither blocks for longer than half a
	// second, and that only when NATS is about to count as lost.
	mu      sync.Mutex
	changed chan struct{} // closed and made anew when something below changed
	closed  bool

	// Liveness: beat.go.
	beats    uint64
	sentAt   map[uint64]time.Time // of this node's recent beats
	lastTick time.Time
	started  time.Time
	peers    map[string]*peer
	newer    map[string]newer // nodes that this one does not understand: newer.go
	eligible bool
	met      bool  // a node was heard since the start
	refused  error // why nobody lets this node in: refused.go

	// Views: change.go.
	view      View
	viewCtx   context.Context // ends with the view
	endView   context.CancelFunc
	previous  ViewID // the last view before that was open
	past      []View // all views of this node, this one last
	promised  View
	sealed    bool // nothing more is numbered in the view
	shut      bool // and nothing more published
	changing  bool
	silent    map[string]time.Time // who did not answer a Prepare, and until when they are left out
	shunned   time.Time            // since when others go on without this node; zero when they do not
	excluded  bool
	part      context.Context // ends when the node is excluded: it is no part of the cluster
	endPart   context.CancelFunc
	committed time.Time
	numbered  int // frames that have a number of this view and are not published

	// Frames: stream.go, log.go.
	out   *outStream
	in    map[string]*inStream
	rooms map[string]*roomLog
	ids   map[string]*entry // of all entries of all rooms
	aging []aged            // all entries, oldest first
	// gone are the frames that were delivered here and dropped from their log
	// since, by id. The same operation may come back in another history.
	gone  map[string]time.Time
	bytes int
	floor uint64 // no room that is not in rooms was numbered higher

	// Requests: route.go.
	calls    map[string]*call
	callAge  []*call
	arrivals map[string]*arrival // by operation

	ackDue map[string]bool
	ackNow chan struct{}

	unreadable bool // an item could not be decoded in this view, which is logged once
}

// New returns a node that takes part once it is started. Attach comes first.
func New(o Options) *Node {
	if o.LogBytes == 0 {
		o.LogBytes = defaultLog
	}
	ctx, stop := context.WithCancel(context.Background())
	n := &Node{
		o: o, subjects: subjects(o.Prefix), log: o.Log, ctx: ctx, stop: stop,
		changed: make(chan struct{}), ackNow: make(chan struct{}, 1), ackDue: map[string]bool{},
		sentAt: map[uint64]time.Time{}, peers: map[string]*peer{}, newer: map[string]newer{}, silent: map[string]time.Time{}, eligible: true,
		in: map[string]*inStream{}, rooms: map[string]*roomLog{}, ids: map[string]*entry{}, gone: map[string]time.Time{}, calls: map[string]*call{},
		arrivals: map[string]*arrival{},
	}
	n.viewCtx, n.endView = context.WithCancel(ctx)
	n.part, n.endPart = context.WithCancel(ctx)
	return n
}

// Attach gives the node its engine: it fits messaging.Options.Connect.
func (n *Node) Attach(e Engine) (messaging.Broker, messaging.Home) {
	n.engine = e
	return n, n
}

// signal wakes whoever waits for a change. The caller holds n.mu.
func (n *Node) signal() {
	close(n.changed)
	n.changed = make(chan struct{})
}

// RoomChanged has every node read the room again. A notice that is lost heals:
// live rooms are read again by their age, and all when the cluster changes.
func (n *Node) RoomChanged(ctx context.Context, roomID string) error {
	n.engine.Reload(ctx, roomID)
	return n.o.Transport.Publish(n.subjects.notices(), []byte(roomID))
}

func (n *Node) onNotice(_ string, data []byte, _ func([]byte)) {
	n.spawn(func() { n.engine.Reload(n.ctx, string(data)) })
}
