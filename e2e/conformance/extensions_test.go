package conformance

import (
	"net/http"
	"testing"
	"time"
)

// ours returns the path of an operation that Confab adds.
func ours(operation string) string { return "_confab/v1/" + operation }

// checkOurs is check for what IVS Chat does not have: an endpoint without it is not asked.
func checkOurs(t *testing.T, name string, f func(t *testing.T)) {
	t.Helper()
	check(t, name, func(t *testing.T) {
		if call(t, ours("GetServer"), m{}).status == http.StatusNotFound {
			t.Skip("the endpoint has no operations of Confab's")
		}
		f(t)
	})
}

func TestExtensionOperations(t *testing.T) {
	t.Parallel()
	checkOurs(t, "GetServer tells of the server", func(t *testing.T) {
		o := call(t, ours("GetServer"), m{}).want(t, http.StatusOK)
		wantMembers(t, o, "accountId", "allowedActions", "extensions", "limits", "nodes", "region", "version")
		if o["accountId"] != subject.account || o["region"] != subject.region {
			t.Errorf("got %v", o)
		}
	})
	checkOurs(t, "SendMessage delivers an ordinary message", func(t *testing.T) {
		room := newRoom(t, nil)
		s := join(t, room, "u")
		o := call(t, ours("SendMessage"), m{
			"roomIdentifier": room.arn, "userId": "bot", "content": "hello",
			"attributes": m{"a": "1"}, "senderAttributes": m{"name": "Bot"},
		}).want(t, http.StatusOK)
		wantMembers(t, o, "id", "sendTime")
		f := s.nextMessage(t, "hello")
		f.wantForm(t)
		if f.ID != o["id"] || f.SendTime != o["sendTime"] || f.RequestID != "" || f.Sender.UserID != "bot" ||
			f.Sender.Attributes["name"] != "Bot" || f.Attributes["a"] != "1" {
			t.Errorf("frame %s, the answer is %v", f.raw, o)
		}
	})
	checkOurs(t, "SendMessage is not held to the room's rate", func(t *testing.T) {
		room := newRoom(t, m{"maximumMessageRatePerSecond": 1})
		s := join(t, room, "u")
		for range 5 {
			call(t, ours("SendMessage"), m{"roomIdentifier": room.arn, "userId": "bot", "content": "x"}).want(t, http.StatusOK)
		}
		for range 5 {
			s.nextMessage(t, "x")
		}
	})
	checkOurs(t, "SendMessage does not use up the room's rate", func(t *testing.T) {
		room := newRoom(t, m{"maximumMessageRatePerSecond": 1})
		s := join(t, room, "u", all...)
		call(t, ours("SendMessage"), m{"roomIdentifier": room.arn, "userId": "bot", "content": "x"}).want(t, http.StatusOK)
		s.nextMessage(t, "x")
		s.say(t, "y")
		s.nextMessage(t, "y")
	})
	for name, c := range map[string]struct {
		member string
		value  any
	}{
		"a message without text":    {"content", " \n"},
		"too long a message":        {"content", letters(501)},
		"a message without a user":  {"userId", nil},
		"too long a user id":        {"userId", letters(129)},
		"too many attributes":       {"attributes", m{"a": letters(1024)}},
		"too many of the sender's":  {"senderAttributes", m{"a": letters(1024)}},
		"what is no ARN":            {"roomIdentifier", "room"},
		"a logging configuration's": {"roomIdentifier", "arn:aws:ivschat:us-west-2:123456789012:logging-configuration/aZ09aZ09aZ09"},
	} {
		checkOurs(t, "SendMessage refuses "+name, func(t *testing.T) {
			request := m{"roomIdentifier": newRoom(t, nil).arn, "userId": "bot", "content": "x"}
			request[c.member] = c.value
			call(t, ours("SendMessage"), request).wantInvalid(t, c.member)
		})
	}
	checkOurs(t, "SendMessage finds no room that does not exist", func(t *testing.T) {
		call(t, ours("SendMessage"), m{"roomIdentifier": roomARN(noID), "userId": "bot", "content": "x"}).wantNotFound(t, "ROOM", noID)
	})
}

func TestGetMetrics(t *testing.T) {
	t.Parallel()
	checkOurs(t, "GetMetrics shows what happened, once its step is over", func(t *testing.T) {
		join(t, newRoom(t, nil), "u")
		request := m{"names": []string{"confab_concurrent_chat_connections", "confab_handshake_duration_seconds"}, "periodInSeconds": 10}
		for deadline := time.Now().Add(patience + 20*time.Second); ; time.Sleep(time.Second) {
			o := call(t, ours("GetMetrics"), request).want(t, http.StatusOK)
			seen := map[string]bool{}
			for _, one := range o["series"].([]any) {
				s := one.(map[string]any)
				wantMembers(t, s, "labels", "name", "periodInSeconds", "startTime", "values")
				quantile, _ := s["labels"].(map[string]any)["quantile"].(string)
				for _, v := range s["values"].([]any) {
					if n, _ := v.(float64); n > 0 {
						seen[s["name"].(string)+quantile] = true
					}
				}
			}
			if seen["confab_concurrent_chat_connections"] && seen["confab_handshake_duration_seconds0.5"] && seen["confab_handshake_duration_seconds0.99"] {
				return
			}
			if time.Now().After(deadline) {
				t.Fatalf("got %v", o)
			}
		}
	})
	for member, members := range map[string]m{
		"periodInSeconds": {"periodInSeconds": 15},
		"endTime":         {"startTime": "2026-01-02T00:00:00Z", "endTime": "2026-01-01T00:00:00Z"},
		"startTime":       {"startTime": "2026-01-01T00:00:00Z", "endTime": "2026-01-02T00:00:00Z"},
		"names":           {"names": numbers(1, 101)},
	} {
		checkOurs(t, "GetMetrics refuses a wrong "+member, func(t *testing.T) {
			call(t, ours("GetMetrics"), members).wantInvalid(t, member)
		})
	}
}
