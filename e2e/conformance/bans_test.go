package conformance

import (
	"maps"
	"net/http"
	"strings"
	"testing"
	"time"
)

// newBan makes a ban of a user in the room, or of what members say.
func newBan(t *testing.T, room resource, members m) m {
	t.Helper()
	request := m{"roomIdentifier": room.arn, "type": "BAN"}
	maps.Copy(request, members)
	return call(t, ours("CreateBan"), request).want(t, http.StatusOK)
}

// withToken calls an operation of ours with a chat token in place of the signature.
func (e *endpoint) withToken(t *testing.T, token, operation string, members m) *reply {
	t.Helper()
	return e.send(t, &call4{
		path: "/" + ours(operation), body: jsonText(t, members), unsigned: true,
		header: http.Header{"Authorization": {"Bearer " + token}},
	})
}

func TestBans(t *testing.T) {
	t.Parallel()
	checkOurs(t, "a BAN ends live sessions and refuses new ones, without spending tokens", func(t *testing.T) {
		room := newRoom(t, nil)
		bad, again, good := join(t, room, "bad"), join(t, room, "bad"), join(t, room, "good")
		token := subject.newToken(t, room, m{"userId": "bad"})
		ban := newBan(t, room, m{"userId": "bad", "reason": "spam", "durationInSeconds": 300})
		for _, s := range []*session{bad, again, good} {
			f := s.nextEvent(t, "aws:DISCONNECT_USER")
			f.wantForm(t)
			if f.Attributes["UserId"] != "bad" || f.Attributes["Reason"] != "spam" {
				t.Errorf("got %s", f.raw)
			}
		}
		bad.wantClosed(t, 1000)
		bad.wantReason(t, "spam")
		again.wantClosed(t, 1000)
		good.wantQuiet(t, room)
		status, body := subject.refusedWith(t, token)
		if status != http.StatusForbidden || !strings.Contains(body, "You are banned from this room for 5 minutes") {
			t.Errorf("got %d %s", status, body)
		}
		subject.wantRefused(t, subject.newToken(t, room, m{"userId": "bad"}), http.StatusForbidden) // CreateChatToken answers.
		call(t, ours("DeleteBan"), m{"id": ban["id"]}).want(t, http.StatusOK)
		afterOverlap()
		subject.connect(t, token).wantQuiet(t, room)
	})
	checkOurs(t, "a MUTE refuses messages with words for the person", func(t *testing.T) {
		room := newRoom(t, nil)
		ann, bob := join(t, room, "ann", all...), join(t, room, "bob", all...)
		ban := newBan(t, room, m{"userId": "ann", "type": "MUTE", "durationInSeconds": 240})
		ann.say(t, "hello")
		if f := ann.nextError(t, 403); f.ErrorMessage != "You are muted for 4 minutes" {
			t.Errorf("got %s", f.raw)
		}
		bob.say(t, "I can")
		ann.nextMessage(t, "I can")
		bob.nextMessage(t, "I can")
		call(t, ours("DeleteBan"), m{"id": ban["id"]}).want(t, http.StatusOK)
		ann.say(t, "again")
		bob.nextMessage(t, "again")
	})
	checkOurs(t, "a HIDE delivers messages to all connections of the user, and to nobody else", func(t *testing.T) {
		room := newRoom(t, m{"maximumMessageRatePerSecond": 1})
		ann, again, bob := join(t, room, "ann", all...), join(t, room, "ann"), join(t, room, "bob", all...)
		ban := newBan(t, room, m{"userId": "ann", "type": "HIDE", "durationInSeconds": 300})
		for range 3 { // The room's rate does not count them.
			ann.say(t, "hidden")
			ann.nextMessage(t, "hidden").wantForm(t)
			again.nextMessage(t, "hidden")
		}
		bob.say(t, "to all")
		for _, s := range []*session{ann, again, bob} {
			s.nextMessage(t, "to all")
		}
		bob.wantQuiet(t, room)
		if got := traced(t, room, m{"userId": "ann"}); len(got) != 3 || got[0] != "ann HIDDEN hide 0 2" {
			t.Errorf("got %q", got)
		}
		call(t, ours("DeleteBan"), m{"id": ban["id"]}).want(t, http.StatusOK)
		time.Sleep(time.Second) // The room's rate.
		ann.say(t, "seen")
		bob.nextMessage(t, "seen")
	})
	checkOurs(t, "the deletion of a hidden message goes to its user only", func(t *testing.T) {
		room := newRoom(t, nil)
		ann, bob := join(t, room, "ann", all...), join(t, room, "bob")
		newBan(t, room, m{"userId": "ann", "type": "HIDE"})
		ann.say(t, "hidden")
		id := ann.nextMessage(t, "hidden").ID
		call(t, "DeleteMessage", m{"roomIdentifier": room.arn, "id": id}).want(t, http.StatusOK)
		if f := ann.nextEvent(t, "aws:DELETE_MESSAGE"); f.Attributes["MessageID"] != id {
			t.Errorf("got %s", f.raw)
		}
		bob.wantQuiet(t, room)
	})
	checkOurs(t, "a MUTE for good says no time, and one of every room counts in each", func(t *testing.T) {
		user := unique(t)
		o := call(t, ours("CreateBan"), m{"userId": user, "type": "MUTE"}).want(t, http.StatusOK)
		s := join(t, newRoom(t, nil), user, all...)
		s.say(t, "hello")
		if f := s.nextError(t, 403); f.ErrorMessage != "You are muted" {
			t.Errorf("got %s", f.raw)
		}
		call(t, ours("DeleteBan"), m{"id": o["id"]}).want(t, http.StatusOK)
	})
	checkOurs(t, "a BAN of every room ends the user's sessions in each, with one event", func(t *testing.T) {
		user := unique(t)
		rooms := []resource{newRoom(t, nil), newRoom(t, nil)}
		var sessions []*session
		for _, r := range rooms {
			sessions = append(sessions, join(t, r, user))
		}
		o := call(t, ours("CreateBan"), m{"userId": user, "type": "BAN"}).want(t, http.StatusOK)
		for _, s := range sessions {
			s.nextEvent(t, "aws:DISCONNECT_USER")
			s.wantClosed(t, 1000)
		}
		subject.wantRefused(t, subject.newToken(t, rooms[0], m{"userId": user}), http.StatusForbidden)
		call(t, ours("DeleteBan"), m{"id": o["id"]}).want(t, http.StatusOK)
	})
	checkOurs(t, "a BAN of a range ends its connections, without an event", func(t *testing.T) {
		room := newRoom(t, nil)
		s := join(t, room, "ann")
		newBan(t, room, m{"ipRange": "192.0.2.0/24"})
		s.wantQuiet(t, room)
		newBan(t, room, m{"ipRange": "127.0.0.0/8"})
		newBan(t, room, m{"ipRange": "::1/128"})
		s.wantClosed(t, 1000)
		subject.wantRefused(t, subject.newToken(t, room, m{"userId": "bob"}), http.StatusForbidden)
		join(t, newRoom(t, nil), "ann")
	})
	checkOurs(t, "a ban ends by itself", func(t *testing.T) {
		room := newRoom(t, nil)
		ban := newBan(t, room, m{"userId": "ann", "durationInSeconds": 1})
		token := subject.newToken(t, room, m{"userId": "ann"})
		for time.Now().Before(instant(t, ban, "expirationTime")) {
			time.Sleep(50 * time.Millisecond)
		}
		subject.connect(t, token)
		call(t, ours("GetBan"), m{"id": ban["id"]}).wantNotFound(t, "BAN", text(t, ban, "id"))
	})
	checkOurs(t, "confab:disconnect-ban bans whom a stock client disconnects", func(t *testing.T) {
		room := newRoom(t, m{"tags": m{"confab:disconnect-ban": "10m"}})
		moderator, bad := join(t, room, "moderator", all...), join(t, room, "bad")
		moderator.do(t, m{"Action": "DISCONNECT_USER", "UserId": "bad", "Reason": "spam"})
		event := moderator.nextEvent(t, "aws:DISCONNECT_USER")
		bad.nextEvent(t, "aws:DISCONNECT_USER")
		bad.wantClosed(t, 1000)
		moderator.wantQuiet(t, room) // The answer comes once the ban is stored.
		var bans []any
		for deadline := time.Now().Add(10 * time.Second); len(bans) == 0 && time.Now().Before(deadline); time.Sleep(20 * time.Millisecond) {
			bans = call(t, ours("ListBans"), m{"roomIdentifier": room.arn}).want(t, http.StatusOK)["bans"].([]any)
		}
		if len(bans) != 1 {
			t.Fatalf("got %v", bans)
		}
		ban := bans[0].(map[string]any)
		if ban["id"] != event.ID || ban["userId"] != "bad" || ban["reason"] != "spam" || ban["createdBy"] != room.arn+"/moderator" {
			t.Errorf("got %v", ban)
		}
		subject.wantRefused(t, subject.newToken(t, room, m{"userId": "bad"}), http.StatusForbidden)
		call(t, "DisconnectUser", m{"roomIdentifier": room.arn, "userId": "eve"}).want(t, http.StatusOK)
		subject.wantRefused(t, subject.newToken(t, room, m{"userId": "eve"}), http.StatusForbidden)
	})
	checkOurs(t, "a banned user's chat token reads no history", func(t *testing.T) {
		room := newKept(t, "0")
		token := subject.newToken(t, room, m{"userId": "bad", "capabilities": []string{"DELETE_MESSAGE"}})
		subject.withToken(t, token, "ListMessages", m{"roomIdentifier": room.arn}).want(t, http.StatusOK)
		newBan(t, room, m{"userId": "bad"})
		subject.withToken(t, token, "ListMessages", m{"roomIdentifier": room.arn}).wantError(t, "AccessDeniedException", http.StatusForbidden)
	})
}

