package cluster

import "encoding/binary"

// interestVersion is the highest form that this release reads, and what a node says in its
// heartbeats. A view has interest if all its members read it: streams of their own then
// connect each home to each member.
const interestVersion = 3

// batch is what a home sends a member at a time: items of the stream of that pair.
type batch struct {
	view   ViewID
	home   string
	urgent bool   // the home waits for an acknowledgement
	first  uint64 // count of the first item
	items  []item
}

// encodeBatch writes: version, flags, view, home, count of the first item, how many there are,
// and each with its length in front.
func encodeBatch(view ViewID, home string, urgent bool, first uint64, items [][]byte) []byte {
	size := 64 + len(view.Coordinator) + len(home)
	for _, data := range items {
		size += 4 + len(data)
	}
	b := append(make([]byte, 0, size), interestVersion, flag(1, urgent))
	b = appendView(b, view)
	b = appendString(b, home)
	b = binary.AppendUvarint(b, first)
	b = binary.AppendUvarint(b, uint64(len(items)))
	for _, data := range items {
		b = binary.AppendUvarint(b, uint64(len(data)))
		b = append(b, data...)
	}
	return b
}

func decodeBatch(data []byte) (b batch, err error) {
	if len(data) == 0 || data[0] != interestVersion {
		return b, errMalformed
	}
	r := reader{data: data[1:]}
	b.urgent = r.byte()&1 != 0
	b.view, b.home, b.first = r.view(), r.string(), r.uvarint()
	for n := r.uvarint(); n > 0 && !r.failed; n-- {
		one := reader{data: r.slice()}
		it := one.item(b.view)
		it.home, it.count = b.home, b.first+uint64(len(b.items))
		b.items = append(b.items, it)
		r.failed = r.failed || one.failed
	}
	return b, r.err()
}

// slice returns the bytes of a string without a copy.
func (r *reader) slice() []byte {
	n := r.uvarint()
	if n > uint64(len(r.data)) {
		r.data, r.failed = nil, true
		return nil
	}
	b := r.data[:n]
	r.data = r.data[n:]
	return b
}

// appendItem writes an item of a pair's stream: kind, and of a frame its number, the place
// before it in the room's order, the frame, its user, what few frames have. Its view is that of the stream.
func appendItem(b []byte, it item) []byte {
	if it.frame == nil {
		return append(b, kindOpened)
	}
	b = append(b, kindFrame)
	b = binary.AppendUvarint(b, it.at.Seq)
	// Most frames follow another one of their view.
	follows := it.prev == point{it.at.View, it.at.Seq - 1}
	b = append(b, flag(1, follows))
	if !follows {
		b = binary.AppendUvarint(appendView(b, it.prev.View), it.prev.Seq)
	}
	b = appendFrame(b, it.frame)
	return appendSpecial(appendString(b, it.frame.UserID), it.frame)
}

func (r *reader) item(view ViewID) (it item) {
	it.at.View = view
	if kind := r.byte(); kind != kindFrame {
		r.failed = r.failed || kind != kindOpened
		return it
	}
	it.at.Seq = r.uvarint()
	it.prev = point{view, it.at.Seq - 1}
	if r.byte()&1 == 0 {
		it.prev = point{View: r.view(), Seq: r.uvarint()}
	}
	it.frame = r.frame(it.at)
	it.frame.UserID = r.string()
	r.special(it.frame)
	return it
}

// enterQuestion tells a room's home that a member has sessions of the room, or no longer.
type enterQuestion struct {
	View   ViewID
	From   string
	Room   string
	Number uint64 // of the member's interest
}

// enterAnswer is not OK while the home is not open.
type enterAnswer struct {
	OK    bool
	Floor point  // frames behind it come to the member
	Sent  uint64 // count of the last item on the stream to the member
}

// encode writes: version, view, member, room, number.
func (q enterQuestion) encode() []byte {
	b := make([]byte, 0, 64+len(q.View.Coordinator)+len(q.From)+len(q.Room))
	b = appendView(append(b, compactVersion), q.View)
	b = appendString(b, q.From)
	b = appendString(b, q.Room)
	return binary.AppendUvarint(b, q.Number)
}

func decodeEnterQuestion(data []byte) (q enterQuestion, err error) {
	if !isCompact(data) {
		return q, errMalformed
	}
	r := compactReader(data)
	q = enterQuestion{View: r.view(), From: r.string(), Room: r.string(), Number: r.uvarint()}
	return q, r.err()
}

// encode writes: version, whether the home is open, the floor, and the count.
func (a enterAnswer) encode() []byte {
	b := appendView([]byte{compactVersion, flag(1, a.OK)}, a.Floor.View)
	b = binary.AppendUvarint(b, a.Floor.Seq)
	return binary.AppendUvarint(b, a.Sent)
}

func decodeEnterAnswer(data []byte) (a enterAnswer, err error) {
	if !isCompact(data) {
		return a, errMalformed
	}
	r := compactReader(data)
	a = enterAnswer{OK: r.byte() == 1, Floor: point{View: r.view(), Seq: r.uvarint()}, Sent: r.uvarint()}
	return a, r.err()
}
