package catchup

import (
	"strconv"
	"time"

	"confab/internal/chat"
)

// Framer makes frames as connections get them.
type Framer interface {
	AppendFrame(b, json []byte) []byte
}

// Marker is a Framer that makes the Ping that carries a number, as behind live frames.
type Marker interface {
	Framer
	AppendMark(b []byte, number uint64) []byte
}

// markEvery is how many bytes of missed frames come before a client can confirm them. So a client
// on a slow network that loses its connection again does not start over.
const markEvery = 32 << 10

// Missed returns the frames for a connection of a user that has started at s: those that its
// client missed. If some are not kept any more, the last one is an event with their number.
func (l *Log) Missed(s Start, userID string, to Framer, now time.Time) [][]byte {
	var mark func(number uint64) []byte
	if m, ok := to.(Marker); ok {
		mark = func(number uint64) []byte { return m.AppendMark(nil, number) }
	}
	pieces, missed := since(l, s.Number, userID, mark)
	known := true
	if s.place != nil {
		missed += s.place.lost.frames
		known = !s.place.lost.unknown
	}
	if missed == 0 && known {
		return pieces
	}
	gap := chat.Event{ID: chat.NewID(), Name: chat.ExtensionTag + "GAP", SendTime: now}
	if known {
		gap.Attributes = map[string]string{"Missed": strconv.FormatUint(missed, 10)}
	}
	return append(pieces, to.AppendFrame(nil, gap.AppendJSON(nil)))
}
