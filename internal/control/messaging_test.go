package control_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"confab/internal/chat"
	"confab/internal/control"
)

func TestCreateChatToken(t *testing.T) {
	now := time.Date(2026, 1, 2, 3, 4, 5, 123456789, time.UTC)
	clock := func(o *options) { o.Now = func() time.Time { return now } }
	s := newService(t, clock)
	room := s.room(t, control.CreateRoomInput{})
	arn, err := chat.ParseARN(*room.ARN)
	if err != nil {
		t.Fatal(err)
	}
	t.Run("only what is required", func(t *testing.T) {
		a := s.post(t, "CreateChatToken", fmt.Sprintf(`{"roomIdentifier":%q,"userId":"ann"}`, *room.ARN))
		a.want(t, 200, "")
		want := map[string]any{"token": "sealed", "tokenExpirationTime": "2026-01-02T04:04:05.123456789Z", "sessionExpirationTime": "2026-01-02T04:04:05.123456789Z"}
		if d := cmp.Diff(want, a.body); d != "" {
			t.Error(d)
		}
		got := *s.tokens.last
		if got.ID == [16]byte{} {
			t.Error("the token has no id")
		}
		got.ID = [16]byte{}
		if d := cmp.Diff(chat.Token{Room: arn, Bearer: chat.Bearer{UserID: "ann"}, IssuedAt: now, Expires: now.Add(time.Hour), SessionExpires: now.Add(time.Hour)}, got); d != "" {
			t.Error(d)
		}
	})
	t.Run("everything", func(t *testing.T) {
		user := strings.Repeat("😀", 128)
		s.post(t, "CreateChatToken", fmt.Sprintf(`{"roomIdentifier":%q,"userId":%q,"sessionDurationInMinutes":180,
			"capabilities":["DISCONNECT_USER","SEND_MESSAGE","DELETE_MESSAGE","SEND_MESSAGE"],"attributes":{"name":"Ann"}}`, *room.ARN, user)).want(t, 200, "")
		got := *s.tokens.last
		got.ID = [16]byte{}
		if d := cmp.Diff(chat.Token{
			Room: arn, IssuedAt: now, Expires: now.Add(3 * time.Hour), SessionExpires: now.Add(3 * time.Hour),
			Bearer: chat.Bearer{
				UserID:       user,
				Capabilities: []chat.Capability{chat.DisconnectUser, chat.SendMessage, chat.DeleteMessage}, Attributes: map[string]string{"name": "Ann"},
			},
		}, got); d != "" {
			t.Error(d)
		}
	})
	t.Run("two tokens have two ids", func(t *testing.T) {
		var ids [2][16]byte
		for i := range ids {
			if _, err := s.CreateChatToken(asRoot(t), &control.CreateChatTokenInput{RoomIdentifier: room.ARN, UserID: new("ann")}); err != nil {
				t.Fatal(err)
			}
			ids[i] = s.tokens.last.ID
		}
		if ids[0] == ids[1] {
			t.Errorf("both are %x", ids[0])
		}
	})
	t.Run("an unknown room", func(t *testing.T) {
		_, err := s.CreateChatToken(asRoot(t), &control.CreateChatTokenInput{RoomIdentifier: new(missing(chat.RoomResource)), UserID: new("ann")})
		wantCode(t, err, chat.NotFound)
	})
	t.Run("a token lifetime shortens the time to connect, never the session", func(t *testing.T) {
		s := newService(t, func(o *options) { clock(o); o.TokenLifetime = time.Minute * 90 })
		room := s.room(t, control.CreateRoomInput{})
		for minutes, want := range map[int32]time.Duration{60: time.Hour, 90: 90 * time.Minute, 180: 90 * time.Minute} {
			if _, err := s.CreateChatToken(asRoot(t), &control.CreateChatTokenInput{RoomIdentifier: room.ARN, UserID: new("ann"), SessionDurationInMinutes: &minutes}); err != nil {
				t.Fatal(err)
			}
			if got := s.tokens.last; got.Expires != now.Add(want) || got.SessionExpires != now.Add(time.Duration(minutes)*time.Minute) {
				t.Errorf("%d minutes: %v, %v", minutes, got.Expires, got.SessionExpires)
			}
		}
	})
}

