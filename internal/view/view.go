// Package view has the view of a cluster: the numbered list of nodes that work together, as in
// virtual synchrony, and what follows from it alone. Rendezvous hashing over the seats of a
// view gives each room its home and the two members that keep its frames besides. Every member
// works that out by itself, with the same result.
//
// A Point is a place in the order of a room's frames: the view, and the number in it.
package view

import (
	"cmp"
	"slices"
)

// ID names a view. Nodes that do not reach each other may make views of the
// same number, but these have different coordinators.
type ID struct {
	Number      uint64 `json:"n"`
	Coordinator string `json:"c"`
}

// MaxNumber is higher than the number of any real view: a forged one above it is
// ignored, as no view could follow it.
const MaxNumber = 1 << 62

// Compare orders views by number, and those of one number by coordinator.
func (a ID) Compare(b ID) int {
	return cmp.Or(cmp.Compare(a.Number, b.Number), cmp.Compare(a.Coordinator, b.Coordinator))
}

// View is the set of nodes that work together, as its members have agreed.
type View struct {
	ID      ID       `json:"id"`
	Members []string `json:"members"` // sorted
	// Homes are the members that may be a room's home: those that do not drain, or all if
	// all do.
	Homes []string `json:"homes"` // sorted
	// Interest says that frames are sent to the members that have sessions of their room
	// and to its keepers, not to all. It is set if all members can read that.
	Interest bool `json:"interest,omitzero"`
	// Seats are the names under which the homes are hashed, in their order. Without seats
	// these are the homes' ids. Vacant are seats of homes that drained. A view has both
	// only if all members can read them.
	Seats  []string `json:"seats,omitzero"`
	Vacant []string `json:"vacant,omitzero"`
	// the names under which the members are hashed, in their order
	names []string
}

// Has reports whether a node is a member.
func (v *View) Has(id string) bool {
	_, ok := slices.BinarySearch(v.Members, id)
	return ok
}

// IsHome reports whether a node may be a room's home.
func (v *View) IsHome(id string) bool {
	_, ok := slices.BinarySearch(v.Homes, id)
	return ok
}

// Home returns the home of a room, or the owner of any other key; "" without a
// view.
func (v *View) Home(key string) string { return seated(v.Homes, v.seats(), key) }

// Keepers returns the two members that keep the frames of a room besides its home, also
// without sessions of it: those with the highest hashes. So the first of them is the next
// home when this one dies. The first one acknowledges at once.
func (v *View) Keepers(room, home string) []string {
	names := v.names
	if names == nil {
		names = v.WithNames().names
	}
	first := seated(v.Members, names, room, home)
	if first == "" {
		return nil
	}
	if second := seated(v.Members, names, room, home, first); second != "" {
		return []string{first, second}
	}
	return []string{first}
}

// Rendezvous picks the node with the highest hash for the key: when a node comes
// or goes, only the keys of that node move.
func Rendezvous(nodes []string, key string) string { return seated(nodes, nodes, key) }

// seated is like Rendezvous, for nodes that are hashed under other names. It never picks a
// node in without.
func seated(nodes, names []string, key string, without ...string) string {
	var best string
	var most uint64
	for i, node := range nodes {
		if slices.Contains(without, node) {
			continue
		}
		h := fnv1a(fnvOffset, names[i]) * fnvPrime // A byte of 0 separates the name and the key.
		if sum := mix(fnv1a(h, key)); best == "" || sum > most {
			best, most = node, sum
		}
	}
	return best
}

// The parameters of FNV-1a with 64 bits.
const (
	fnvOffset = 14695981039346656037
	fnvPrime  = 1099511628211
)

// fnv1a continues a hash of FNV-1a with s. hash/fnv would allocate.
func fnv1a(h uint64, s string) uint64 {
	for i := range len(s) {
		h = (h ^ uint64(s[i])) * fnvPrime
	}
	return h
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

// SameAs reports whether a view has the same members, and the same homes for all rooms.
func (v *View) SameAs(other *View) bool {
	return slices.Equal(v.Members, other.Members) && slices.Equal(v.Homes, other.Homes) && slices.Equal(v.seats(), other.seats())
}

// Holders returns the members that get every frame of a room, with sessions or without: its
// home, then its keepers.
func (v *View) Holders(room string) []string {
	home := v.Home(room)
	if home == "" {
		return nil
	}
	return append([]string{home}, v.Keepers(room, home)...)
}
