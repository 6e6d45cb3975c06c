package conformance

import (
	"net/http"
	"testing"
)

// setModes sets modes of a room and returns all of them by name.
func setModes(t *testing.T, room resource, members m) map[string]map[string]any {
	t.Helper()
	members["roomIdentifier"] = room.arn
	return modesIn(call(t, ours("UpdateRoomModes"), members).want(t, http.StatusOK))
}

func modesIn(o map[string]any) map[string]map[string]any {
	byName := map[string]map[string]any{}
	for _, one := range o["modes"].([]any) {
		mode := one.(map[string]any)
		byName[mode["name"].(string)] = mode
	}
	return byName
}

func TestRoomModes(t *testing.T) {
	t.Parallel()
	const send, moderate = "SEND_MESSAGE", "DISCONNECT_USER"
	checkOurs(t, "slow mode by tag: ERROR 429 with the time to wait, and not for moderators", func(t *testing.T) {
		room := newRoom(t, m{"tags": m{"confab:slow-mode": "1h"}})
		ann, moderator := join(t, room, "ann", send), join(t, room, "moderator", send, moderate)
		ann.say(t, "one")
		ann.nextMessage(t, "one")
		moderator.nextMessage(t, "one")
		ann.say(t, "two")
		if f := ann.nextError(t, 429); f.ErrorMessage != "Slow mode: wait 60 minutes" {
			t.Errorf("got %s", f.raw)
		}
		for range 2 {
			moderator.say(t, "calm down")
			moderator.nextMessage(t, "calm down")
			ann.nextMessage(t, "calm down")
		}
	})
	checkOurs(t, "UpdateRoomModes goes over the tag on live rooms, until it is cleared", func(t *testing.T) {
		room := newRoom(t, m{"tags": m{"confab:send": "nobody"}})
		ann := join(t, room, "ann", send)
		ann.say(t, "one")
		ann.nextError(t, 403)
		set := setModes(t, room, m{"send": "all", "links": "staff", "durationInSeconds": 600})
		if set["send"]["source"] != "MODERATOR" || set["links"]["value"] != "staff" || set["slow-mode"]["source"] != "DEFAULT" || set["slow-mode"]["value"] != "off" {
			t.Errorf("got %v", set)
		}
		instant(t, set["links"], "expirationTime")
		ann.say(t, "two")
		ann.nextMessage(t, "two")
		ann.say(t, "see example.com")
		ann.nextError(t, 406)
		set = setModes(t, room, m{"send": "", "links": ""})
		if set["send"]["source"] != "TAG" || set["send"]["value"] != "nobody" || set["links"]["source"] != "DEFAULT" || set["links"]["by"] != nil {
			t.Errorf("got %v", set)
		}
		ann.say(t, "three")
		ann.nextError(t, 403)
	})
	checkOurs(t, "repeat refuses the same message with ERROR 406", func(t *testing.T) {
		room := newRoom(t, m{"tags": m{"confab:repeat": "1h"}})
		ann := join(t, room, "ann", send)
		ann.say(t, "hello")
		ann.nextMessage(t, "hello")
		ann.say(t, "hello")
		ann.nextError(t, 406)
		ann.say(t, "hello!")
		ann.nextMessage(t, "hello!")
	})
	checkOurs(t, "modes change no member of the room, and wrong ones are refused", func(t *testing.T) {
		room := newRoom(t, nil)
		before := call(t, "GetRoom", m{"identifier": room.arn}).want(t, http.StatusOK)
		setModes(t, room, m{"slowMode": "5s"})
		after := call(t, "GetRoom", m{"identifier": room.arn}).want(t, http.StatusOK)
		if before["updateTime"] != after["updateTime"] {
			t.Errorf("updateTime %v became %v", before["updateTime"], after["updateTime"])
		}
		for _, wrong := range []m{{}, {"slowMode": "2h"}, {"slowMode": "5"}, {"send": "everyone"}, {"links": "off"}, {"repeat": "0s"}, {"send": "all", "durationInSeconds": 0}, {"send": "all", "durationInSeconds": 31_536_000_000}, {"durationInSeconds": 60}} {
			wrong["roomIdentifier"] = room.arn
			call(t, ours("UpdateRoomModes"), wrong).wantError(t, "ValidationException", http.StatusBadRequest)
		}
		missing := room.arn[:len(room.arn)-12] + "AAAAAAAAAAAA"
		call(t, ours("GetRoomModes"), m{"roomIdentifier": missing}).wantNotFound(t, "ROOM", "AAAAAAAAAAAA")
	})
	checkOurs(t, "a chat token with DISCONNECT_USER sets the modes of its room", func(t *testing.T) {
		room, other := newRoom(t, nil), newRoom(t, nil)
		token := subject.newToken(t, room, m{"userId": "moderator", "capabilities": []string{moderate}})
		set := modesIn(subject.withToken(t, token, "UpdateRoomModes", m{"roomIdentifier": room.arn, "slowMode": "5s"}).want(t, http.StatusOK))
		if set["slow-mode"]["by"] != room.arn+"/moderator" {
			t.Errorf("got %v", set)
		}
		subject.withToken(t, token, "GetRoomModes", m{"roomIdentifier": room.arn}).want(t, http.StatusOK)
		subject.withToken(t, token, "UpdateRoomModes", m{"roomIdentifier": other.arn, "slowMode": "5s"}).wantError(t, "AccessDeniedException", http.StatusForbidden)
		speaker := subject.newToken(t, room, m{"userId": "ann", "capabilities": []string{send}})
		subject.withToken(t, speaker, "UpdateRoomModes", m{"roomIdentifier": room.arn, "slowMode": "5s"}).wantError(t, "AccessDeniedException", http.StatusForbidden)
	})
}
