package cluster

import "time"

// The times of the protocol. PROTOCOL.md says what must hold between them.
const (
	beatInterval = 200 * time.Millisecond
	stallTime    = 700 * time.Millisecond  // a longer gap between two ticks: this process was suspended
	leaseTime    = time.Second             // how long the acknowledgement of a heartbeat lets a home number frames
	suspectAfter = 1500 * time.Millisecond // without a heartbeat, a peer times out
	settleTime   = 3 * beatInterval        // from the first heartbeat of a node to its part in a view
	mergeWithin  = 3 * time.Second         // how long that may take while links come back

	// A view change: how long it waits for numbered frames, how long one request
	// for a promise and all of them may take, and how long a member that does not
	// answer stays out.
	sealWithin    = time.Second
	prepareAgain  = 300 * time.Millisecond
	prepareWithin = 1500 * time.Millisecond
	silentFor     = 3 * time.Second

	// Operations: how long one may take, how often its home is asked, and how long
	// a home remembers its answer.
	doWithin  = 10 * time.Second
	askAgain  = 2 * time.Second
	callsLast = 15 * time.Second

	spareWait = 30 * time.Second // without a change, until a node that came back takes a vacant seat

	enterWithin = 5 * time.Second // until a room's home knows that this node has sessions of it
	askWithin   = time.Second     // any other request
	logAge      = time.Minute     // how long frames stay in logs

	retryWait = 20 * time.Millisecond // before a request that failed is repeated
	fillWait  = 50 * time.Millisecond // the same, for missing items of a stream
	ackWait   = 10 * time.Millisecond // before an acknowledgement that no home waits for
)
