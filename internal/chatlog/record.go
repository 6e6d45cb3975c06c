package chatlog

import "confab/internal/chat"

// timeLayout has milliseconds, as observed in event_timestamp.
const timeLayout = "2006-01-02T15:04:05.000Z"

// AppendRecord appends the record of a frame to b, without a line break: one JSON
// object, its members in the order observed in the service. event_timestamp is SendTime
// cut to milliseconds; payload is the frame, byte for byte.
func AppendRecord(b []byte, r *Record) []byte {
	b = append(b, `{"event_timestamp":"`...)
	b = r.Time.UTC().AppendFormat(b, timeLayout)
	b = append(b, `","type":"`...)
	b = append(b, string(r.Type)...)
	b = append(b, `","payload":`...)
	b = append(b, r.JSON...)
	return append(b, `,"version":"1.0"}`...)
}

// recordOverhead is the size of a record without its frame.
const recordOverhead = len(`{"event_timestamp":"2006-01-02T15:04:05.000Z","type":"`+string(chat.MessageFrame)+`","payload":,"version":"1.0"}`) + len("\n")