func TestMessagingOperations(t *testing.T) {
	s := newService(t, nil)
	room := s.room(t, control.CreateRoomInput{})
	for _, c := range []struct {
		operation, members string
		status             int
		body               string
		did                []string
	}{
		{"SendEvent", `"eventName":"app:NOTE","attributes":{"key":"value"}`, 200, `{"id":"EventIdAAAAA"}`, []string{"SendEvent", *room.ID, "app:NOTE", "value"}},
		{"SendEvent", `"eventName":"awsome"`, 200, `{"id":"EventIdAAAAA"}`, []string{"SendEvent", *room.ID, "awsome", ""}},
		{"DeleteMessage", `"id":"AbCdEf123456","reason":"rude"`, 200, `{"id":"EventIdBBBBB"}`, []string{"DeleteMessage", *room.ID, "AbCdEf123456", "rude"}},
		{"DeleteMessage", `"id":"AbCdEf123456"`, 200, `{"id":"EventIdBBBBB"}`, []string{"DeleteMessage", *room.ID, "AbCdEf123456", ""}},
		{"DisconnectUser", `"userId":"ann","reason":"rude"`, 200, ``, []string{"DisconnectUser", *room.ID, "ann", "rude"}},
	} {
		t.Run(c.operation, func(t *testing.T) {
			s.live.done()
			a := s.post(t, c.operation, fmt.Sprintf(`{"roomIdentifier":%q,%s}`, *room.ARN, c.members))
			a.want(t, c.status, "")
			if a.text != c.body {
				t.Errorf("got %q, want %q", a.text, c.body)
			}
			if d := cmp.Diff([][]string{c.did}, s.live.done()); d != "" {
				t.Error(d)
			}
			a = s.post(t, c.operation, fmt.Sprintf(`{"roomIdentifier":%q,%s}`, missing(chat.RoomResource), c.members))
			a.want(t, 404, "ResourceNotFoundException")
			if did := s.live.done(); did != nil {
				t.Errorf("did %v in a room that does not exist", did)
			}
		})
	}
	t.Run("a refusal of the room is the caller's answer", func(t *testing.T) {
		arn, err := chat.ParseARN(*room.ARN)
		if err != nil {
			t.Fatal(err)
		}
		s.live.err = &chat.Error{Code: chat.Throttled, Message: "slow down", Resource: arn, Limit: 100}
		for operation, members := range map[string]string{"SendEvent": `"eventName":"a"`, "DeleteMessage": `"id":"AbCdEf123456"`, "DisconnectUser": `"userId":"a"`} {
			a := s.post(t, operation, fmt.Sprintf(`{"roomIdentifier":%q,%s}`, *room.ARN, members))
			a.want(t, 429, "ThrottlingException")
			if d := cmp.Diff(map[string]any{"message": "slow down", "resourceId": *room.ID, "resourceType": "ROOM", "limit": 100.0}, a.body); d != "" {
				t.Error(d)
			}
		}
	})
}

func TestEventAttributesOption(t *testing.T) {
	s := newService(t, func(o *options) { o.MaxEventAttributes = 4096 })
	room := s.room(t, control.CreateRoomInput{})
	for size, code := range map[int]bool{4096: true, 4097: false} {
		_, err := s.SendEvent(asRoot(t), &control.SendEventInput{RoomIdentifier: room.ARN, EventName: new("a"), Attributes: map[string]string{"k": strings.Repeat("v", size-1)}})
		if (err == nil) != code {
			t.Errorf("%d bytes: %v", size, err)
		}
	}
}
