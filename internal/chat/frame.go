package chat

import (
	"maps"
	"slices"
	"strconv"
	"time"

	"github.com/go-json-experiment/json/jsontext"
)

// FrameType is the Type member of a frame.
type FrameType string

// The three frames that a client receives.
const (
	MessageFrame FrameType = "MESSAGE"
	EventFrame   FrameType = "EVENT"
	ErrorFrame   FrameType = "ERROR"
)

// The system events. All others are an application's own.
const (
	DeleteMessageEvent  = "aws:DELETE_MESSAGE"
	DisconnectUserEvent = "aws:DISCONNECT_USER"
)

// Frame is one frame of a room on its way to everybody in it.
type Frame struct {
	RoomID string
	// Epoch and Sequence order the frames of a room: a later home has a higher
	// epoch, and numbers grow within one epoch. No pair is used twice.
	Epoch    uint64
	Sequence uint64
	ID       string
	Type     FrameType
	// Action is the operation that made the frame: it labels metrics.
	Action Action
	Time   time.Time
	// JSON is the payload, encoded once. It is never changed.
	JSON []byte
	// DisconnectUser ends all sessions of this user, right behind the frame.
	DisconnectUser string
	// LoggingConfigurations are the ARNs of those that the room had when the
	// frame was sequenced: the frame is logged by these, whatever becomes of the
	// room later.
	LoggingConfigurations []string
}

// Action names what was asked for, as the metrics of the service do.
type Action string

// The four actions.
const (
	ActionSendMessage    Action = "SendMessage"
	ActionDeleteMessage  Action = "DeleteMessage"
	ActionDisconnectUser Action = "DisconnectUser"
	ActionSendEvent      Action = "SendEvent"
)

// Message is what SEND_MESSAGE delivers to everybody in the room.
type Message struct {
	ID string
	// RequestID is the sender's; empty, and still present, when it gave none.
	RequestID string
	// Attributes are null in the frame when nil.
	Attributes map[string]string
	Content    string
	// SendTime is when the service received the message.
	SendTime time.Time
	// UserID and SenderAttributes are the Sender: from the sender's token.
	UserID           string
	SenderAttributes map[string]string
}

// AppendJSON appends the MESSAGE frame to b. Members stand in the order that
// the service was seen to send.
func (m *Message) AppendJSON(b []byte) []byte {
	b = slices.Grow(b, roomForNames+len(m.ID)+len(m.RequestID)+len(m.Content)+len(m.UserID)+mapSize(m.Attributes)+mapSize(m.SenderAttributes))
	b = append(b, `{"Type":"MESSAGE","Id":`...)
	b = appendString(b, m.ID)
	b = append(b, `,"RequestId":`...)
	b = appendString(b, m.RequestID)
	b = append(b, `,"Attributes":`...)
	if m.Attributes == nil {
		b = append(b, "null"...)
	} else {
		b = appendMap(b, m.Attributes)
	}
	b = append(b, `,"Content":`...)
	b = appendString(b, m.Content)
	b = append(b, `,"SendTime":`...)
	b = appendTime(b, m.SendTime)
	b = append(b, `,"Sender":{"UserId":`...)
	b = appendString(b, m.UserID)
	b = append(b, `,"Attributes":`...)
	b = appendMap(b, m.SenderAttributes)
	return append(b, "}}"...)
}

// Event is what SendEvent, DELETE_MESSAGE and DISCONNECT_USER deliver to
// everybody in the room.
type Event struct {
	ID         string
	RequestID  string
	Name       string
	Attributes map[string]string
	SendTime   time.Time
}

// AppendJSON appends the EVENT frame to b.
func (e *Event) AppendJSON(b []byte) []byte {
	b = slices.Grow(b, roomForNames+len(e.ID)+len(e.RequestID)+len(e.Name)+mapSize(e.Attributes))
	b = append(b, `{"Type":"EVENT","Id":`...)
	b = appendString(b, e.ID)
	b = append(b, `,"RequestId":`...)
	b = appendString(b, e.RequestID)
	b = append(b, `,"EventName":`...)
	b = appendString(b, e.Name)
	b = append(b, `,"Attributes":`...)
	b = appendMap(b, e.Attributes)
	b = append(b, `,"SendTime":`...)
	b = appendTime(b, e.SendTime)
	return append(b, '}')
}

// Failure is an ERROR frame: why a request was refused, or why the session
// ends. Only the connection that asked receives it.
type Failure struct {
	// ID is the one the refused message already had, else a fresh one. Clients
	// drop a frame whose Id they saw before, so no Id is ever sent twice.
	ID        string
	RequestID string
	// Code is one of 400, 401, 403, 404, 406, 413, 429 and 500; the iOS SDK
	// decodes no other.
	Code    int
	Message string
}

// AppendJSON appends the ERROR frame to b.
func (f *Failure) AppendJSON(b []byte) []byte {
	b = append(b, `{"Type":"ERROR","Id":`...)
	b = appendString(b, f.ID)
	b = append(b, `,"RequestId":`...)
	b = appendString(b, f.RequestID)
	b = append(b, `,"ErrorCode":`...)
	b = strconv.AppendInt(b, int64(f.Code), 10)
	b = append(b, `,"ErrorMessage":`...)
	b = appendString(b, f.Message)
	return append(b, '}')
}

// roomForNames is more than what a frame has beside its values.
const roomForNames = 200

// mapSize is about how long m is in a frame. What must be escaped makes it longer.
func mapSize(m map[string]string) int {
	n := 0
	for k, v := range m {
		n += len(k) + len(v) + len(`"":"",`)
	}
	return n
}

// appendString quotes s. Bytes that are not UTF-8 become U+FFFD: every way in
// refuses them, and a frame must be valid whatever happens.
func appendString(b []byte, s string) []byte {
	b, _ = jsontext.AppendQuote(b, s) // The error is about invalid UTF-8, which it has replaced.
	return b
}

// appendMap appends m with its keys sorted, so that one frame has one encoding.
func appendMap(b []byte, m map[string]string) []byte {
	b = append(b, '{')
	keys := make([]string, 0, 8) // More than most frames have: these need no memory of their own.
	keys = slices.AppendSeq(keys, maps.Keys(m))
	slices.Sort(keys)
	for i, k := range keys {
		if i > 0 {
			b = append(b, ',')
		}
		b = appendString(b, k)
		b = append(b, ':')
		b = appendString(b, m[k])
	}
	return append(b, '}')
}

// appendTime appends t as clients expect it: UTC with Z, up to nanoseconds,
// trailing zeros cut, but never without a fraction (the iOS SDK's decoder
// requires one).
func appendTime(b []byte, t time.Time) []byte {
	b = append(b, '"')
	b = t.UTC().AppendFormat(b, timeLayout(t))
	return append(b, '"')
}

// FormatTime returns t as every time of the service travels: ISO 8601 in UTC
// with Z and one to nine digits of fraction.
func FormatTime(t time.Time) string {
	return t.UTC().Format(timeLayout(t))
}

func timeLayout(t time.Time) string {
	if t.Nanosecond() == 0 {
		return "2006-01-02T15:04:05.0Z"
	}
	return "2006-01-02T15:04:05.999999999Z"
}