func TestBanOperations(t *testing.T) {
	t.Parallel()
	checkOurs(t, "a ban is shown as it was made", func(t *testing.T) {
		room := newRoom(t, nil)
		o := newBan(t, room, m{"userId": "ann", "reason": "spam", "durationInSeconds": 60})
		wantMembers(t, o, "createTime", "createdBy", "expirationTime", "id", "reason", "roomArn", "type", "userId")
		if d := instant(t, o, "expirationTime").Sub(instant(t, o, "createTime")); d < time.Minute || d > 61*time.Second {
			t.Errorf("it lasts %s", d)
		}
		got := call(t, ours("GetBan"), m{"id": o["id"]}).want(t, http.StatusOK)
		for k, v := range o {
			wantValue(t, got, k, v)
		}
		o = newBan(t, room, m{"ipRange": "192.0.2.77/24", "type": "MUTE"})
		wantMembers(t, o, "createTime", "createdBy", "id", "ipRange", "roomArn", "type")
		wantValue(t, o, "ipRange", "192.0.2.0/24")
	})
	checkOurs(t, "one of the same subject, room and type replaces the older", func(t *testing.T) {
		room := newRoom(t, nil)
		first, second := newBan(t, room, m{"userId": "ann"}), newBan(t, room, m{"userId": "ann", "durationInSeconds": 60})
		newBan(t, room, m{"userId": "ann", "type": "MUTE"})
		call(t, ours("GetBan"), m{"id": first["id"]}).wantNotFound(t, "BAN", text(t, first, "id"))
		call(t, ours("GetBan"), m{"id": second["id"]}).want(t, http.StatusOK)
	})
	checkOurs(t, "UpdateBan changes the end and the reason", func(t *testing.T) {
		room := newRoom(t, nil)
		o := newBan(t, room, m{"userId": "ann", "type": "MUTE", "reason": "spam"})
		for _, wrong := range []int{-1, 0, 31_536_000_000} { // No time, and a thousand years.
			call(t, ours("UpdateBan"), m{"id": o["id"], "durationInSeconds": wrong}).wantInvalid(t, "durationInSeconds")
		}
		o = call(t, ours("UpdateBan"), m{"id": o["id"], "durationInSeconds": 120}).want(t, http.StatusOK)
		wantValue(t, o, "reason", "spam")
		o = call(t, ours("UpdateBan"), m{"id": o["id"], "reason": "noise"}).want(t, http.StatusOK)
		wantValue(t, o, "reason", "noise")
		s := join(t, room, "ann", all...)
		s.say(t, "hello")
		if f := s.nextError(t, 403); f.ErrorMessage != "You are muted for 2 minutes" {
			t.Errorf("got %s", f.raw)
		}
	})
	checkOurs(t, "ListBans pages and filters", func(t *testing.T) {
		room := newRoom(t, nil)
		for _, user := range []string{"a", "b", "c"} {
			newBan(t, room, m{"userId": user})
		}
		newBan(t, room, m{"userId": "a", "type": "MUTE"})
		request := m{"roomIdentifier": room.arn, "maxResults": 3}
		page := call(t, ours("ListBans"), request).want(t, http.StatusOK)
		first := page["bans"].([]any)
		request["nextToken"] = page["nextToken"]
		second := call(t, ours("ListBans"), request).want(t, http.StatusOK)["bans"].([]any)
		if len(first) != 3 || len(second) != 1 || second[0].(map[string]any)["userId"] != "a" {
			t.Errorf("got %v, %v", first, second)
		}
		call(t, ours("ListBans"), m{"roomIdentifier": room.arn, "type": "MUTE", "nextToken": page["nextToken"]}).wantInvalid(t, "nextToken")
		for _, filter := range []m{{"userId": "b"}, {"type": "MUTE"}} {
			filter["roomIdentifier"] = room.arn
			if got := call(t, ours("ListBans"), filter).want(t, http.StatusOK)["bans"].([]any); len(got) != 1 {
				t.Errorf("%v: got %v", filter, got)
			}
		}
	})
	for name, c := range map[string]struct {
		members m
		field   string
	}{
		"of no one":                     {m{}, "userId"},
		"of a user and a range":         {m{"userId": "a", "ipRange": "192.0.2.0/24"}, "userId"},
		"of everybody":                  {m{"ipRange": "0.0.0.0/0"}, "ipRange"},
		"of everybody, IPv6":            {m{"ipRange": "::/0"}, "ipRange"},
		"of everybody, mapped":          {m{"ipRange": "::ffff:0:0/96"}, "ipRange"},
		"of half of everybody":          {m{"ipRange": "128.0.0.0/1"}, "ipRange"},
		"of one address":                {m{"ipRange": "192.0.2.1"}, "ipRange"},
		"of what is no range":           {m{"ipRange": "192.0.2.0/33"}, "ipRange"},
		"of IPv4 with a prefix of IPv6": {m{"ipRange": "::ffff:192.0.2.0/24"}, "ipRange"},
		"for a thousand years":          {m{"userId": "a", "durationInSeconds": 31_536_000_000}, "durationInSeconds"},
		"for no time":                   {m{"userId": "a", "durationInSeconds": 0}, "durationInSeconds"},
		"for less than no time":         {m{"userId": "a", "durationInSeconds": -1}, "durationInSeconds"},
		"of no type":                    {m{"userId": "a", "type": nil}, "type"},
		"of an unknown type":            {m{"userId": "a", "type": "KICK"}, "type"},
		"of an empty user":              {m{"userId": ""}, "userId"},
		"of a long user":                {m{"userId": letters(129)}, "userId"},
		"with a long reason":            {m{"userId": "a", "reason": letters(257)}, "reason"},
		"in what is no room":            {m{"userId": "a", "roomIdentifier": "room"}, "roomIdentifier"},
		"in a logging configuration":    {m{"userId": "a", "roomIdentifier": loggingARN("aZ09aZ09aZ09")}, "roomIdentifier"},
	} {
		checkOurs(t, "CreateBan refuses a ban "+name, func(t *testing.T) {
			request := m{"roomIdentifier": newRoom(t, nil).arn, "type": "BAN"}
			maps.Copy(request, c.members)
			call(t, ours("CreateBan"), request).wantInvalid(t, c.field)
		})
	}
	checkOurs(t, "a range of everybody is meant with force", func(t *testing.T) {
		room := newRoom(t, nil)
		newBan(t, room, m{"ipRange": "0.0.0.0/0", "force": true, "type": "MUTE"})
		s := join(t, room, "ann", all...)
		s.say(t, "hello")
		s.nextError(t, 403)
	})
	checkOurs(t, "a room that does not exist", func(t *testing.T) {
		call(t, ours("CreateBan"), m{"roomIdentifier": roomARN("aZ09aZ09aZ09"), "userId": "a", "type": "BAN"}).wantNotFound(t, "ROOM", "aZ09aZ09aZ09")
	})
	for _, operation := range []string{"GetBan", "UpdateBan", "DeleteBan"} {
		checkOurs(t, operation+" does not know a ban that does not exist", func(t *testing.T) {
			call(t, ours(operation), m{"id": "aZ09aZ09aZ09"}).wantNotFound(t, "BAN", "aZ09aZ09aZ09")
			call(t, ours(operation), m{}).wantInvalid(t, "id")
		})
	}
	checkOurs(t, "a chat token with DISCONNECT_USER stands for the signature in its room", func(t *testing.T) {
		room, other := newRoom(t, nil), newRoom(t, nil)
		elsewhere := newBan(t, other, m{"userId": "ann"})
		newToken := func(capability string) string {
			return subject.newToken(t, room, m{"userId": "moderator", "capabilities": []string{capability}})
		}
		staff := newToken("DISCONNECT_USER")
		ban := subject.withToken(t, staff, "CreateBan", m{"roomIdentifier": room.arn, "userId": "bad", "type": "BAN"}).want(t, http.StatusOK)
		wantValue(t, ban, "createdBy", room.arn+"/moderator")
		subject.wantRefused(t, subject.newToken(t, room, m{"userId": "bad"}), http.StatusForbidden)
		subject.withToken(t, staff, "GetBan", m{"id": ban["id"]}).want(t, http.StatusOK)
		subject.withToken(t, staff, "GetBan", m{"id": elsewhere["id"]}).wantNotFound(t, "BAN", text(t, elsewhere, "id"))
		staff = newToken("DISCONNECT_USER")
		time.Sleep(time.Second) // A user may make five requests a second.
		subject.withToken(t, staff, "CreateBan", m{"roomIdentifier": other.arn, "userId": "bad", "type": "BAN"}).wantError(t, "AccessDeniedException", http.StatusForbidden)
		subject.withToken(t, staff, "CreateBan", m{"userId": "bad", "type": "BAN"}).wantError(t, "AccessDeniedException", http.StatusForbidden)
		subject.withToken(t, newToken("DELETE_MESSAGE"), "CreateBan", m{"roomIdentifier": room.arn, "userId": "bad", "type": "BAN"}).wantError(t, "AccessDeniedException", http.StatusForbidden)
		subject.withToken(t, staff, "DeleteBan", m{"id": ban["id"]}).want(t, http.StatusOK)
	})
	checkOurs(t, "a chat token of another room is refused, and changes nothing", func(t *testing.T) {
		room, other := newRoom(t, nil), newRoom(t, nil)
		ban := newBan(t, other, m{"userId": "ann", "reason": "spam"})
		send := func(operation string, members m) *reply { // Each as a new user, for the limit of requests.
			token := subject.newToken(t, room, m{"userId": "moderator-" + operation, "capabilities": all})
			return subject.withToken(t, token, operation, members)
		}
		for operation, members := range map[string]m{
			"GetBan": {}, "UpdateBan": {"reason": "none", "durationInSeconds": 1}, "DeleteBan": {},
		} {
			members["id"] = ban["id"]
			send(operation, members).wantNotFound(t, "BAN", text(t, ban, "id"))
		}
		for operation, members := range map[string]m{
			"CreateBan": {"userId": "ann", "type": "BAN"}, "ListBans": {}, "GetRoomModes": {}, "UpdateRoomModes": {"send": "nobody"},
			"DeleteUserMessages": {"userId": "ann"}, "ListMessageTraces": {}, "ListMessages": {},
			"PutContentFilter": {"name": "words", "action": "DENY", "terms": []string{"x"}}, "ListModerationEvents": {},
		} {
			members["roomIdentifier"] = other.arn
			if r := send(operation, members); r.status != http.StatusForbidden {
				t.Errorf("%s: got %d %s", operation, r.status, r.body)
			}
		}
		got := call(t, ours("GetBan"), m{"id": ban["id"]}).want(t, http.StatusOK)
		for k, v := range ban {
			wantValue(t, got, k, v)
		}
	})
	checkOurs(t, "a chat token stands for no signature once its user was disconnected or banned, or from a banned address", func(t *testing.T) {
		room := newRoom(t, nil)
		newToken := func(user string) string {
			return subject.newToken(t, room, m{"userId": user, "capabilities": []string{"DISCONNECT_USER"}})
		}
		here := m{"roomIdentifier": room.arn}
		kicked, banned := newToken("kicked"), newToken("banned")
		for _, token := range []string{kicked, banned} {
			subject.withToken(t, token, "GetRoomModes", here).want(t, http.StatusOK)
		}
		call(t, "DisconnectUser", m{"roomIdentifier": room.arn, "userId": "kicked"}).want(t, http.StatusOK)
		ban := newBan(t, room, m{"userId": "banned"})
		call(t, ours("DeleteBan"), m{"id": ban["id"]}).want(t, http.StatusOK)
		for _, token := range []string{kicked, banned} {
			subject.withToken(t, token, "GetRoomModes", here).wantError(t, "UnrecognizedClientException", http.StatusForbidden)
		}
		for _, user := range []string{"kicked", "banned"} {
			subject.withToken(t, newToken(user), "GetRoomModes", here).want(t, http.StatusOK)
		}
		token := newToken("near")
		newBan(t, room, m{"ipRange": "127.0.0.0/8"})
		newBan(t, room, m{"ipRange": "::1/128"})
		subject.withToken(t, token, "GetRoomModes", here).wantError(t, "AccessDeniedException", http.StatusForbidden)
	})
	checkOurs(t, "the name of the scheme of a chat token has any case", func(t *testing.T) {
		room := newRoom(t, nil)
		token := subject.newToken(t, room, m{"capabilities": []string{"DISCONNECT_USER"}})
		for _, scheme := range []string{"bearer", "BEARER"} {
			subject.send(t, &call4{
				path: "/" + ours("GetRoomModes"), body: jsonText(t, m{"roomIdentifier": room.arn}), unsigned: true,
				header: http.Header{"Authorization": {scheme + " " + token}},
			}).want(t, http.StatusOK)
		}
	})
	checkOurs(t, "a caller who may not see a ban cannot tell it from none", func(t *testing.T) {
		room, other := newRoom(t, nil), newRoom(t, nil)
		ban := newBan(t, other, m{"userId": "ann"})
		c := newCaller(t, `{"Effect":"Allow","Action":"confab:*","Resource":"`+room.arn+`"}`)
		denied, unknown := c.do(t, ours("GetBan"), m{"id": ban["id"]}), c.do(t, ours("GetBan"), m{"id": "aZ09aZ09aZ09"})
		if string(denied.body) != string(unknown.body) || denied.status != http.StatusForbidden {
			t.Errorf("got %d %s and %d %s", denied.status, denied.body, unknown.status, unknown.body)
		}
		c.do(t, ours("CreateBan"), m{"roomIdentifier": room.arn, "userId": "ann", "type": "BAN"}).want(t, http.StatusOK)
		c.do(t, ours("CreateBan"), m{"userId": "ann", "type": "BAN"}).wantError(t, "AccessDeniedException", http.StatusForbidden)
	})
}
