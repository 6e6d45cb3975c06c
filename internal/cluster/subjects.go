package cluster

import "strings"

// subjects are the subjects of a cluster's messages, which begin with its prefix.
// PROTOCOL.md says what goes over each.
type subjects string

func (s subjects) beats() string   { return string(s) + ".beats" }
func (s subjects) frames() string  { return string(s) + ".frames" }
func (s subjects) notices() string { return string(s) + ".notices" }

// node is the subject of what is meant for one node alone.
func (s subjects) node(id string, k kind) string { return string(s) + ".node." + id + "." + string(k) }

// kind says what a message to one node is. Frames, tails, acknowledgements and leaves are no
// requests.
type kind string

const (
	kindFrames   kind = "frames"
	kindTail     kind = "tail"
	kindBeat     kind = "beat"
	kindAck      kind = "ack"
	kindEnter    kind = "enter"
	kindLeave    kind = "leave"
	kindPrepare  kind = "prepare"
	kindStream   kind = "stream"
	kindState    kind = "state"
	kindHistory  kind = "history"
	kindComplete kind = "complete"
	kindDo       kind = "do"
	kindLend     kind = "lend"
	kindAsk      kind = "ask"
	kindAny      kind = ">" // to subscribe to all of them
)

// kindOf returns the kind of a message by its subject.
func kindOf(subject string) kind { return kind(subject[strings.LastIndexByte(subject, '.')+1:]) }
