package chat

import (
	"bytes"
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

// Frame is one frame for all clients of a room.
type Frame struct {
	RoomID string
	// Epoch and Sequence order the frames of a room: a later home has a higher
	// epoch, and numbers grow within one epoch. No pair is used twice.
	Epoch    uint64
	Sequence uint64
	ID       string
	Type     FrameType
	// Action is the operation that made the frame, for the labels of metrics.
	Action Action
	Time   time.Time
	// JSON is the payload, encoded once. It must not be changed.
	JSON []byte
	// DisconnectUser ends all sessions of this user, directly after the frame.
	DisconnectUser string
	// UserID is the user whose session asked for the frame, or in whose name a message
	// was sent. It is empty for other operations over HTTP.
	UserID string
	// Hidden is set for a message that only UserID gets, and for its deletion. UserID is the
	// sender of the message in both.
	Hidden bool
	// Said is what the room's next home must know of a message, to enforce slow mode and
	// repeat; nil for most frames.
	Said *Said
	// Deletion is what an aws:DELETE_MESSAGE deletes; nil for all other frames.
	Deletion *Deletion
	// Keep is how long the room's history keeps the frame, by the room's settings when
	// the frame was sequenced; 0: it does not.
	Keep time.Duration
	// LoggingConfigurations are the ARNs of the room's logging configurations when
	// the frame was sequenced. They log the frame even if the room changes later.
	LoggingConfigurations []string
	// Webhooks are the ARNs of the webhooks that get the frame, in the same way.
	Webhooks []string
	// Stands, if not nil, reports whether the frame may still be stored in the transcript: its
	// room has no later home.
	Stands func() bool `json:"-"`
	// Withdrawn is set for what takes back frames that were stored and not delivered: those of
	// the room with the same ID up to this place, and the Deletion, if there is one. It is not
	// delivered.
	Withdrawn bool
}

// Withdrawal returns what takes the frame back, with its copies of earlier homes up to a place.
func (f *Frame) Withdrawal(epoch, sequence uint64) *Frame {
	return &Frame{
		RoomID: f.RoomID, Epoch: epoch, Sequence: sequence, ID: f.ID, Type: EventFrame, Time: f.Time, JSON: []byte(`{}`),
		Keep: f.Keep, Withdrawn: true,
	}
}

// Said is what slow mode and repeat need to know of a message, besides its sender.
type Said struct {
	// At is when the message was sent, by the clock of the room's home. Until is when the
	// modes may forget it. Both are in nanoseconds since 1970.
	At, Until int64
	// Hash is the hash of the content and the attributes.
	Hash [16]byte
}

// Deletion is the deletion of one message. By is a user id, or the ARN of a principal.
type Deletion struct {
	MessageID string
	By        string
	Reason    string
}

// Action names an operation as the metrics of the service do.
type Action string

// The four actions.
const (
	ActionSendMessage    Action = "SendMessage"
	ActionDeleteMessage  Action = "DeleteMessage"
	ActionDisconnectUser Action = "DisconnectUser"
	ActionSendEvent      Action = "SendEvent"
)

// Message is what SEND_MESSAGE delivers to all clients of the room.
type Message struct {
	ID string
	// RequestID is the sender's; if it gave none, it is empty but still sent.
	RequestID string
	// Attributes are null in the frame when nil.
	Attributes map[string]string
	Content    string
	// SendTime is when the service received the message.
	SendTime time.Time
	// UserID and SenderAttributes are the Sender, from the sender's token.
	UserID           string
	SenderAttributes map[string]string
}

// Same reports whether other has the same content, the same attributes, and the same
// attributes of the sender.
func (m *Message) Same(other *Message) bool {
	return m.Content == other.Content && maps.Equal(m.Attributes, other.Attributes) && maps.Equal(m.SenderAttributes, other.SenderAttributes)
}

// AppendJSON appends the MESSAGE frame to b. The order of its members is the one
// observed in the service's frames.
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

// AppendWithoutRequestID appends a MESSAGE frame that AppendJSON made, with an empty
// RequestId. Connections that get the frame later, from the history, get it in this form,
// because the RequestId is the sender's only.
func AppendWithoutRequestID(b, frame []byte) []byte {
	const before, member = `{"Type":"MESSAGE","Id":`, `,"RequestId":`
	id, ok := bytes.CutPrefix(frame, []byte(before))
	if !ok {
		return append(b, frame...)
	}
	end := stringEnd(id)
	value, ok := bytes.CutPrefix(id[end:], []byte(member))
	if !ok {
		return append(b, frame...)
	}
	b = append(b, frame[:len(before)+end+len(member)]...)
	b = append(b, `""`...)
	return append(b, value[stringEnd(value):]...)
}

// stringEnd returns the length of the JSON string with which b begins.
func stringEnd(b []byte) int {
	for i := 1; i < len(b); i++ {
		switch b[i] {
		case '\\':
			i++
		case '"':
			return i + 1
		}
	}
	return len(b)
}

// Event is what SendEvent, DELETE_MESSAGE and DISCONNECT_USER deliver to all clients
// of the room.
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

// Failure is an ERROR frame: why a request was refused, or why the session ends. Only
// the connection of that request or session receives it.
type Failure struct {
	// ID is that of the refused message if it had one, otherwise a new one. Clients
	// drop a frame whose Id they have received before, so each Id is sent only once.
	ID        string
	RequestID string
	// Code is one of 400, 401, 403, 404, 406, 413, 429 and 500; the iOS SDK decodes
	// no other.
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

// roomForNames is more than the size of a frame without its values.
const roomForNames = 200

// mapSize is the approximate length of m in a frame. Escapes make it longer.
func mapSize(m map[string]string) int {
	n := 0
	for k, v := range m {
		n += len(k) + len(v) + len(`"":"",`)
	}
	return n
}

// appendString quotes s. Invalid UTF-8 becomes U+FFFD. All inputs refuse it already,
// but a frame must always be valid.
func appendString(b []byte, s string) []byte {
	b, _ = jsontext.AppendQuote(b, s) // The error is about invalid UTF-8, which it has replaced.
	return b
}

// appendMap appends m with its keys sorted, so that the encoding is deterministic.
func appendMap(b []byte, m map[string]string) []byte {
	b = append(b, '{')
	keys := make([]string, 0, 8) // Most frames have fewer and then need no allocation.
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

// appendTime appends t in the form that clients expect: UTC with Z, up to
// nanoseconds, without trailing zeros, but always with a fraction (the iOS SDK's
// decoder requires one).
func appendTime(b []byte, t time.Time) []byte {
	b = append(b, '"')
	b = t.UTC().AppendFormat(b, timeLayout(t))
	return append(b, '"')
}

// FormatTime returns t in the service's form: ISO 8601 in UTC with Z and one to nine
// digits of fraction.
func FormatTime(t time.Time) string {
	return t.UTC().Format(timeLayout(t))
}

func timeLayout(t time.Time) string {
	if t.Nanosecond() == 0 {
		return "2006-01-02T15:04:05.0Z"
	}
	return "2006-01-02T15:04:05.999999999Z"
}
