package conformance

import (
	"net/http"
	"slices"
	"testing"
	"time"
)

// nextDeleted returns the ids of the messages that the next n events delete.
func (s *session) nextDeleted(t *testing.T, n int, reason string) (ids []string) {
	t.Helper()
	for range n {
		f := s.nextEvent(t, "aws:DELETE_MESSAGE")
		f.wantForm(t)
		if f.Attributes["Reason"] != reason {
			t.Errorf("got %s", f.raw)
		}
		ids = append(ids, f.Attributes["MessageId"])
	}
	return ids
}

func TestDeleteUserMessages(t *testing.T) {
	t.Parallel()
	checkOurs(t, "deletes a user's messages, the newest first, and marks them in the history", func(t *testing.T) {
		room := newKept(t, "10")
		viewer, bad := join(t, room, "viewer"), join(t, room, "bad", "SEND_MESSAGE")
		var ids []string
		for _, c := range []string{"1", "2", "3"} {
			bad.say(t, c)
			ids = append(ids, bad.nextMessage(t, c).ID)
			viewer.nextMessage(t, c)
		}
		sendAs(t, room, "good", "x")
		viewer.nextMessage(t, "x")
		o := call(t, ours("DeleteUserMessages"), m{"roomIdentifier": room.arn, "userId": "bad", "reason": "spam"}).want(t, http.StatusOK)
		wantMembers(t, o, "deleted")
		wantValue(t, o, "deleted", 3.0)
		slices.Reverse(ids)
		if got := viewer.nextDeleted(t, 3, "spam"); !slices.Equal(got, ids) {
			t.Errorf("deleted are %v, want %v", got, ids)
		}
		viewer.wantQuiet(t, room)
		join(t, room, "after").wantNext(t, room, "x")
		if got, _ := listed(t, m{"roomIdentifier": room.arn}); !slices.Equal(got, []string{"x"}) {
			t.Errorf("listed are %v", got)
		}
		kept := call(t, ours("ListMessages"), m{"roomIdentifier": room.arn, "includeDeleted": true, "senderUserId": "bad"}).want(t, http.StatusOK)
		for _, message := range kept["messages"].([]any) {
			message := message.(map[string]any)
			if message["reason"] != "spam" || message["deletedTime"] == nil || message["deletedBy"] == nil {
				t.Errorf("got %v", message)
			}
		}
		again := call(t, ours("DeleteUserMessages"), m{"roomIdentifier": room.arn, "userId": "bad"}).want(t, http.StatusOK)
		wantValue(t, again, "deleted", 0.0)
		viewer.wantQuiet(t, room)
	})
	checkOurs(t, "deletes what was sent since a time", func(t *testing.T) {
		room := newKept(t, "10")
		send := func(content string) m {
			return call(t, ours("SendMessage"), m{"roomIdentifier": room.arn, "userId": "bad", "content": content}).want(t, http.StatusOK)
		}
		for before := instant(t, send("before"), "sendTime"); time.Since(before) < 5*time.Millisecond; {
			time.Sleep(time.Millisecond) // So that the next one has a later sendTime.
		}
		o := send("then")
		since := o["sendTime"]
		sendAs(t, room, "bad", "later")
		o = call(t, ours("DeleteUserMessages"), m{"roomIdentifier": room.arn, "userId": "bad", "since": since}).want(t, http.StatusOK)
		wantValue(t, o, "deleted", 2.0)
		join(t, room, "after").wantNext(t, room, "before")
	})
	checkOurs(t, "a room without history has nothing to delete", func(t *testing.T) {
		room := newRoom(t, nil)
		sendAs(t, room, "bad", "1")
		o := call(t, ours("DeleteUserMessages"), m{"roomIdentifier": room.arn, "userId": "bad"}).want(t, http.StatusOK)
		wantValue(t, o, "deleted", 0.0)
	})
	checkOurs(t, "clients get the events at the room's rate", func(t *testing.T) {
		room := newKept(t, "0")
		call(t, "UpdateRoom", m{"identifier": room.arn, "maximumMessageRatePerSecond": 5}).want(t, http.StatusOK)
		for _, c := range numbers(1, 7) {
			sendAs(t, room, "bad", c)
		}
		viewer := join(t, room, "viewer")
		began := time.Now()
		o := call(t, ours("DeleteUserMessages"), m{"roomIdentifier": room.arn, "userId": "bad"}).want(t, http.StatusOK)
		wantValue(t, o, "deleted", 7.0)
		viewer.nextDeleted(t, 7, "")
		if took := time.Since(began); took < 1200*time.Millisecond {
			t.Errorf("7 messages were deleted within %s, at a rate of 5 a second", took)
		}
	})
	checkOurs(t, "a moderator's chat token stands for the signature in its room", func(t *testing.T) {
		room, other := newKept(t, "0"), newKept(t, "0")
		sendAs(t, room, "bad", "1")
		members := m{"roomIdentifier": room.arn, "userId": "bad"}
		for _, capability := range []string{"SEND_MESSAGE", "DISCONNECT_USER"} {
			token := subject.newToken(t, room, m{"userId": "ann", "capabilities": []string{capability}})
			subject.withToken(t, token, "DeleteUserMessages", members).wantError(t, "AccessDeniedException", http.StatusForbidden)
		}
		token := subject.newToken(t, room, m{"userId": "ann", "capabilities": []string{"DELETE_MESSAGE"}})
		subject.withToken(t, token, "DeleteUserMessages", m{"roomIdentifier": other.arn, "userId": "bad"}).wantError(t, "AccessDeniedException", http.StatusForbidden)
		o := subject.withToken(t, token, "DeleteUserMessages", members).want(t, http.StatusOK)
		wantValue(t, o, "deleted", 1.0)
		kept := call(t, ours("ListMessages"), m{"roomIdentifier": room.arn, "includeDeleted": true}).want(t, http.StatusOK)
		if message := kept["messages"].([]any)[0].(map[string]any); message["deletedBy"] != room.arn+"/ann" {
			t.Errorf("got %v", message)
		}
	})
	for member, value := range map[string]any{"userId": "", "roomIdentifier": "room", "since": "yesterday", "reason": string(make([]byte, 257))} {
		checkOurs(t, "refuses a wrong "+member, func(t *testing.T) {
			members := m{"userId": "bad", "roomIdentifier": newRoom(t, nil).arn}
			members[member] = value
			call(t, ours("DeleteUserMessages"), members).wantInvalid(t, member)
		})
	}
	checkOurs(t, "refuses a room that does not exist", func(t *testing.T) {
		room := newKept(t, "0")
		call(t, "DeleteRoom", m{"identifier": room.arn}).wantEmpty(t, http.StatusNoContent)
		call(t, ours("DeleteUserMessages"), m{"userId": "bad", "roomIdentifier": room.arn}).wantNotFound(t, "ROOM", room.id)
	})
}
