package protocol

import (
	"encoding/binary"
	"slices"
)

// BriefVersion is the form of heartbeats that hardly grow with the cluster, and of views with
// seats.
const BriefVersion = 4

// Marks say what a node gets from each member of its view, by the members' places in it, with
// four bits for each. The number of a heartbeat is never far from those of the other members,
// so the difference is enough to acknowledge one.
type Marks []byte

// The marks that acknowledge no heartbeat.
const (
	MarkSeen   = 14 // the member's heartbeats arrive, but its lease is not supported
	markUnseen = 15 // its heartbeats do not arrive, or it is the sender itself
	// A lower mark acknowledges a heartbeat of the member: the one whose number is lower by
	// the mark than that of this heartbeat.
)

// NewMarks returns the marks of a node that gets nothing from any member.
func NewMarks(members int) Marks {
	return slices.Repeat(Marks{markUnseen<<4 | markUnseen}, (members+1)/2)
}

func (m Marks) at(i int) byte { return m[i/2] >> (i % 2 * 4) & 15 }

// Set says what the node gets from a member.
func (m Marks) Set(i int, mark byte) {
	shift := i % 2 * 4
	m[i/2] = m[i/2]&^(15<<shift) | mark<<shift
}

// SeesAs reports whether two nodes get heartbeats of the same members of one view.
func (m Marks) SeesAs(other Marks) bool {
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

// IsBrief reports whether a heartbeat has the brief form.
func IsBrief(data []byte) bool { return len(data) > 0 && data[0] == BriefVersion }

// encodeBrief writes: version, flags, what the node can read, its id, the view's id,
// number, promise, connections, marks, and the ids of the other nodes that it sees, behind
// how many they are. The node's name and build, and the members of the view, are known from
// other heartbeats.
func (b *Heartbeat) encodeBrief() []byte {
	data := make([]byte, 0, 96+len(b.Marks))
	data = append(data, BriefVersion, flag(1, b.Eligible))
	data = binary.AppendUvarint(data, uint64(b.Reads))
	data = appendView(appendString(data, b.ID), b.View.ID)
	data = binary.AppendUvarint(data, b.N)
	data = binary.AppendUvarint(data, b.Promised)
	data = binary.AppendVarint(data, int64(b.Connections))
	data = appendString(data, string(b.Marks))
	data = binary.AppendUvarint(data, uint64(len(b.Also)))
	for _, id := range b.Also {
		data = appendString(data, id)
	}
	return data
}

func decodeBrief(data []byte) (b Heartbeat, err error) {
	r := compactReader(data)
	b.Eligible = r.byte()&1 != 0
	b.Reads = int(r.uvarint())
	b.ID, b.View.ID = r.string(), r.view()
	b.N, b.Promised, b.Connections = r.uvarint(), r.uvarint(), int(r.varint())
	b.Marks = Marks(r.string())
	for n := r.uvarint(); n > 0 && !r.failed; n-- {
		b.Also = append(b.Also, r.string())
	}
	return b, r.err()
}

// Acknowledges returns the number of the last heartbeat of a node that this one acknowledges,
// or 0.
func (b *Heartbeat) Acknowledges(id string) uint64 {
	if b.Marks == nil {
		return b.Leases[id]
	}
	i, ok := slices.BinarySearch(b.View.Members, id)
	if !ok || b.Marks.at(i) >= MarkSeen || uint64(b.Marks.at(i)) >= b.N {
		return 0
	}
	return b.N - uint64(b.Marks.at(i))
}

// Expand returns the nodes that a brief heartbeat says its node sees, sorted.
func (b *Heartbeat) Expand() (sees []string) {
	for i, id := range b.View.Members {
		if b.Marks.at(i) != markUnseen {
			sees = append(sees, id)
		}
	}
	sees = append(sees, b.Also...)
	slices.Sort(sees)
	return sees
}
