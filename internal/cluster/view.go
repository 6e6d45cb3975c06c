package cluster

import (
	"cmp"
	"hash/fnv"
	"slices"
)

// ViewID names a view. Nodes that do not reach each other may make views of the
// same number, but these have different coordinators.
type ViewID struct {
	Number      uint64 `json:"n"`
	Coordinator string `json:"c"`
}

// maxNumber is higher than the number of any real view: a forged one above it is
// ignored, as no view could follow it.
const maxNumber = 1 << 62

func (a ViewID) compare(b ViewID) int {
	return cmp.Or(cmp.Compare(a.Number, b.Number), cmp.Compare(a.Coordinator, b.Coordinator))
}

// View is the set of nodes that work together, as its members have agreed.
type View struct {
	ID      ViewID   `json:"id"`
	Members []string `json:"members"` // sorted
	// Homes are the members that may be a room's home: those that do not drain,
	// or all if all do.
	Homes []string `json:"homes"` // sorted
}

func (v *View) has(id string) bool {
	_, ok := slices.BinarySearch(v.Members, id)
	return ok
}

func (v *View) isHome(id string) bool {
	_, ok := slices.BinarySearch(v.Homes, id)
	return ok
}

// home returns the home of a room, or the owner of any other key; "" without a
// view.
func (v *View) home(key string) string { return rendezvous(v.Homes, key) }

// rendezvous picks the node with the highest hash for the key: when a node comes
// or goes, only the keys of that node move.
func rendezvous(nodes []string, key string) string {
	var best string
	var most uint64
	for _, node := range nodes {
		h := fnv.New64a()
		h.Write([]byte(node))
		h.Write([]byte{0})
		h.Write([]byte(key))
		if sum := mix(h.Sum64()); best == "" || sum > most {
			best, most = node, sum
		}
	}
	return best
}

// mix spreads a hash over all its bits (the finalizer of MurmurHash3): FNV alone
// leaves keys that differ in their last letters close to each other.
func mix(h uint64) uint64 {
	h ^= h >> 33
	h *= 0xff51afd7ed558ccd
	h ^= h >> 33
	h *= 0xc4ceb9fe1a85ec53
	return h ^ h>>33
}

// Owner returns the id of the node that should do the work that key names.
func (n *Node) Owner(key string) string {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.view.home(key)
}

// View returns the current view; its number is 0 before the first.
func (n *Node) View() View {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.view.View
}

// OtherConnections returns how many connections the other members had at their
// last heartbeat.
func (n *Node) OtherConnections() int {
	n.mu.Lock()
	defer n.mu.Unlock()
	sum := 0
	for _, id := range n.view.Members {
		if p := n.members.peers[id]; p != nil {
			sum += p.last.Connections
		}
	}
	return sum
}
