package conformance

import (
	"net/http"
	"strings"
	"sync"
	"testing"

	"github.com/coder/websocket"
	"github.com/google/go-cmp/cmp"
)

func TestDeleteMessage(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ request, reason string }{
		"with a reason":    {`{"Action":"DELETE_MESSAGE","RequestId":"r","Id":"aZ09aZ09aZ09","Reason":"spam"}`, "spam"},
		"without a reason": {`{"Action":"DELETE_MESSAGE","RequestId":"r","Id":"aZ09aZ09aZ09"}`, ""},
		"with a null":      {`{"Action":"DELETE_MESSAGE","RequestId":"r","Id":"aZ09aZ09aZ09","Reason":null}`, ""},
		"in small letters": {`{"action":"DELETE_MESSAGE","requestId":"r","id":"aZ09aZ09aZ09","reason":"spam"}`, "spam"},
		"with 256 letters": {`{"Action":"DELETE_MESSAGE","RequestId":"r","Id":"aZ09aZ09aZ09","Reason":"` + letters(256) + `"}`, letters(256)},
	} {
		check(t, "over WebSocket "+name, func(t *testing.T) {
			room := newRoom(t, nil)
			viewer, moderator := join(t, room, "viewer"), join(t, room, "moderator", "DELETE_MESSAGE")
			moderator.write(t, c.request)
			f, g := moderator.nextEvent(t, "aws:DELETE_MESSAGE"), viewer.nextEvent(t, "aws:DELETE_MESSAGE")
			f.wantForm(t)
			if f.raw != g.raw || f.RequestID != "r" {
				t.Errorf("frames %s and %s", f.raw, g.raw)
			}
			want := map[string]string{"MessageID": "aZ09aZ09aZ09", "MessageId": "aZ09aZ09aZ09", "Reason": c.reason}
			if diff := cmp.Diff(want, f.Attributes); diff != "" {
				t.Errorf("attributes (-want +got):\n%s", diff)
			}
			if f.ID == "aZ09aZ09aZ09" {
				t.Error("the event has the id of the message")
			}
		})
	}
	for name, reason := range map[string]any{"with a reason": "spam", "without a reason": nil} {
		check(t, "over HTTP "+name, func(t *testing.T) {
			room := newRoom(t, nil)
			viewer := join(t, room, "viewer")
			o := call(t, "DeleteMessage", m{"roomIdentifier": room.arn, "id": noID, "reason": reason}).want(t, http.StatusOK)
			wantMembers(t, o, "id")
			f := viewer.nextEvent(t, "aws:DELETE_MESSAGE")
			f.wantForm(t)
			if f.ID != o["id"] || f.RequestID != "" {
				t.Errorf("frame %s, the answer has id %v", f.raw, o["id"])
			}
			text, _ := reason.(string)
			want := map[string]string{"MessageID": noID, "MessageId": noID, "Reason": text}
			if diff := cmp.Diff(want, f.Attributes); diff != "" {
				t.Errorf("attributes (-want +got):\n%s", diff)
			}
		})
	}
	check(t, "a message that was seen can be deleted", func(t *testing.T) {
		room := newRoom(t, nil)
		s := join(t, room, "u", all...)
		s.say(t, "x")
		id := s.nextMessage(t, "x").ID
		s.do(t, m{"Action": "DELETE_MESSAGE", "Id": id})
		if f := s.nextEvent(t, "aws:DELETE_MESSAGE"); f.Attributes["MessageID"] != id {
			t.Errorf("frame %s", f.raw)
		}
	})
	check(t, "an event can be deleted by the id SendEvent returned", func(t *testing.T) {
		room := newRoom(t, nil)
		s := join(t, room, "u")
		id := sendEvent(t, room, "e")
		if f := s.nextEvent(t, "e"); f.ID != id {
			t.Errorf("Id %s, SendEvent returned %s", f.ID, id)
		}
		call(t, "DeleteMessage", m{"roomIdentifier": room.arn, "id": id}).want(t, http.StatusOK)
		s.nextEvent(t, "aws:DELETE_MESSAGE")
	})
}

