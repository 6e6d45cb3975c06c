package conformance

import (
	"bytes"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// events lists moderation events, the earliest first, once there are n.
func events(t *testing.T, n int, members m) (all []map[string]any) {
	t.Helper()
	for deadline := time.Now().Add(20 * time.Second); ; time.Sleep(20 * time.Millisecond) {
		o := call(t, ours("ListModerationEvents"), members).want(t, http.StatusOK)
		all = nil
		for _, e := range o["events"].([]any) {
			all = append(all, e.(map[string]any))
		}
		slices.Reverse(all)
		if len(all) >= n || time.Now().After(deadline) {
			return all
		}
	}
}

// wantEvents holds the events of a room against those that happened. id and time are of the
// server; by is empty if it is absent.
func wantEvents(t *testing.T, room resource, members m, want ...map[string]any) {
	t.Helper()
	request := m{"roomIdentifier": room.arn, "maxResults": 200}
	maps.Copy(request, members)
	got := events(t, len(want), request)
	var last time.Time
	for _, e := range got {
		at := instant(t, e, "time")
		if at.Before(last) {
			t.Errorf("%v is not in the order of time", e)
		}
		last = at
		if id, _ := e["id"].(string); len(id) != 12 {
			t.Errorf("got %v", e)
		}
		delete(e, "id")
		delete(e, "time")
	}
	for _, e := range want {
		e["roomArn"] = room.arn
		if e["by"] == nil {
			e["by"] = map[string]any{}
		}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

// principal returns who makes the calls of all cases.
func principal(t *testing.T) map[string]any {
	t.Helper()
	return map[string]any{"principalArn": newBan(t, newRoom(t, nil), m{"userId": "ann"})["createdBy"]}
}

func TestListModerationEvents(t *testing.T) {
	t.Parallel()
	checkOurs(t, "deletions and disconnects, over a connection and over the API, and what follows from them", func(t *testing.T) {
		room, caller := newKept(t, "0", "disconnect-ban=10m"), principal(t)
		moderator, ann := join(t, room, "mo", all...), join(t, room, "ann", "SEND_MESSAGE")
		marker := "content" + room.id
		ann.do(t, m{"Action": "SEND_MESSAGE", "Content": marker, "Attributes": m{"a": marker}})
		first := ann.nextMessage(t, marker).ID
		second := sendAs(t, room, "ann", marker)
		ann.nextMessage(t, marker)
		moderator.nextMessage(t, marker)
		moderator.nextMessage(t, marker)
		moderator.do(t, m{"Action": "DELETE_MESSAGE", "Id": first, "Reason": "spam"})
		moderator.nextEvent(t, "aws:DELETE_MESSAGE")
		call(t, "DeleteMessage", m{"roomIdentifier": room.arn, "id": second}).want(t, http.StatusOK)
		moderator.nextEvent(t, "aws:DELETE_MESSAGE")
		moderator.do(t, m{"Action": "DISCONNECT_USER", "UserId": "ann", "Reason": "rude"})
		ban := moderator.nextEvent(t, "aws:DISCONNECT_USER").ID
		events(t, 4, m{"roomIdentifier": room.arn}) // The ban comes a moment behind the event.
		call(t, "DisconnectUser", m{"roomIdentifier": room.arn, "userId": "eve"}).want(t, http.StatusOK)
		second2 := moderator.nextEvent(t, "aws:DISCONNECT_USER").ID
		byMo := map[string]any{"userId": "mo"}
		got := events(t, 6, m{"roomIdentifier": room.arn})
		expires := map[string]any{}
		for _, e := range got {
			if details, ok := e["details"].(map[string]any); ok {
				expires[text(t, details, "id")] = details["expirationTime"]
			}
		}
		want := []map[string]any{
			{"action": "DELETE_MESSAGE", "userId": "ann", "messageId": first, "by": byMo, "reason": "spam"},
			{"action": "DELETE_MESSAGE", "userId": "ann", "messageId": second, "by": caller},
			{"action": "DISCONNECT_USER", "userId": "ann", "by": byMo, "reason": "rude"},
			{"action": "CREATE_BAN", "userId": "ann", "by": byMo, "reason": "rude", "details": map[string]any{"id": ban, "type": "BAN", "expirationTime": expires[ban]}},
			{"action": "DISCONNECT_USER", "userId": "eve", "by": caller},
			{"action": "CREATE_BAN", "userId": "eve", "by": caller, "details": map[string]any{"id": second2, "type": "BAN", "expirationTime": expires[second2]}},
		}
		wantEvents(t, room, nil, want...)
		if expires[ban] == nil || expires[second2] == nil {
			t.Error("a ban has no end")
		}
		wantNoContent(t, room, marker)
	})
	checkOurs(t, "bans, modes, filters and their hits, clean-ups and erasures", func(t *testing.T) {
		room, caller := newKept(t, "0"), principal(t)
		marker := "content" + room.id
		ann := join(t, room, "ann", "SEND_MESSAGE")
		staff := subject.newToken(t, room, m{"userId": "mo", "capabilities": []string{"DISCONNECT_USER", "DELETE_MESSAGE"}})
		ban := text(t, subject.withToken(t, staff, "CreateBan", m{"roomIdentifier": room.arn, "userId": "bad", "type": "MUTE", "reason": "spam"}).want(t, http.StatusOK), "id")
		call(t, ours("UpdateBan"), m{"id": ban, "reason": "more"}).want(t, http.StatusOK)
		call(t, ours("DeleteBan"), m{"id": ban}).want(t, http.StatusOK)
		newBan(t, room, m{"ipRange": "192.0.2.0/24"})
		call(t, ours("UpdateRoomModes"), m{"roomIdentifier": room.arn, "links": "staff", "repeat": "off"}).want(t, http.StatusOK)
		newFilter(t, room, "FLAG", m{"terms": []string{"odd"}})
		newFilter(t, room, "DENY", m{"terms": []string{"idiot"}})
		ann.say(t, "odd "+marker)
		flagged := ann.nextMessage(t, "odd "+marker).ID
		ann.say(t, "idiot "+marker)
		ann.nextError(t, 406)
		call(t, ours("DeleteContentFilter"), m{"roomIdentifier": room.arn, "name": "filter-deny"}).want(t, http.StatusOK)
		subject.withToken(t, staff, "DeleteUserMessages", m{"roomIdentifier": room.arn, "userId": "ann", "reason": "spam"}).want(t, http.StatusOK)
		erase(t, m{"roomIdentifier": room.arn, "userId": "ann"})
		byMo := map[string]any{"userId": "mo"}
		ranged := events(t, 13, m{"roomIdentifier": room.arn})
		var rangedBan, denied any
		for _, e := range ranged {
			if details, ok := e["details"].(map[string]any); ok && details["ipRange"] != nil {
				rangedBan = details["id"]
			} else if ok && e["action"] == "CONTENT_FILTER_HIT" && details["filterAction"] == "DENY" {
				denied = e["messageId"]
			}
		}
		wantEvents(
			t, room, nil,
			map[string]any{"action": "CREATE_BAN", "userId": "bad", "by": byMo, "reason": "spam", "details": map[string]any{"id": ban, "type": "MUTE"}},
			map[string]any{"action": "UPDATE_BAN", "userId": "bad", "by": caller, "reason": "more", "details": map[string]any{"id": ban, "type": "MUTE"}},
			map[string]any{"action": "DELETE_BAN", "userId": "bad", "by": caller, "details": map[string]any{"id": ban, "type": "MUTE"}},
			map[string]any{"action": "CREATE_BAN", "by": caller, "details": map[string]any{"id": rangedBan, "type": "BAN", "ipRange": "192.0.2.0/24"}},
			map[string]any{"action": "UPDATE_ROOM_MODES", "by": caller, "details": map[string]any{"links": "staff", "repeat": "off"}},
			map[string]any{"action": "PUT_CONTENT_FILTER", "by": caller, "details": map[string]any{"filter": "filter-flag", "filterAction": "FLAG", "terms": "1", "expressions": "0"}},
			map[string]any{"action": "PUT_CONTENT_FILTER", "by": caller, "details": map[string]any{"filter": "filter-deny", "filterAction": "DENY", "terms": "1", "expressions": "0"}},
			map[string]any{"action": "CONTENT_FILTER_HIT", "userId": "ann", "messageId": flagged, "details": map[string]any{"filter": "filter-flag", "filterAction": "FLAG"}},
			map[string]any{"action": "CONTENT_FILTER_HIT", "userId": "ann", "messageId": denied, "details": map[string]any{"filter": "filter-deny", "filterAction": "DENY"}},
			map[string]any{"action": "DELETE_CONTENT_FILTER", "by": caller, "details": map[string]any{"filter": "filter-deny"}},
			map[string]any{"action": "DELETE_MESSAGE", "userId": "ann", "messageId": flagged, "by": byMo, "reason": "spam"},
			map[string]any{"action": "DELETE_USER_MESSAGES", "userId": "ann", "by": byMo, "reason": "spam", "details": map[string]any{"deleted": "1"}},
			map[string]any{"action": "ERASE_USER", "userId": "ann", "by": caller, "details": map[string]any{"messages": "1", "done": "true"}},
		)
		wantNoContent(t, room, marker)
		wantEvents(t, room, m{"userId": "nobody"})
	})
	checkOurs(t, "by user, by time and in pages, over all rooms", func(t *testing.T) {
		room := newRoom(t, nil)
		user := unique(t)
		for range 5 {
			newBan(t, room, m{"userId": user})
		}
		everywhere := call(t, ours("CreateBan"), m{"userId": user, "type": "MUTE"}).want(t, http.StatusOK)
		call(t, ours("DeleteBan"), m{"id": everywhere["id"]}).want(t, http.StatusOK)
		all := events(t, 7, m{"userId": user})
		if len(all) != 7 || all[6]["roomArn"] != nil || all[0]["roomArn"] != room.arn {
			t.Fatalf("got %v", all)
		}
		if got := events(t, 5, m{"userId": user, "roomIdentifier": room.arn}); len(got) != 5 {
			t.Errorf("got %v", got)
		}
		if got := events(t, 0, m{"userId": user, "endTime": "2020-01-01T00:00:00Z"}); len(got) != 0 {
			t.Errorf("got %v", got)
		}
		if got := events(t, 7, m{"userId": user, "startTime": "2020-01-01T00:00:00Z"}); len(got) != 7 {
			t.Errorf("got %v", got)
		}
		var ids []any
		members := m{"userId": user, "maxResults": 3}
		for {
			o := call(t, ours("ListModerationEvents"), members).want(t, http.StatusOK)
			for _, e := range o["events"].([]any) {
				ids = append(ids, e.(map[string]any)["id"])
			}
			if o["nextToken"] == nil {
				break
			}
			call(t, ours("ListModerationEvents"), m{"userId": "other", "nextToken": o["nextToken"]}).wantInvalid(t, "nextToken")
			members["nextToken"] = o["nextToken"]
		}
		slices.Reverse(ids)
		for i, e := range all {
			if i >= len(ids) || ids[i] != e["id"] {
				t.Fatalf("pages have %v, the list %v", ids, all)
			}
		}
	})
	checkOurs(t, "one room by its ARN, all rooms by room/*", func(t *testing.T) {
		room := newRoom(t, nil)
		c := newCaller(t, `{"Effect":"Allow","Action":"confab:ListModerationEvents","Resource":"`+room.arn+`"}`)
		c.do(t, ours("ListModerationEvents"), m{"roomIdentifier": room.arn}).want(t, http.StatusOK)
		c.do(t, ours("ListModerationEvents"), m{}).wantError(t, "AccessDeniedException", http.StatusForbidden)
		c.do(t, ours("ListModerationEvents"), m{"roomIdentifier": newRoom(t, nil).arn}).wantError(t, "AccessDeniedException", http.StatusForbidden)
		token := subject.newToken(t, room, m{"userId": "mo", "capabilities": []string{"DISCONNECT_USER", "DELETE_MESSAGE"}})
		if r := subject.withToken(t, token, "ListModerationEvents", m{"roomIdentifier": room.arn}); r.status != http.StatusForbidden {
			t.Errorf("got %d %s", r.status, r.body)
		}
	})
	checkOurs(t, "refuses a time that ends before it begins", func(t *testing.T) {
		call(t, ours("ListModerationEvents"), m{"startTime": "2026-01-02T00:00:00Z", "endTime": "2026-01-01T00:00:00Z"}).wantInvalid(t, "endTime")
	})
}

// wantNoContent searches for what a message said, in the list and in the database.
func wantNoContent(t *testing.T, room resource, marker string) {
	t.Helper()
	if r := call(t, ours("ListModerationEvents"), m{"roomIdentifier": room.arn, "maxResults": 200}); strings.Contains(string(r.body), marker) {
		t.Errorf("the log has what a message said: %s", r.body)
	}
	if own == nil {
		return
	}
	files, err := filepath.Glob(filepath.Join(own.DataDir, "confab.db*"))
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		if data, err := os.ReadFile(file); err != nil || bytes.Contains(data, []byte(marker)) {
			t.Errorf("%s has what a message said (%v)", file, err)
		}
	}
}
