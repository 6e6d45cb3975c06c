package protocol

import (
	"slices"

	"github.com/go-json-experiment/json"

	"confab/internal/view"
)

// Heartbeat is what a node says of itself to all others.
type Heartbeat struct {
	ID      string `json:"id"`
	Name    string `json:"name"`
	Version string `json:"version"`
	// Speaks is the version of the wire that the node speaks, in this and all other
	// messages.
	Speaks int `json:"speaks"`
	// Reads is the newest form of messages between two nodes that the node can read: 0 is
	// JSON alone; CompactVersion adds questions to a home, their answers and
	// acknowledgements; InterestVersion adds streams of pairs and everything else that a
	// view with interest needs; BriefVersion adds brief heartbeats and seats; HiddenVersion
	// adds frames that only one user gets.
	Reads    int       `json:"reads,omitzero"`
	N        uint64    `json:"beat"`
	Leaving  bool      `json:"leaving,omitzero"`
	Eligible bool      `json:"eligible"`
	View     view.View `json:"view"`
	Promised uint64    `json:"promised"`
	// Sees are the nodes whose heartbeats arrive at this one.
	Sees []string `json:"sees,omitzero"`
	// Leases acknowledges the last heartbeat of every node whose lease this node
	// supports.
	Leases map[string]uint64 `json:"leases,omitzero"`
	// Sent is how many items the node's stream to all has in View, so that receivers notice
	// when the last item is lost. Acked acknowledges the streams of the others. In a view
	// with interest, messages between pairs of nodes do both.
	Sent        uint64            `json:"sent,omitzero"`
	Acked       map[string]uint64 `json:"acked,omitzero"`
	Connections int               `json:"connections"`

	// Marks and Also replace Sees and Leases in brief heartbeats: Marks for the peers among
	// the members of the view, Also for other peers.
	Marks Marks    `json:"-"`
	Also  []string `json:"-"`
}

// Bytes returns a heartbeat as it is sent.
func (b *Heartbeat) Bytes() ([]byte, error) {
	if b.Marks != nil {
		return b.encodeBrief(), nil
	}
	return json.Marshal(b)
}

// DecodeHeartbeat reads a heartbeat of either form.
func DecodeHeartbeat(data []byte) (b Heartbeat, err error) {
	if IsBrief(data) {
		return decodeBrief(data)
	}
	err = json.Unmarshal(data, &b)
	slices.Sort(b.Sees) // It is sorted already, unless the sender is no node of ours.
	return b, err
}
