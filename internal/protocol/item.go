package protocol

import (
	"encoding/binary"
	"errors"
	"fmt"
	"time"

	"confab/internal/chat"
	"confab/internal/view"
)

// Item is one piece of a home's stream, or of a room's log: a frame with its
// place in the room's order, or without a frame the mark that the home is open.
type Item struct {
	// At.View is the view of the stream.
	At    view.Point
	Prev  view.Point // the place before At, in a view with interest
	Home  string     // whose stream it is; empty in a log
	Count uint64     // its place in the stream, from 1
	Frame *chat.Frame
}

// The kinds of items.
const (
	kindOpened = 0
	kindFrame  = 1
)

var errMalformed = errors.New("cluster: malformed item")

// EncodeItem writes: version, kind, view, home, count; and of a frame: sequence,
// room, id, type, action, time in nanoseconds, user to disconnect, JSON, sender, what few
// frames have.
// Numbers are varints, strings have their length in front.
func EncodeItem(it Item) []byte {
	size := 64 + len(it.At.View.Coordinator) + len(it.Home)
	if it.Frame != nil {
		size += 128 + len(it.Frame.JSON)
	}
	b := append(make([]byte, 0, size), Version, kindOpened)
	b = binary.AppendUvarint(b, it.At.View.Number)
	b = appendString(b, it.At.View.Coordinator)
	b = appendString(b, it.Home)
	b = binary.AppendUvarint(b, it.Count)
	f := it.Frame
	if f == nil {
		return b
	}
	b[1] = kindFrame
	b = binary.AppendUvarint(b, it.At.Seq)
	b = appendFrame(b, f)
	return appendSpecial(appendString(b, f.UserID), f)
}

// The flags of properties that few frames have.
const (
	flagHidden = 1 << iota
	flagSaid
)

// appendSpecial writes the properties that few frames have: flags, then the times and the
// hash of Said, and the hidden JSON.
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

// DecodeItem reads what EncodeItem wrote, here or in a later release of the same
// version. The frame shares no memory with data.
func DecodeItem(data []byte) (Item, error) {
	r := reader{data: data}
	if v := r.byte(); v != Version && !r.failed {
		return Item{}, fmt.Errorf("cluster: an item of version %d, and this node reads version %d", v, Version)
	}
	kind := r.byte()
	it := Item{At: view.Point{View: view.ID{Number: r.uvarint(), Coordinator: r.string()}}, Home: r.string(), Count: r.uvarint()}
	if kind == kindFrame {
		it.At.Seq = r.uvarint()
		it.Frame = r.frame(it.At)
		if len(r.data) > 0 { // The first release wrote no sender.
			it.Frame.UserID = r.string()
			r.special(it.Frame)
		}
	}
	if r.failed || kind > kindFrame {
		return Item{}, errMalformed
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

func (r *reader) frame(at view.Point) *chat.Frame {
	return &chat.Frame{
		Epoch: at.View.Number, Sequence: at.Seq,
		RoomID: r.string(), ID: r.string(), Type: chat.FrameType(r.string()), Action: chat.Action(r.string()),
		Time: time.Unix(0, r.varint()).UTC(), DisconnectUser: r.string(), JSON: r.bytes(),
	}
}

// reader reads values from bytes, one after another. After a failure it returns zeros.
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
