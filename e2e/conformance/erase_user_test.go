package conformance

import (
	"net/http"
	"slices"
	"testing"
	"time"
)

// erase erases a user's messages, calling until it is done.
func erase(t *testing.T, members m) map[string]any {
	t.Helper()
	for range 200 {
		o := call(t, ours("EraseUser"), members).want(t, http.StatusOK)
		wantMembers(t, o, "logObjects", "messages", "status")
		if o["status"] == "DONE" {
			return o
		}
		wantValue(t, o, "status", "RUNNING")
		time.Sleep(10 * time.Millisecond) // As a caller would.
	}
	t.Fatal("the erasure does not end")
	return nil
}

// sendAs sends a message in the name of a user.
func sendAs(t *testing.T, room resource, user, content string) (id string) {
	t.Helper()
	return text(t, call(t, ours("SendMessage"), m{
		"roomIdentifier": room.arn, "userId": user, "content": content, "senderAttributes": m{"name": user},
	}).want(t, http.StatusOK), "id")
}

func TestEraseUser(t *testing.T) {
	t.Parallel()
	checkOurs(t, "removes a user's messages from the history and from joins, and tells clients", func(t *testing.T) {
		room := newKept(t, "10")
		viewer := join(t, room, "viewer")
		erased := "user " + room.id
		var ids []string
		for _, c := range numbers(1, 3) {
			ids = append(ids, sendAs(t, room, erased, c))
			sendAs(t, room, "other", "x"+c)
		}
		for _, c := range []string{"1", "x1", "2", "x2", "3", "x3"} {
			viewer.nextMessage(t, c)
		}
		before := join(t, room, "before")
		for _, c := range []string{"1", "x1", "2", "x2", "3", "x3"} {
			before.nextMessage(t, c)
		}
		o := erase(t, m{"userId": erased, "roomIdentifier": room.arn})
		wantValue(t, o, "messages", float64(3))
		wantValue(t, o, "logObjects", []any{})
		var told []string
		for range ids {
			f := viewer.next(t)
			if f.EventName != "aws:DELETE_MESSAGE" {
				t.Fatalf("got %s", f.raw)
			}
			told = append(told, f.Attributes["MessageId"])
		}
		slices.Reverse(told)
		if !slices.Equal(told, ids) {
			t.Errorf("clients are told to remove %v, want %v", told, ids)
		}
		viewer.wantQuiet(t, room)
		join(t, room, "after").wantNext(t, room, "x1", "x2", "x3")
		if got, _ := listed(t, m{"roomIdentifier": room.arn, "includeDeleted": true}); !slices.Equal(got, []string{"x3", "x2", "x1"}) {
			t.Errorf("listed are %v", got)
		}
	})
	checkOurs(t, "called again, it says the same and tells nobody", func(t *testing.T) {
		room := newKept(t, "10")
		viewer := join(t, room, "viewer")
		erased := "user " + room.id
		sendAs(t, room, erased, "1")
		viewer.nextMessage(t, "1")
		for range 2 {
			wantValue(t, erase(t, m{"userId": erased, "roomIdentifier": room.arn}), "messages", float64(1))
		}
		viewer.next(t)
		viewer.wantQuiet(t, room)
		sendAs(t, room, erased, "2")
		viewer.nextMessage(t, "2")
		wantValue(t, erase(t, m{"userId": erased, "roomIdentifier": room.arn}), "messages", float64(2))
	})
	checkOurs(t, "in all rooms", func(t *testing.T) {
		rooms := []resource{newKept(t, "10"), newKept(t, "10")}
		erased := "user " + rooms[0].id
		for _, r := range rooms {
			sendAs(t, r, erased, "1")
			sendAs(t, r, "other", "2")
		}
		wantValue(t, erase(t, m{"userId": erased}), "messages", float64(2))
		for _, r := range rooms {
			join(t, r, "after").wantNext(t, r, "2")
		}
	})
	checkOurs(t, "in one room only", func(t *testing.T) {
		one, other := newKept(t, "10"), newKept(t, "10")
		erased := "user " + one.id
		for _, r := range []resource{one, other} {
			sendAs(t, r, erased, "1")
		}
		erase(t, m{"userId": erased, "roomIdentifier": one.arn})
		join(t, one, "after").wantNext(t, one)
		join(t, other, "after").wantNext(t, other, "1")
	})
	checkOurs(t, "clients are told at the room's rate", func(t *testing.T) {
		room := newKept(t, "10")
		call(t, "UpdateRoom", m{"identifier": room.arn, "maximumMessageRatePerSecond": 5}).want(t, http.StatusOK)
		viewer := join(t, room, "viewer")
		erased := "user " + room.id
		for _, c := range numbers(1, 7) {
			sendAs(t, room, erased, c)
			viewer.nextMessage(t, c)
		}
		began := time.Now()
		erase(t, m{"userId": erased, "roomIdentifier": room.arn})
		if took := time.Since(began); took < 1200*time.Millisecond {
			t.Errorf("7 messages are told of within %s, at a rate of 5 a second", took)
		}
	})
	checkOurs(t, "a user without messages is done at once", func(t *testing.T) {
		o := erase(t, m{"userId": "user " + newRoom(t, nil).id})
		wantValue(t, o, "messages", float64(0))
		wantValue(t, o, "logObjects", []any{})
	})
	for member, value := range map[string]any{"userId": "", "roomIdentifier": "room"} {
		checkOurs(t, "refuses a wrong "+member, func(t *testing.T) {
			members := m{"userId": "ann"}
			members[member] = value
			call(t, ours("EraseUser"), members).wantInvalid(t, member)
		})
	}
	checkOurs(t, "refuses a room that does not exist", func(t *testing.T) {
		room := newKept(t, "0")
		call(t, "DeleteRoom", m{"identifier": room.arn}).wantEmpty(t, http.StatusNoContent)
		call(t, ours("EraseUser"), m{"userId": "ann", "roomIdentifier": room.arn}).wantNotFound(t, "ROOM", room.id)
	})
}