func TestSendEvent(t *testing.T) {
	t.Parallel()
	check(t, "goes to everybody with an empty request id", func(t *testing.T) {
		room := newRoom(t, nil)
		a, b := join(t, room, "a"), join(t, room, "b", all...)
		attributes := map[string]string{"Key": "value", "ü": "<&>\""}
		o := call(t, "SendEvent", m{"roomIdentifier": room.arn, "eventName": "app:Notice", "attributes": attributes}).want(t, http.StatusOK)
		wantMembers(t, o, "id")
		f, g := a.nextEvent(t, "app:Notice"), b.nextEvent(t, "app:Notice")
		f.wantForm(t)
		if f.raw != g.raw || f.ID != o["id"] || !strings.Contains(f.raw, `"RequestId":""`) {
			t.Errorf("frames %s and %s, the answer has id %v", f.raw, g.raw, o["id"])
		}
		if diff := cmp.Diff(attributes, f.Attributes); diff != "" {
			t.Errorf("attributes (-want +got):\n%s", diff)
		}
	})
	check(t, "without attributes has none", func(t *testing.T) {
		room := newRoom(t, nil)
		s := join(t, room, "u")
		sendEvent(t, room, "bare")
		f := s.nextEvent(t, "bare")
		f.wantForm(t)
		if len(f.Attributes) != 0 {
			t.Errorf("frame %s", f.raw)
		}
	})
	check(t, "to a room without anybody is accepted", func(t *testing.T) {
		sendEvent(t, newRoom(t, nil), "nobody")
	})
	check(t, "is not held back by the room's message rate", func(t *testing.T) {
		room := newRoom(t, m{"maximumMessageRatePerSecond": 1})
		s := join(t, room, "u")
		for range 5 {
			sendEvent(t, room, "many")
		}
		for range 5 {
			s.nextEvent(t, "many")
		}
	})
}

