package chatlog

import "confab/internal/chat"

// timeLayout has the milliseconds that event_timestamp was observed to have.
const timeLayout = "2006-01-02T15:04:05.000Z"

// AppendRecord appends the record of a frame to b, without a line break: one
// JSON object with its members in the order that the service was observed to
// write. event_timestamp is SendTime cut to milliseconds; payload is the frame,
// byte for byte.
func AppendRecord(b []byte, r *Record) []byte {
	b = append(b, `{"event_timestamp":"`...)
	b = r.Time.UTC().AppendFormat(b, timeLayout)
	b = append(b, `","type":"`...)
	b = append(b, string(r.Type)...)
	b = append(b, `","payload":`...)
	b = append(b, r.JSON...)
	return append(b, `,"version":"1.0"}`...)
}

// recordOverhead is what a record has besides its frame.
const recordOverhead = len(`{"event_timestamp":"2006-01-02T15:04:05.000Z","type":"`+string(chat.MessageFrame)+`","payload":,"version":"1.0"}`) + len("\n")
