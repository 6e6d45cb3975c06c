package webhook

import (
	"bytes"
	"encoding/json"
	"fmt"
	"time"

	"confab/internal/chat"
)

// EventType is a type of event.
type EventType string

// The types of events. The first four are frames, the others changes. An event of type Test
// is only made by a test. UserJoined, UserLeft and PresenceReset are made by package
// attendance.
const (
	MessageSent      EventType = "message.sent"
	MessageDeleted   EventType = "message.deleted"
	EventSent        EventType = "event.sent"
	UserDisconnected EventType = "user.disconnected"
	RoomCreated      EventType = "room.created"
	RoomUpdated      EventType = "room.updated"
	RoomDeleted      EventType = "room.deleted"
	BanCreated       EventType = "moderation.ban.created"
	BanDeleted       EventType = "moderation.ban.deleted"
	UserJoined       EventType = "user.joined"
	UserLeft         EventType = "user.left"
	PresenceReset    EventType = "presence.reset"
	Test             EventType = "webhook.test"
)

// EventTypes are the types that a webhook can ask for.
var EventTypes = []EventType{
	MessageSent, MessageDeleted, EventSent, UserDisconnected,
	RoomCreated, RoomUpdated, RoomDeleted, BanCreated, BanDeleted,
	UserJoined, UserLeft, PresenceReset,
}

// attendance are the types of events about who is in a room.
var attendance = []EventType{UserJoined, UserLeft, PresenceReset}

// ofAction has the event types of the frames that actions make.
var ofAction = map[chat.Action]EventType{
	chat.ActionSendMessage: MessageSent, chat.ActionDeleteMessage: MessageDeleted,
	chat.ActionSendEvent: EventSent, chat.ActionDisconnectUser: UserDisconnected,
}

// MaxEvents is how many events a call has at most. They are of one room.
const MaxEvents = 100

// typeOf returns the event type of a frame.
func typeOf(t chat.FrameType, eventName string) EventType {
	switch {
	case t == chat.MessageFrame:
		return MessageSent
	case eventName == chat.DeleteMessageEvent:
		return MessageDeleted
	case eventName == chat.DisconnectUserEvent:
		return UserDisconnected
	default:
		return EventSent
	}
}

// Event is one event of a call. It has at most one of Frame, Room, Ban and Presence.
type Event struct {
	Type EventType `json:"type"`
	// ID is the same each time the event is sent, so that receivers can drop duplicates.
	ID   string `json:"id"`
	Time string `json:"time"`
	// Frame is what clients received, byte for byte.
	Frame json.RawMessage `json:"frame,omitempty"`
	// Room is as GetRoom answers, Ban as GetBan does.
	Room any `json:"room,omitempty"`
	Ban  any `json:"ban,omitempty"`
	// UserID is the user who joined or left. Presence is how many are in the room.
	UserID   string    `json:"userId,omitempty"`
	Presence *Presence `json:"presence,omitempty"`
}

// Presence is how many users and connections a room has, over all nodes.
type Presence struct {
	Users       int `json:"users"`
	Connections int `json:"connections"`
}

// ChangeFrame is the type of the records of changes in the transcript. Their JSON is an
// Event.
const ChangeFrame chat.FrameType = "CHANGE"

// EveryRoom replaces the room id, in the transcript, of changes that belong to no single
// room.
const EveryRoom = "*"

// EncodeRecord returns the event of a record in the transcript.
func EncodeRecord(t chat.FrameType, body []byte) (json.RawMessage, error) {
	if t == ChangeFrame {
		return body, nil
	}
	var f struct {
		Type      chat.FrameType
		ID        string `json:"Id"`
		EventName string
		SendTime  string
	}
	if err := json.Unmarshal(body, &f); err != nil {
		return nil, fmt.Errorf("read a frame for a webhook: %w", err)
	}
	// Marshal would change the frame's bytes.
	b := []byte(`{"type":"` + string(typeOf(f.Type, f.EventName)) + `","id":"` + f.ID + `","time":"` + f.SendTime + `","frame":`)
	return append(append(b, body...), '}'), nil
}

// WithoutUser takes the JSON of a ChangeFrame. If the event says that the user joined or
// left a room, it returns a presence.reset to send instead: without the event, the
// receiver's list of the room's users would be wrong.
func WithoutUser(record []byte, userID string) (reset []byte, about bool) {
	if !bytes.Contains(record, []byte(`"userId":`)) {
		return nil, false
	}
	var e Event
	if json.Unmarshal(record, &e) != nil || e.UserID != userID || e.Type != UserJoined && e.Type != UserLeft {
		return nil, false
	}
	e.Type, e.UserID = PresenceReset, ""
	reset, err := json.Marshal(e)
	return reset, err == nil
}

// Payload returns the body of a call with the events of one room. It leaves the room out if
// it is empty.
func Payload(room string, events []json.RawMessage, now time.Time) []byte {
	b := []byte(`{"type":"confab.events","timestamp":"` + chat.FormatTime(now) + `","data":{`)
	if room != "" {
		b = append(b, `"roomArn":"`+room+`",`...)
	}
	b = append(b, `"events":[`...)
	for i, e := range events {
		if i > 0 {
			b = append(b, ',')
		}
		b = append(b, e...)
	}
	return append(b, `]}}`...)
}
