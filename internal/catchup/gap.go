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

// Missed returns the frames for a connection of a user that has started at s: those that its
// client missed. If some are not kept any more, the last one is an event with their number.
func (l *Log) Missed(s Start, userID string, to Framer, now time.Time) [][]byte {
	pieces, missed := l.Since(s.Number, userID)
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
