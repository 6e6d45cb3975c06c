package cluster

import (
	"slices"

	"github.com/go-json-experiment/json"
)

// heartbeat is what a node says of itself to all others.
type heartbeat struct {
	ID      string `json:"id"`
	Name    string `json:"name"`
	Version string `json:"version"`
	// Speaks is the version of the wire that the node speaks, in this and all other
	// messages.
	Speaks int `json:"speaks"`
	// Reads is the highest form of messages between two nodes that the node reads: 0 is JSON
	// alone, compactVersion also questions to a home, their answers and acknowledgements,
	// interestVersion streams of pairs and everything else that a view with interest needs,
	// briefVersion brief heartbeats and seats, hiddenVersion frames that only one user gets.
	Reads    int    `json:"reads,omitzero"`
	N        uint64 `json:"beat"`
	Leaving  bool   `json:"leaving,omitzero"`
	Eligible bool   `json:"eligible"`
	View     View   `json:"view"`
	Promised uint64 `json:"promised"`
	// Sees are the nodes whose heartbeats arrive at this one.
	Sees []string `json:"sees,omitzero"`
	// Leases acknowledges the last heartbeat of every node whose lease this node
	// supports.
	Leases map[string]uint64 `json:"leases,omitzero"`
	// Sent is how many items the node's stream to all has in View: a lost last item is
	// noticed. Acked acknowledges the streams of the others. A view with interest has
	// messages between pairs for both.
	Sent        uint64            `json:"sent,omitzero"`
	Acked       map[string]uint64 `json:"acked,omitzero"`
	Connections int               `json:"connections"`

	// marks and also are in brief heartbeats, for Sees and Leases: the peers among the members
	// of the view, and the others.
	marks marks    `json:"-"`
	also  []string `json:"-"`
}

// bytes returns a heartbeat as it is sent.
func (b *heartbeat) bytes() ([]byte, error) {
	if b.marks != nil {
		return b.encodeBrief(), nil
	}
	return json.Marshal(b)
}

func readHeartbeat(data []byte) (b heartbeat, err error) {
	if isBrief(data) {
		return decodeBrief(data)
	}
	err = json.Unmarshal(data, &b)
	slices.Sort(b.Sees) // It is sorted, unless something else sent it.
	return b, err
}
