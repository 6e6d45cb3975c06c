package protocol

import "strings"

// Subjects are the subjects of a cluster's messages, which begin with its prefix.
// PROTOCOL.md says what goes over each.
type Subjects string

// Beats is for heartbeats.
func (s Subjects) Beats() string { return string(s) + ".beats" }

// Frames is for the items of homes in a view without interest.
func (s Subjects) Frames() string { return string(s) + ".frames" }

// Notices is for rooms that have changed.
func (s Subjects) Notices() string { return string(s) + ".notices" }

// Node is the subject of what is meant for one node alone.
func (s Subjects) Node(id string, k Kind) string { return string(s) + ".node." + id + "." + string(k) }

// Kind says what a message to one node is. Frames, tails, acknowledgements and leaves are no
// requests.
type Kind string

// The kinds. What each asks for and what its loss costs is in PROTOCOL.md.
const (
	KindFrames   Kind = "frames"
	KindTail     Kind = "tail"
	KindBeat     Kind = "beat"
	KindAck      Kind = "ack"
	KindEnter    Kind = "enter"
	KindLeave    Kind = "leave"
	KindPrepare  Kind = "prepare"
	KindStream   Kind = "stream"
	KindState    Kind = "state"
	KindHistory  Kind = "history"
	KindComplete Kind = "complete"
	KindDo       Kind = "do"
	KindLend     Kind = "lend"
	KindAsk      Kind = "ask"
	KindAny      Kind = ">" // to subscribe to all of them
)

// KindOf returns the kind of a message by its subject.
func KindOf(subject string) Kind { return Kind(subject[strings.LastIndexByte(subject, '.')+1:]) }
