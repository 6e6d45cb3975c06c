package protocol

import (
	"encoding/binary"

	"confab/internal/view"
)

// InterestVersion is the highest form that this release reads, and what a node says in its
// heartbeats. A view has interest if all its members read it: streams of their own then
// connect each home to each member.
const InterestVersion = 3

// Batch is what a home sends a member at a time: items of the stream of that pair.
type Batch struct {
	View   view.ID
	Home   string
	Urgent bool   // the home waits for an acknowledgement
	First  uint64 // count of the first item
	Items  []Item
}

// EncodeBatch writes: version, flags, view, home, count of the first item, how many there are,
// and each with its length in front.
func EncodeBatch(in view.ID, home string, urgent bool, first uint64, items [][]byte) []byte {
	size := 64 + len(in.Coordinator) + len(home)
	for _, data := range items {
		size += 4 + len(data)
	}
	b := append(make([]byte, 0, size), InterestVersion, flag(1, urgent))
	b = appendView(b, in)
	b = appendString(b, home)
	b = binary.AppendUvarint(b, first)
	b = binary.AppendUvarint(b, uint64(len(items)))
	for _, data := range items {
		b = binary.AppendUvarint(b, uint64(len(data)))
		b = append(b, data...)
	}
	return b
}

// DecodeBatch reads what EncodeBatch wrote.
func DecodeBatch(data []byte) (b Batch, err error) {
	if len(data) == 0 || data[0] != InterestVersion {
		return b, errMalformed
	}
	r := reader{data: data[1:]}
	b.Urgent = r.byte()&1 != 0
	b.View, b.Home, b.First = r.view(), r.string(), r.uvarint()
	for n := r.uvarint(); n > 0 && !r.failed; n-- {
		one := reader{data: r.slice()}
		it := one.item(b.View)
		it.Home, it.Count = b.Home, b.First+uint64(len(b.Items))
		b.Items = append(b.Items, it)
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

// AppendItem writes an item of a pair's stream: kind, and of a frame its number, the place
// before it in the room's order, the frame, its user, what few frames have. Its view is that of the stream.
func AppendItem(b []byte, it Item) []byte {
	if it.Frame == nil {
		return append(b, kindOpened)
	}
	b = append(b, kindFrame)
	b = binary.AppendUvarint(b, it.At.Seq)
	// Most frames directly follow another frame of their view.
	follows := it.Prev == view.Point{View: it.At.View, Seq: it.At.Seq - 1}
	b = append(b, flag(1, follows))
	if !follows {
		b = binary.AppendUvarint(appendView(b, it.Prev.View), it.Prev.Seq)
	}
	b = appendFrame(b, it.Frame)
	return appendSpecial(appendString(b, it.Frame.UserID), it.Frame)
}

func (r *reader) item(in view.ID) (it Item) {
	it.At.View = in
	if kind := r.byte(); kind != kindFrame {
		r.failed = r.failed || kind != kindOpened
		return it
	}
	it.At.Seq = r.uvarint()
	it.Prev = view.Point{View: in, Seq: it.At.Seq - 1}
	if r.byte()&1 == 0 {
		it.Prev = view.Point{View: r.view(), Seq: r.uvarint()}
	}
	it.Frame = r.frame(it.At)
	it.Frame.UserID = r.string()
	r.special(it.Frame)
	return it
}

// EnterQuestion tells a room's home that a member has sessions of the room, or no longer.
type EnterQuestion struct {
	View   view.ID
	From   string
	Room   string
	Number uint64 // of the member's interest
}

// EnterAnswer is not OK while the home is not open.
type EnterAnswer struct {
	OK    bool
	Floor view.Point // frames behind it are sent to the member
	Sent  uint64     // count of the last item on the stream to the member
}

// Encode writes: version, view, member, room, number.
func (q EnterQuestion) Encode() []byte {
	b := make([]byte, 0, 64+len(q.View.Coordinator)+len(q.From)+len(q.Room))
	b = appendView(append(b, CompactVersion), q.View)
	b = appendString(b, q.From)
	b = appendString(b, q.Room)
	return binary.AppendUvarint(b, q.Number)
}

// DecodeEnterQuestion reads the question that Encode wrote.
func DecodeEnterQuestion(data []byte) (q EnterQuestion, err error) {
	if !IsCompact(data) {
		return q, errMalformed
	}
	r := compactReader(data)
	q = EnterQuestion{View: r.view(), From: r.string(), Room: r.string(), Number: r.uvarint()}
	return q, r.err()
}

// Encode writes: version, whether the home is open, the floor, and the count.
func (a EnterAnswer) Encode() []byte {
	b := appendView([]byte{CompactVersion, flag(1, a.OK)}, a.Floor.View)
	b = binary.AppendUvarint(b, a.Floor.Seq)
	return binary.AppendUvarint(b, a.Sent)
}

// DecodeEnterAnswer reads the answer that Encode wrote.
func DecodeEnterAnswer(data []byte) (a EnterAnswer, err error) {
	if !IsCompact(data) {
		return a, errMalformed
	}
	r := compactReader(data)
	a = EnterAnswer{OK: r.byte() == 1, Floor: view.Point{View: r.view(), Seq: r.uvarint()}, Sent: r.uvarint()}
	return a, r.err()
}
