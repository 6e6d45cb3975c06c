package cluster

import (
	"encoding/binary"
	"slices"
)

// briefVersion is the form of heartbeats that hardly grow with the cluster, and of views with
// seats.
const briefVersion = 4

// marks say what a node gets from each member of its view, by the members' places in it, with
// four bits for each. The number of a heartbeat is never far from those of the other members,
// so the difference is enough to acknowledge one.
type marks []byte

const (
	markSeen   = 14 // the member's heartbeats arrive, and its lease is not supported
	markUnseen = 15 // they do not arrive; also the node itself
	// Lower ones acknowledge a heartbeat of the member: the number of the heartbeat that says
	// so is higher by the mark.
)

func newMarks(members int) marks {
	return slices.Repeat(marks{markUnseen<<4 | markUnseen}, (members+1)/2)
}

func (m marks) at(i int) byte { return m[i/2] >> (i % 2 * 4) & 15 }

func (m marks) set(i int, mark byte) {
	shift := i % 2 * 4
	m[i/2] = m[i/2]&^(15<<shift) | mark<<shift
}

// seesAs reports whether two nodes get heartbeats of the same members of one view.
func (m marks) seesAs(other marks) bool {
	if len(m) != len(other) {
		return false
	}
	for i := range 2 * len(m) {
		if (m.at(i) == markUnseen) != (other.at(i) == markUnseen) {
			return false
		}
	}
	return true
}

// isBrief reports whether a heartbeat has the brief form.
func isBrief(data []byte) bool { return len(data) > 0 && data[0] == briefVersion }

// encodeBrief writes: version, flags, what the node reads, its id, the view's id, number,
// promise, connections, marks, and how many other nodes it sees, with their ids. Name and build,
// and what the view is, are known from other heartbeats.
func (b *heartbeat) encodeBrief() []byte {
	data := make([]byte, 0, 96+len(b.marks))
	data = append(data, briefVersion, flag(1, b.Eligible))
	data = binary.AppendUvarint(data, uint64(b.Reads))
	data = appendView(appendString(data, b.ID), b.View.ID)
	data = binary.AppendUvarint(data, b.N)
	data = binary.AppendUvarint(data, b.Promised)
	data = binary.AppendVarint(data, int64(b.Connections))
	data = appendString(data, string(b.marks))
	data = binary.AppendUvarint(data, uint64(len(b.also)))
	for _, id := range b.also {
		data = appendString(data, id)
	}
	return data
}

func decodeBrief(data []byte) (b heartbeat, err error) {
	r := compactReader(data)
	b.Eligible = r.byte()&1 != 0
	b.Reads = int(r.uvarint())
	b.ID, b.View.ID = r.string(), r.view()
	b.N, b.Promised, b.Connections = r.uvarint(), r.uvarint(), int(r.varint())
	b.marks = marks(r.string())
	for n := r.uvarint(); n > 0 && !r.failed; n-- {
		b.also = append(b.also, r.string())
	}
	return b, r.err()
}

// acknowledges returns the number of the last heartbeat of a node that this one acknowledges,
// or 0.
func (b *heartbeat) acknowledges(id string) uint64 {
	if b.marks == nil {
		return b.Leases[id]
	}
	i, ok := slices.BinarySearch(b.View.Members, id)
	if !ok || b.marks.at(i) >= markSeen || uint64(b.marks.at(i)) >= b.N {
		return 0
	}
	return b.N - uint64(b.marks.at(i))
}

// expand returns the nodes that a brief heartbeat says its node sees, sorted.
func (b *heartbeat) expand() (sees []string) {
	for i, id := range b.View.Members {
		if b.marks.at(i) != markUnseen {
			sees = append(sees, id)
		}
	}
	sees = append(sees, b.also...)
	slices.Sort(sees)
	return sees
}