func TestDisconnectUser(t *testing.T) {
	t.Parallel()
	wantEvent := func(t *testing.T, f frame, user, reason, requestID string) {
		t.Helper()
		f.wantForm(t)
		if diff := cmp.Diff(map[string]string{"UserId": user, "Reason": reason}, f.Attributes); diff != "" {
			t.Errorf("attributes (-want +got):\n%s", diff)
		}
		if f.RequestID != requestID {
			t.Errorf("RequestId %q, want %q", f.RequestID, requestID)
		}
	}
	check(t, "over WebSocket the user sees the event and is closed", func(t *testing.T) {
		room := newRoom(t, nil)
		user, other, moderator := join(t, room, "bad", all...), join(t, room, "good"), join(t, room, "moderator", "DISCONNECT_USER")
		moderator.do(t, m{"Action": "DISCONNECT_USER", "RequestId": "r", "UserId": "bad", "Reason": "spam"})
		for _, s := range []*session{user, other, moderator} {
			wantEvent(t, s.nextEvent(t, "aws:DISCONNECT_USER"), "bad", "spam", "r")
		}
		user.wantClosed(t, 1000)
		sendEvent(t, room, "after")
		other.nextEvent(t, "after")
		moderator.nextEvent(t, "after")
	})
	check(t, "over HTTP the user sees the event and is closed", func(t *testing.T) {
		room := newRoom(t, nil)
		user, other := join(t, room, "bad", all...), join(t, room, "good")
		call(t, "DisconnectUser", m{"roomIdentifier": room.arn, "userId": "bad", "reason": "spam"}).wantEmpty(t, http.StatusOK)
		wantEvent(t, user.nextEvent(t, "aws:DISCONNECT_USER"), "bad", "spam", "")
		wantEvent(t, other.nextEvent(t, "aws:DISCONNECT_USER"), "bad", "spam", "")
		user.wantClosed(t, 1000)
		other.wantQuiet(t, room)
	})
	check(t, "without a reason it is an empty one", func(t *testing.T) {
		room := newRoom(t, nil)
		user := join(t, room, "bad")
		call(t, "DisconnectUser", m{"roomIdentifier": room.arn, "userId": "bad"}).wantEmpty(t, http.StatusOK)
		wantEvent(t, user.nextEvent(t, "aws:DISCONNECT_USER"), "bad", "", "")
		user.wantClosed(t, 1000)
	})
	for name, c := range map[string]struct {
		reason any
		want   string
	}{
		"the moderator's":                         {"spam", "spam"},
		"Disconnected without one":                {nil, "Disconnected"},
		"cut to 123 bytes between two characters": {strings.Repeat("é", 100), strings.Repeat("é", 61)},
	} {
		check(t, "the reason of the Close is "+name, func(t *testing.T) {
			room := newRoom(t, nil)
			user := join(t, room, "bad")
			call(t, "DisconnectUser", m{"roomIdentifier": room.arn, "userId": "bad", "reason": c.reason}).wantEmpty(t, http.StatusOK)
			user.nextEvent(t, "aws:DISCONNECT_USER")
			user.wantClosed(t, 1000)
			user.wantReason(t, c.want)
		})
	}
	check(t, "all connections of the user are closed", func(t *testing.T) {
		room := newRoom(t, nil)
		sessions := []*session{join(t, room, "bad"), join(t, room, "bad", all...), join(t, room, "bad")}
		call(t, "DisconnectUser", m{"roomIdentifier": room.arn, "userId": "bad"}).wantEmpty(t, http.StatusOK)
		for _, s := range sessions {
			s.nextEvent(t, "aws:DISCONNECT_USER")
			s.wantClosed(t, 1000)
		}
	})
	check(t, "the user stays in other rooms", func(t *testing.T) {
		room, elsewhere := newRoom(t, nil), newRoom(t, nil)
		user, stays := join(t, room, "bad"), join(t, elsewhere, "bad")
		call(t, "DisconnectUser", m{"roomIdentifier": room.arn, "userId": "bad"}).wantEmpty(t, http.StatusOK)
		user.nextEvent(t, "aws:DISCONNECT_USER")
		user.wantClosed(t, 1000)
		stays.wantQuiet(t, elsewhere)
	})
	check(t, "user ids know case", func(t *testing.T) {
		room := newRoom(t, nil)
		s := join(t, room, "Bad")
		call(t, "DisconnectUser", m{"roomIdentifier": room.arn, "userId": "bad"}).wantEmpty(t, http.StatusOK)
		s.nextEvent(t, "aws:DISCONNECT_USER")
		s.wantQuiet(t, room)
	})
	check(t, "of a user who is not connected is a success and an event", func(t *testing.T) {
		room := newRoom(t, nil)
		s := join(t, room, "u", all...)
		s.do(t, m{"Action": "DISCONNECT_USER", "UserId": "absent"})
		wantEvent(t, s.nextEvent(t, "aws:DISCONNECT_USER"), "absent", "", "")
		s.wantQuiet(t, room)
	})
	check(t, "of oneself works too", func(t *testing.T) {
		room := newRoom(t, nil)
		s := join(t, room, "u", all...)
		s.do(t, m{"Action": "DISCONNECT_USER", "RequestId": "r", "UserId": "u"})
		wantEvent(t, s.nextEvent(t, "aws:DISCONNECT_USER"), "u", "", "r")
		s.wantClosed(t, 1000)
	})
	check(t, "nothing that the user sent comes behind the event", func(t *testing.T) {
		room := newRoom(t, m{"maximumMessageRatePerSecond": 100})
		viewer := join(t, room, "viewer")
		for range 30 {
			sessions := make([]*session, 8)
			for i := range sessions {
				sessions[i] = join(t, room, "bad", all...)
			}
			var sending sync.WaitGroup
			for _, s := range sessions {
				sending.Go(func() {
					for range 4 { // The connection may have ended.
						if s.conn.Write(t.Context(), websocket.MessageText, []byte(`{"Action":"SEND_MESSAGE","Content":"x"}`)) != nil {
							return
						}
					}
				})
			}
			call(t, "DisconnectUser", m{"roomIdentifier": room.arn, "userId": "bad"}).wantEmpty(t, http.StatusOK)
			sending.Wait()
			for _, s := range sessions {
				<-s.ended
			}
			for f := viewer.next(t); f.EventName != "aws:DISCONNECT_USER"; f = viewer.next(t) {
				if f.Type != "MESSAGE" {
					t.Fatalf("frame %s, want a MESSAGE or the event", f.raw)
				}
			}
			viewer.wantQuiet(t, room)
		}
	})
	check(t, "a user who comes back may speak at once", func(t *testing.T) {
		room := newRoom(t, nil)
		viewer := join(t, room, "viewer")
		for range 3 {
			user := join(t, room, "bad", all...)
			user.say(t, "x")
			viewer.nextMessage(t, "x")
			call(t, "DisconnectUser", m{"roomIdentifier": room.arn, "userId": "bad"}).wantEmpty(t, http.StatusOK)
			viewer.nextEvent(t, "aws:DISCONNECT_USER")
			<-user.ended
		}
	})
	check(t, "what was sent before comes before the end", func(t *testing.T) {
		room := newRoom(t, m{"maximumMessageRatePerSecond": 100})
		user, sender := join(t, room, "bad"), join(t, room, "u", all...)
		for range 8 {
			sender.say(t, "before")
		}
		sender.do(t, m{"Action": "DISCONNECT_USER", "UserId": "bad"})
		for range 8 {
			user.nextMessage(t, "before")
		}
		user.nextEvent(t, "aws:DISCONNECT_USER")
		user.wantClosed(t, 1000)
	})
	check(t, "the user may come back with a new token", func(t *testing.T) {
		room := newRoom(t, nil)
		user := join(t, room, "bad")
		call(t, "DisconnectUser", m{"roomIdentifier": room.arn, "userId": "bad"}).wantEmpty(t, http.StatusOK)
		user.nextEvent(t, "aws:DISCONNECT_USER")
		user.wantClosed(t, 1000)
		join(t, room, "bad").wantQuiet(t, room)
	})
}
