package history

import (
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/klauspost/compress/zstd"

	"confab/internal/chat"
)

// record is one frame in a body. The strings and JSON of a decoded record share memory
// with the decoded body.
type record struct {
	position int64
	time     int64 // nanoseconds since 1970
	epoch    uint64
	sequence uint64
	event    bool
	hidden   bool // only user gets it
	action   chat.Action
	id       string
	user     string
	target   string // the id of the message that the frame deletes, or the user it disconnects
	json     []byte
	keep     time.Duration // in batches only, in whole seconds
}

// overhead is roughly the size of a record besides its JSON.
const overhead = 48

func (r *record) size() int64 { return int64(len(r.json) + overhead) }

// The first byte of a body is its format. Formats of earlier releases stay readable.
//
//	batch  count of rooms, their ids; for each frame: size of the rest, index of the room, keep in seconds, record
//	piece  compressed with zstd: for each frame: size of the rest, position, record
//	record time, epoch, sequence, kind, id, user, target, JSON to its end
//
// Numbers are varints, strings have their length before them. The position in a batch
// is the index of the frame. The time and position in a piece are relative to those of
// the frame before.
const (
	formatBatch = 1
	formatPiece = 2
)

// actions are the values of kind, after the lowest bit, which marks events, and before the
// highest, which marks what is hidden. New ones are added at the end. Hidden messages are
// marked as events, too, so that earlier releases do not show them.
var actions = [...]chat.Action{"", chat.ActionSendMessage, chat.ActionDeleteMessage, chat.ActionDisconnectUser, chat.ActionSendEvent, withdrawal}

// withdrawal is the action of a record that takes back others, see repeated.go. Earlier releases
// take it for an event.
const withdrawal chat.Action = "withdrawal"

// hiddenKind is the bit in kind of what is hidden.
const hiddenKind = 1 << 7

// indexBits is the number of low bits of a position that count frames of a batch.
const indexBits = 12

// mostFrames is the most frames of one batch.
const mostFrames = 1 << indexBits

// mostBody bounds the memory of a decompressed body.
const mostBody = 64 << 20

var errBody = errors.New("history: a stored body is damaged or of a later release")

func appendString(b []byte, s string) []byte {
	return append(binary.AppendUvarint(b, uint64(len(s))), s...)
}

func (r *record) append(b []byte, after int64) []byte {
	b = binary.AppendVarint(b, r.time-after)
	b = binary.AppendUvarint(b, r.epoch)
	b = binary.AppendUvarint(b, r.sequence)
	kind := byte(max(slices.Index(actions[:], r.action), 0)) << 1
	if r.event {
		kind |= 1
	}
	if r.hidden {
		kind |= hiddenKind | 1
	}
	b = append(b, kind)
	b = appendString(b, r.id)
	b = appendString(b, r.user)
	b = appendString(b, r.target)
	return append(b, r.json...)
}

// reader reads numbers and strings from a body. The first error stays.
type reader struct {
	b   []byte
	bad bool
}

func (r *reader) fail() { r.b, r.bad = nil, true }

func (r *reader) uvarint() uint64 {
	v, n := binary.Uvarint(r.b)
	if n <= 0 {
		r.fail()
		return 0
	}
	r.b = r.b[n:]
	return v
}

func (r *reader) varint() int64 {
	v, n := binary.Varint(r.b)
	if n <= 0 {
		r.fail()
		return 0
	}
	r.b = r.b[n:]
	return v
}

func (r *reader) byte() byte {
	if len(r.b) == 0 {
		r.fail()
		return 0
	}
	v := r.b[0]
	r.b = r.b[1:]
	return v
}

func (r *reader) bytes() []byte {
	n := r.uvarint()
	if n > uint64(len(r.b)) {
		r.fail()
		return nil
	}
	v := r.b[:n:n]
	r.b = r.b[n:]
	return v
}

// record reads a record that takes all that is left.
func (r *reader) record(after int64) (rec record) {
	rec.time = after + r.varint()
	rec.epoch = r.uvarint()
	rec.sequence = r.uvarint()
	kind := r.byte()
	rec.event = kind&1 != 0
	if n := int(kind&^hiddenKind) >> 1; n < len(actions) {
		rec.action = actions[n]
	}
	if rec.hidden = kind&hiddenKind != 0; rec.hidden {
		rec.event = rec.action != chat.ActionSendMessage
	}
	rec.id = string(r.bytes())
	rec.user = string(r.bytes())
	rec.target = string(r.bytes())
	rec.json = r.b
	return rec
}

