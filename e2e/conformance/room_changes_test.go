package conformance

import (
	"net/http"
	"testing"
)

func TestRoomChanges(t *testing.T) {
	t.Parallel()
	check(t, "a new length holds for the next message", func(t *testing.T) {
		room := newRoom(t, nil)
		s := join(t, room, "u", all...)
		s.say(t, "123456")
		s.nextMessage(t, "123456")
		call(t, "UpdateRoom", m{"identifier": room.arn, "maximumMessageLength": 5}).want(t, http.StatusOK)
		s.say(t, "123456")
		s.nextError(t, 400)
		call(t, "UpdateRoom", m{"identifier": room.arn, "maximumMessageLength": 6}).want(t, http.StatusOK)
		s.say(t, "123456")
		s.nextMessage(t, "123456")
	})
	check(t, "a new rate holds for the next messages", func(t *testing.T) {
		room := newRoom(t, m{"maximumMessageRatePerSecond": 1})
		call(t, "UpdateRoom", m{"identifier": room.arn, "maximumMessageRatePerSecond": 100}).want(t, http.StatusOK)
		s := join(t, room, "u", all...)
		for range 8 {
			s.say(t, "x")
		}
		for range 8 {
			s.nextMessage(t, "x")
		}
	})
	check(t, "a deleted room keeps its connections", func(t *testing.T) {
		room := newRoom(t, nil)
		s := join(t, room, "u", all...)
		call(t, "DeleteRoom", m{"identifier": room.arn}).wantEmpty(t, http.StatusNoContent)
		s.do(t, m{"Action": "SEND_MESSAGE", "RequestId": "r", "Content": "x"})
		if f := s.nextError(t, 404); f.RequestID != "r" {
			t.Errorf("frame %s", f.raw)
		}
		s.say(t, "x")
		s.nextError(t, 404)
	})
	for _, c := range []struct {
		operation string
		members   m
	}{
		{"SendEvent", m{"eventName": "e"}}, {"DeleteMessage", m{"id": noID}}, {"DisconnectUser", m{"userId": "u"}},
	} {
		check(t, "a deleted room with connections is not found by "+c.operation, func(t *testing.T) {
			room := newRoom(t, nil)
			join(t, room, "u", all...)
			call(t, "DeleteRoom", m{"identifier": room.arn}).wantEmpty(t, http.StatusNoContent)
			c.members["roomIdentifier"] = room.arn
			call(t, c.operation, c.members).wantNotFound(t, "ROOM", room.id)
		})
	}
}
