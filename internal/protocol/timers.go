package protocol

import "time"

// The times of the protocol. PROTOCOL.md says what must hold between them.
const (
	BeatInterval = 200 * time.Millisecond
	BeatSlack    = 25 * time.Millisecond   // how much longer a node waits for the heartbeat beside which it sends its own
	StallTime    = 700 * time.Millisecond  // a longer gap between two ticks: this process was suspended
	LeaseTime    = time.Second             // how long the acknowledgement of a heartbeat lets a home number frames
	SuspectAfter = 1500 * time.Millisecond // without a heartbeat, a peer times out
	SettleTime   = 3 * BeatInterval        // from the first heartbeat of a node to its part in a view
	MergeWithin  = 3 * time.Second         // how long that may take while links come back

	// A view change: how long it waits for numbered frames, how long one request
	// for a promise and all of them may take, and how long a member that does not
	// answer stays out.
	SealWithin    = time.Second
	PrepareAgain  = 300 * time.Millisecond
	PrepareWithin = 1500 * time.Millisecond
	SilentFor     = 3 * time.Second

	// Operations: how long one may take, how often its home is asked, and how long
	// a home remembers its answer.
	DoWithin  = 10 * time.Second
	AskAgain  = 2 * time.Second
	CallsLast = 15 * time.Second

	SpareWait = 30 * time.Second // without a change, until a node that came back takes a vacant seat

	EnterWithin = 5 * time.Second // until a room's home knows that this node has sessions of it
	AskWithin   = time.Second     // any other request
	LogAge      = time.Minute     // how long frames stay in logs

	RetryWait = 20 * time.Millisecond // before a request that failed is repeated
	FillWait  = 50 * time.Millisecond // the same, for missing items of a stream
	AckWait   = 10 * time.Millisecond // before an acknowledgement that no home waits for
)
