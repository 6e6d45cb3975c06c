package cluster

import (
	"encoding/binary"
	"errors"
	"fmt"
	"time"

	"confab/internal/chat"
)

// item is one piece of a home's stream, or of a room's log: a frame with its
// place in the room's order, or without a frame the mark that the home is open.
type item struct {
	// at.View is the view of the stream.
	at    point
	prev  point  // the place before at, in a view with interest
	home  string // whose stream it is; empty in a log
	count uint64 // its place in the stream, from 1
	frame *chat.Frame
}

// The wire's version and the two kinds of items. Fields that a later release appends
// to an item are skipped by nodes that do not know them, and need no new version. A
// release that changes what is there needs one: it reads both, and speaks the new one
// only when all members say in their heartbeats that they read it. A node does not join
// nodes that speak a version that it does not read; see peers.go.
const (
	wireVersion = 1
	kindOpened  = 0
	kindFrame   = 1
)

var errMalformed = errors.New("cluster: malformed item")

// encodeItem writes: version, kind, view, home, count; and of a frame: sequence,
// room, id, type, action, time in nanoseconds, user to disconnect, JSON, sender, what few
// frames have.
// Numbers are varints, strings have their length in front.
func encodeItem(it item) []byte {
	size := 64 + len(it.at.View.Coordinator) + len(it.home)
	if it.frame != nil {
		size += 128 + len(it.frame.JSON)
	}
	b := append(make([]byte, 0, size), wireVersion, kindOpened)
	b = binary.AppendUvarint(b, it.at.View.Number)
	b = appendString(b, it.at.View.Coordinator)
	b = appendString(b, it.home)
	b = binary.AppendUvarint(b, it.count)
	f := it.frame
	if f == nil {
		return b
	}
	b[1] = kindFrame
	b = binary.AppendUvarint(b, it.at.Seq)
	b = appendFrame(b, f)
	return appendSpecial(appendString(b, f.UserID), f)
}

// The flags of what few frames have.
const (
	flagHidden = 1 << iota
	flagSaid
)

// appendSpecial writes what few frames have: flags, of Said its times and hash, and what is
// hidden.
func appendSpecial(b []byte, f *chat.Frame) []byte {
	b = append(b, flag(flagHidden, f.Hidden)|flag(flagSaid, f.Said != nil))
	if s := f.Said; s != nil {
		b = binary.AppendVarint(binary.AppendVarint(b, s.At), s.Until)
		b = appendString(b, string(s.Hash[:]))
	}
	return appendHidden(b, f)
}

func (r *reader) special(f *chat.Frame) {
	if len(r.data) == 0 {
		return // Earlier releases wrote nothing.
	}
	flags := r.byte()
	f.Hidden = flags&flagHidden != 0
	if flags&flagSaid != 0 {
		f.Said = &chat.Said{At: r.varint(), Until: r.varint()}
		copy(f.Said.Hash[:], r.string())
	}
	r.hidden(f)
}

func appendString(b []byte, s string) []byte {
	b = binary.AppendUvarint(b, uint64(len(s)))
	return append(b, s...)
}

// decodeItem reads what encodeItem wrote, here or in a later release of the same
// version. The frame shares no memory with data.
func decodeItem(data []byte) (item, error) {
	r := reader{data: data}
	if v := r.byte(); v != wireVersion && !r.failed {
		return item{}, fmt.Errorf("cluster: an item of version %d, and this node reads version %d", v, wireVersion)
	}
	kind := r.byte()
	it := item{at: point{View: ViewID{r.uvarint(), r.string()}}, home: r.string(), count: r.uvarint()}
	if kind == kindFrame {
		it.at.Seq = r.uvarint()
		it.frame = r.frame(it.at)
		if len(r.data) > 0 { // The first release wrote no sender.
			it.frame.UserID = r.string()
			r.special(it.frame)
		}
	}
	if r.failed || kind > kindFrame {
		return item{}, errMalformed
	}
	return it, nil
}

// appendFrame writes of a frame: room, id, type, action, time in nanoseconds, user to
// disconnect, JSON.
func appendFrame(b []byte, f *chat.Frame) []byte {
	b = appendString(b, f.RoomID)
	b = appendString(b, f.ID)
	kind, json := shown(f)
	b = appendString(b, string(kind))
	b = appendString(b, string(f.Action))
	b = binary.AppendVarint(b, f.Time.UnixNano())
	b = appendString(b, f.DisconnectUser)
	b = binary.AppendUvarint(b, uint64(len(json)))
	return append(b, json...)
}

func (r *reader) frame(at point) *chat.Frame {
	return &chat.Frame{
		Epoch: at.View.Number, Sequence: at.Seq,
		RoomID: r.string(), ID: r.string(), Type: chat.FrameType(r.string()), Action: chat.Action(r.string()),
		Time: time.Unix(0, r.varint()).UTC(), DisconnectUser: r.string(), JSON: r.bytes(),
	}
}

// reader takes bytes apart. After a failure it gives zeros.
type reader struct {
	data   []byte
	failed bool
}

func (r *reader) byte() byte {
	if len(r.data) == 0 {
		r.failed = true
		return 0
	}
	b := r.data[0]
	r.data = r.data[1:]
	return b
}

func (r *reader) uvarint() uint64 {
	v, n := binary.Uvarint(r.data)
	if n <= 0 {
		r.data, r.failed = nil, true
		return 0
	}
	r.data = r.data[n:]
	return v
}

func (r *reader) varint() int64 {
	v, n := binary.Varint(r.data)
	if n <= 0 {
		r.data, r.failed = nil, true
		return 0
	}
	r.data = r.data[n:]
	return v
}

func (r *reader) bytes() []byte { return []byte(r.string()) }

func (r *reader) string() string {
	n := r.uvarint()
	if n > uint64(len(r.data)) {
		r.data, r.failed = nil, true
		return ""
	}
	s := string(r.data[:n])
	r.data = r.data[n:]
	return s
}