// encodeBatch returns the body of a batch with the frames, at most mostFrames.
func encodeBatch(frames []*chat.Frame) []byte {
	size := 64
	rooms := map[string]uint64{}
	var ids []string
	for _, f := range frames {
		size += len(f.JSON) + len(f.RoomID) + 2*overhead
		if _, known := rooms[f.RoomID]; !known {
			rooms[f.RoomID] = uint64(len(ids))
			ids = append(ids, f.RoomID)
		}
	}
	b := append(make([]byte, 0, size), formatBatch)
	b = binary.AppendUvarint(b, uint64(len(ids)))
	for _, id := range ids {
		b = appendString(b, id)
	}
	var one []byte
	for _, f := range frames {
		r := recordOf(f)
		one = binary.AppendUvarint(one[:0], rooms[f.RoomID])
		one = binary.AppendUvarint(one, uint64(f.Keep/time.Second))
		one = r.append(one, 0)
		b = append(binary.AppendUvarint(b, uint64(len(one))), one...)
	}
	return b
}

func recordOf(f *chat.Frame) record {
	r := record{
		time: f.Time.UnixNano(), epoch: f.Epoch, sequence: f.Sequence,
		event: f.Type != chat.MessageFrame, hidden: f.Hidden, action: f.Action, id: f.ID, user: f.UserID, json: f.JSON,
		target: f.DisconnectUser,
	}
	switch {
	case f.Withdrawn:
		r.action = withdrawal
	case f.Deletion != nil:
		r.target = f.Deletion.MessageID
	}
	return r
}

// decodeBatch calls each with the records of the batch in their order: those of one
// room, or of all if roomID is empty.
func decodeBatch(number int64, body []byte, roomID string, each func(roomID string, r *record)) error {
	r := reader{b: body}
	if r.byte() != formatBatch {
		return errBody
	}
	n := r.uvarint()
	if n > uint64(len(r.b)) {
		return errBody
	}
	rooms := make([]string, n)
	only := -1
	for i := range rooms {
		id := r.bytes()
		if roomID == "" {
			rooms[i] = string(id)
		} else if string(id) == roomID {
			rooms[i], only = roomID, i
		}
	}
	if r.bad {
		return errBody
	}
	if roomID != "" && only < 0 {
		return nil
	}
	for index := int64(0); len(r.b) > 0; index++ {
		one := reader{b: r.bytes()}
		room := one.uvarint()
		if r.bad || one.bad || room >= n || index >= mostFrames {
			return errBody
		}
		if roomID != "" && int(room) != only {
			continue
		}
		keep := time.Duration(one.uvarint()) * time.Second
		rec := one.record(0)
		if one.bad {
			return errBody
		}
		rec.position, rec.keep = number<<indexBits|index, keep
		each(rooms[room], &rec)
	}
	return nil
}

// codec compresses pieces. Its methods are safe for concurrent use.
type codec struct {
	once sync.Once
	w    *zstd.Encoder
	r    *zstd.Decoder
}

// pieceWindow is the window of the compression. A piece is rarely larger.
const pieceWindow = 256 << 10

func (c *codec) open() {
	c.once.Do(func() {
		// None of the options can fail.
		c.w, _ = zstd.NewWriter(nil, zstd.WithEncoderConcurrency(1), zstd.WithWindowSize(pieceWindow), zstd.WithEncoderLevel(zstd.SpeedDefault), zstd.WithLowerEncoderMem(true))
		c.r, _ = zstd.NewReader(nil, zstd.WithDecoderConcurrency(0), zstd.WithDecoderLowmem(true), zstd.WithDecoderMaxMemory(mostBody))
	})
}

// encodePiece returns the body of a piece with the records, which are in order.
func (c *codec) encodePiece(records []record) []byte {
	c.open()
	size := 0
	for i := range records {
		size += len(records[i].json) + 2*overhead
	}
	b := make([]byte, 0, size)
	var one []byte
	var position, at int64
	for i := range records {
		r := &records[i]
		one = binary.AppendVarint(one[:0], r.position-position)
		one = r.append(one, at)
		position, at = r.position, r.time
		b = append(binary.AppendUvarint(b, uint64(len(one))), one...)
	}
	return c.w.EncodeAll(b, []byte{formatPiece})
}

// decodePiece returns the records of a piece, in order.
func (c *codec) decodePiece(body []byte, count int) ([]record, error) {
	if len(body) == 0 || body[0] != formatPiece {
		return nil, errBody
	}
	c.open()
	b, err := c.r.DecodeAll(body[1:], nil)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", errBody, err)
	}
	r := reader{b: b}
	all := make([]record, 0, min(count, len(b)/overhead+1))
	var position, at int64
	for len(r.b) > 0 {
		one := reader{b: r.bytes()}
		position += one.varint()
		rec := one.record(at)
		if r.bad || one.bad {
			return nil, errBody
		}
		rec.position, at = position, rec.time
		all = append(all, rec)
	}
	return all, nil
}
