package conformance

import (
	"net/http"
	"testing"
)

// TestModerationAfterKill kills a server and starts it again. What moderators have done is in
// force from the first handshake on, also for chat tokens from before.
func TestModerationAfterKill(t *testing.T) {
	t.Parallel()
	if own == nil {
		return
	}
	dir := t.TempDir()
	first := startServerOn(t, dir)
	e := endpointOf(first)
	room := created(t, e.callKept(t, "CreateRoom", m{"tags": m{"confab:disconnect-ban": "1h"}}))
	open, local := created(t, e.callKept(t, "CreateRoom", m{})), created(t, e.callKept(t, "CreateRoom", m{}))
	moderate := func(operation string, members m) {
		t.Helper()
		members["roomIdentifier"] = room.arn
		e.callKept(t, operation, members).want(t, http.StatusOK)
	}
	before := map[string]string{}
	for _, user := range []string{"banned", "muted", "hidden", "kicked", "ann"} {
		before[user] = e.newToken(t, room, m{"userId": user, "capabilities": []string{"SEND_MESSAGE"}})
	}
	moderate(ours("CreateBan"), m{"userId": "banned", "type": "BAN"})
	moderate(ours("CreateBan"), m{"userId": "muted", "type": "MUTE", "durationInSeconds": 3600})
	moderate(ours("CreateBan"), m{"userId": "hidden", "type": "HIDE"})
	moderate(ours("UpdateRoomModes"), m{"links": "staff"})
	moderate(ours("PutContentFilter"), m{"name": "words", "action": "DENY", "terms": []string{"idiot"}})
	moderate("DisconnectUser", m{"userId": "kicked"})
	e.callKept(t, ours("CreateBan"), m{"roomIdentifier": local.arn, "ipRange": "127.0.0.0/8", "type": "BAN"}).want(t, http.StatusOK)
	if err := first.Kill(); err != nil {
		t.Fatal(err)
	}
	e = endpointOf(startServerOn(t, dir))
	for _, user := range []string{"banned", "kicked"} {
		checkOurs(t, user+" does not get in", func(t *testing.T) {
			e.wantRefused(t, before[user], http.StatusForbidden)
			e.wantRefused(t, e.newToken(t, room, m{"userId": user}), http.StatusForbidden)
			e.connect(t, e.newToken(t, open, m{"userId": user}))
		})
	}
	checkOurs(t, "a banned address does not get in", func(t *testing.T) {
		e.wantRefused(t, e.newToken(t, local, nil), http.StatusForbidden)
	})
	checkOurs(t, "others read nothing of the muted and the hidden", func(t *testing.T) {
		muted, hidden, ann := e.connect(t, before["muted"]), e.connect(t, before["hidden"]), e.connect(t, before["ann"])
		muted.say(t, "muted")
		muted.nextError(t, http.StatusForbidden)
		hidden.say(t, "hidden")
		hidden.nextMessage(t, "hidden")
		ann.say(t, "http://example.com")
		ann.nextError(t, http.StatusNotAcceptable)
		ann.say(t, "you i.d.i.o.t")
		ann.nextError(t, http.StatusNotAcceptable)
		ann.say(t, "hello")
		ann.nextMessage(t, "hello")
	})
}
