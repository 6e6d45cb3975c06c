package journal

import (
	"encoding/binary"
	"errors"
	"time"

	"confab/internal/chat"
)

// The first byte of the entry of a frame is its format. Then come its members, see
// AppendFrame, and its JSON to the end. Numbers are varints, strings have their length
// before them.
const (
	formatFrame    = 1
	frameHidden    = 1
	frameDeletion  = 2
	frameWithdrawn = 4

	frameFlags = frameHidden | frameDeletion | frameWithdrawn
)

var errFrame = errors.New("the journal of the transcript has a frame that this release cannot read; start the release that wrote it once more, and stop it")

// AppendFrame appends the entry of a frame to b. Said and Stands are not in it: only the memory of
// a process needs them.
func AppendFrame(b []byte, f *chat.Frame) []byte {
	flags := byte(0)
	if f.Hidden {
		flags |= frameHidden
	}
	if f.Deletion != nil {
		flags |= frameDeletion
	}
	if f.Withdrawn {
		flags |= frameWithdrawn
	}
	b = append(b, formatFrame, flags)
	b = binary.AppendUvarint(b, f.Epoch)
	b = binary.AppendUvarint(b, f.Sequence)
	b = binary.AppendVarint(b, f.Time.UnixNano())
	b = binary.AppendVarint(b, int64(f.Keep))
	for _, s := range []string{f.RoomID, f.ID, string(f.Type), string(f.Action), f.DisconnectUser, f.UserID} {
		b = appendString(b, s)
	}
	if f.Deletion != nil {
		for _, s := range []string{f.Deletion.MessageID, f.Deletion.By, f.Deletion.Reason} {
			b = appendString(b, s)
		}
	}
	for _, list := range [][]string{f.LoggingConfigurations, f.Webhooks} {
		b = binary.AppendUvarint(b, uint64(len(list)))
		for _, s := range list {
			b = appendString(b, s)
		}
	}
	return append(b, f.JSON...)
}

func appendString(b []byte, s string) []byte {
	return append(binary.AppendUvarint(b, uint64(len(s))), s...)
}

// decoder reads a frame. Its first error stays.
type decoder struct {
	b   []byte
	bad bool
}

func (d *decoder) take(n int, ok bool) []byte {
	if d.bad || !ok || n < 0 || n > len(d.b) {
		d.b, d.bad = nil, true
		return nil
	}
	taken := d.b[:n]
	d.b = d.b[n:]
	return taken
}

func (d *decoder) uvarint() uint64 {
	v, n := binary.Uvarint(d.b)
	d.take(n, n > 0)
	return v
}

func (d *decoder) varint() int64 {
	v, n := binary.Varint(d.b)
	d.take(n, n > 0)
	return v
}

func (d *decoder) string() string {
	n := d.uvarint()
	return string(d.take(int(n), n <= uint64(len(d.b))))
}

func (d *decoder) strings() (list []string) {
	for n := d.uvarint(); n > 0 && !d.bad; n-- {
		list = append(list, d.string())
	}
	return list
}

// DecodeFrame returns the frame of an entry. Its JSON shares memory with b.
func DecodeFrame(b []byte) (*chat.Frame, error) {
	d := &decoder{b: b}
	head := d.take(2, true)
	if d.bad || head[0] != formatFrame || head[1]&^frameFlags != 0 {
		return nil, errFrame
	}
	f := &chat.Frame{Hidden: head[1]&frameHidden != 0, Withdrawn: head[1]&frameWithdrawn != 0}
	f.Epoch, f.Sequence = d.uvarint(), d.uvarint()
	f.Time, f.Keep = time.Unix(0, d.varint()).UTC(), time.Duration(d.varint())
	f.RoomID, f.ID, f.Type, f.Action = d.string(), d.string(), chat.FrameType(d.string()), chat.Action(d.string())
	f.DisconnectUser, f.UserID = d.string(), d.string()
	if head[1]&frameDeletion != 0 {
		f.Deletion = &chat.Deletion{MessageID: d.string(), By: d.string(), Reason: d.string()}
	}
	f.LoggingConfigurations, f.Webhooks = d.strings(), d.strings()
	if d.bad {
		return nil, errFrame
	}
	f.JSON = d.b
	return f, nil
}
