package conformance

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// newKept returns a room that keeps its messages and gives the latest onJoin of them to new
// connections.
func newKept(t *testing.T, onJoin string, tags ...string) resource {
	t.Helper()
	all := m{"confab:history": "1h", "confab:history-on-join": onJoin}
	for _, tag := range tags {
		k, v, _ := strings.Cut(tag, "=")
		all["confab:"+k] = v
	}
	return newRoom(t, m{"maximumMessageRatePerSecond": 100, "tags": all})
}

// send sends messages as the server, and returns their ids.
func sendAll(t *testing.T, room resource, contents ...string) (ids []string) {
	t.Helper()
	for _, c := range contents {
		o := call(t, ours("SendMessage"), m{"roomIdentifier": room.arn, "userId": "bot", "content": c}).want(t, http.StatusOK)
		ids = append(ids, text(t, o, "id"))
	}
	return ids
}

// numbers returns the numbers from first to last as messages.
func numbers(first, last int) (all []string) {
	for n := first; n <= last; n++ {
		all = append(all, fmt.Sprint(n))
	}
	return all
}

// joinWith joins with a query behind the URL.
func joinWith(t *testing.T, room resource, query string, members m) *session {
	t.Helper()
	e := *subject
	e.websocket += "/?" + query
	return e.join(t, room, members)
}

// wantNext checks that the next frames are MESSAGEs with these contents, and then the room
// is quiet.
func (s *session) wantNext(t *testing.T, room resource, contents ...string) {
	t.Helper()
	for _, c := range contents {
		s.nextMessage(t, c)
	}
	s.wantQuiet(t, room)
}

func TestHistoryOnJoin(t *testing.T) {
	t.Parallel()
	checkOurs(t, "a new connection gets the latest messages as they were", func(t *testing.T) {
		room := newKept(t, "2")
		first := join(t, room, "ann", all...)
		first.say(t, "1")
		first.nextMessage(t, "1")
		first.do(t, m{"Action": "SEND_MESSAGE", "RequestId": "r", "Content": "2 \"quoted\"", "Attributes": m{"a": "1"}})
		original := first.nextMessage(t, "2 \"quoted\"")
		ids := sendAll(t, room, "3")
		first.nextMessage(t, "3")
		s := join(t, room, "bob")
		f := s.nextMessage(t, "2 \"quoted\"")
		f.wantForm(t)
		if want := strings.Replace(original.raw, `"RequestId":"r"`, `"RequestId":""`, 1); f.raw != want {
			t.Errorf("got  %s\nwant %s", f.raw, want)
		}
		if f := s.nextMessage(t, "3"); f.ID != ids[0] {
			t.Errorf("frame %s, want the Id %s", f.raw, ids[0])
		}
		s.wantQuiet(t, room)
		first.say(t, "4")
		s.nextMessage(t, "4")
	})
	checkOurs(t, "an empty room gives nothing", func(t *testing.T) {
		room := newKept(t, "10")
		join(t, room, "ann").wantQuiet(t, room)
	})
	checkOurs(t, "what was sent while the room was empty is given", func(t *testing.T) {
		room := newKept(t, "10")
		sendAll(t, room, numbers(1, 3)...)
		join(t, room, "ann").wantNext(t, room, numbers(1, 3)...)
	})
	checkOurs(t, "at most 200 are given", func(t *testing.T) {
		room := newKept(t, "200")
		sendAll(t, room, numbers(1, 205)...)
		join(t, room, "ann").wantNext(t, room, numbers(6, 205)...)
	})
	checkOurs(t, "deleted messages are not given, older ones take their place", func(t *testing.T) {
		room := newKept(t, "3")
		ids := sendAll(t, room, numbers(1, 5)...)
		call(t, "DeleteMessage", m{"roomIdentifier": room.arn, "id": ids[3]}).want(t, http.StatusOK)
		join(t, room, "ann").wantNext(t, room, "2", "3", "5")
		call(t, "DeleteMessage", m{"roomIdentifier": room.arn, "id": ids[4]}).want(t, http.StatusOK)
		join(t, room, "bob").wantNext(t, room, "1", "2", "3")
	})
	checkOurs(t, "events are not given", func(t *testing.T) {
		room := newKept(t, "10")
		sendAll(t, room, "1")
		sendEvent(t, room, "e")
		sendAll(t, room, "2")
		join(t, room, "ann").wantNext(t, room, "1", "2")
	})
	checkOurs(t, "?history=N asks for fewer or more", func(t *testing.T) {
		room := newKept(t, "2")
		sendAll(t, room, numbers(1, 5)...)
		joinWith(t, room, "history=1", m{"userId": "a"}).wantNext(t, room, "5")
		joinWith(t, room, "history=0", m{"userId": "b"}).wantNext(t, room)
		joinWith(t, room, "history=4", m{"userId": "c"}).wantNext(t, room, numbers(2, 5)...)
		joinWith(t, room, "history=200", m{"userId": "d"}).wantNext(t, room, numbers(1, 5)...)
	})
	checkOurs(t, "?history=N is for those who may read", func(t *testing.T) {
		room := newKept(t, "1", "history-read=staff")
		sendAll(t, room, numbers(1, 3)...)
		joinWith(t, room, "history=3", m{"userId": "a", "capabilities": []string{"SEND_MESSAGE"}}).wantNext(t, room, "3")
		joinWith(t, room, "history=3", m{"userId": "b", "capabilities": []string{"DELETE_MESSAGE"}}).wantNext(t, room, numbers(1, 3)...)
		nobodys := newKept(t, "1", "history-read=nobody")
		sendAll(t, nobodys, numbers(1, 3)...)
		joinWith(t, nobodys, "history=3", m{"userId": "b"}).wantNext(t, nobodys, "3")
	})
	for _, n := range []string{"abc", "-1", "201", "1.5", "99999999999"} {
		checkOurs(t, "?history="+n+" is refused and the token not spent", func(t *testing.T) {
			room := newKept(t, "1")
			token := subject.newToken(t, room, nil)
			e := *subject
			e.websocket += "/?history=" + n
			if _, err := e.dial(t, token); err == nil || !strings.Contains(err.Error(), "refused with 400") {
				t.Errorf("got %v", err)
			}
			subject.connect(t, token)
		})
	}
	checkOurs(t, "without the tag ?history=abc means nothing", func(t *testing.T) {
		room := newRoom(t, nil)
		joinWith(t, room, "history=abc", nil).wantQuiet(t, room)
	})
	checkOurs(t, "the tag is in force for a live room", func(t *testing.T) {
		room := newRoom(t, m{"maximumMessageRatePerSecond": 100})
		join(t, room, "ann")
		sendAll(t, room, "1")
		setTags(t, room, m{"confab:history": "1h", "confab:history-on-join": "10"})
		sendAll(t, room, "2", "3")
		join(t, room, "bob").wantNext(t, room, "2", "3")
		setTags(t, room, m{"confab:history": "off"})
		join(t, room, "eve").wantNext(t, room)
	})
	checkOurs(t, "a tab that is opened again, another tab and another viewer of the same user get it", func(t *testing.T) {
		room := newKept(t, "10")
		sendAll(t, room, "1")
		for range 3 {
			join(t, room, "ann").wantNext(t, room, "1")
		}
	})
	checkOurs(t, "a client that refreshes its token does not get it again", func(t *testing.T) {
		room := newKept(t, "10")
		sendAll(t, room, "1")
		ending := m{"userId": "ann", "sessionDurationInMinutes": 1}
		subject.join(t, room, ending).wantNext(t, room, "1")
		subject.join(t, room, ending).wantNext(t, room)
		subject.join(t, room, m{"userId": "bob", "sessionDurationInMinutes": 1}).wantNext(t, room, "1")
	})
}

// setTags sets tags of a room.
func setTags(t *testing.T, room resource, tags m) {
	t.Helper()
	subject.send(t, &call4{path: tagPath(room.arn), body: jsonText(t, m{"tags": tags})}).want(t, http.StatusOK)
}

// listed lists messages and returns their contents and the next page.
func listed(t *testing.T, members m) (contents []string, next any) {
	t.Helper()
	o := call(t, ours("ListMessages"), members).want(t, http.StatusOK)
	for _, message := range o["messages"].([]any) {
		contents = append(contents, message.(map[string]any)["content"].(string))
	}
	return contents, o["nextToken"]
}

func TestListMessages(t *testing.T) {
	t.Parallel()
	checkOurs(t, "lists the newest first", func(t *testing.T) {
		room := newKept(t, "0")
		s := join(t, room, "ann", all...)
		s.do(t, m{"Action": "SEND_MESSAGE", "RequestId": "r", "Content": "hello", "Attributes": m{"a": "1"}})
		f := s.nextMessage(t, "hello")
		o := call(t, ours("ListMessages"), m{"roomIdentifier": room.arn}).want(t, http.StatusOK)
		wantMembers(t, o, "messages")
		want := []any{m{
			"id": f.ID, "sendTime": f.SendTime, "content": "hello", "attributes": m{"a": "1"},
			"sender": m{"userId": "ann", "attributes": m{}},
		}}
		if diff := cmp.Diff(any(want), o["messages"]); diff != "" {
			t.Error(diff)
		}
		sendAll(t, room, "2", "3")
		if got, _ := listed(t, m{"roomIdentifier": room.arn}); !slices.Equal(got, []string{"3", "2", "hello"}) {
			t.Errorf("got %v", got)
		}
	})
	for _, order := range []string{"NEWEST_FIRST", "OLDEST_FIRST"} {
		checkOurs(t, "pages are stable while messages come in, "+order, func(t *testing.T) {
			room := newKept(t, "0")
			sendAll(t, room, numbers(1, 25)...)
			request := m{"roomIdentifier": room.arn, "order": order, "maxResults": 10}
			var got []string
			for n := 26; ; n++ {
				page, next := listed(t, request)
				got = append(got, page...)
				if next == nil {
					break
				}
				request["nextToken"] = next
				if n < 30 {
					sendAll(t, room, fmt.Sprint(n))
				}
			}
			if order == "NEWEST_FIRST" {
				slices.Reverse(got)
			}
			if len(got) < 25 || !slices.Equal(got, numbers(1, len(got))) {
				t.Errorf("got %v", got)
			}
		})
	}
	checkOurs(t, "lists the messages of one user", func(t *testing.T) {
		room := newKept(t, "0")
		s := join(t, room, "ann", all...)
		sendAll(t, room, "1")
		s.say(t, "2")
		s.nextMessage(t, "1")
		s.nextMessage(t, "2")
		if got, _ := listed(t, m{"roomIdentifier": room.arn, "senderUserId": "ann"}); !slices.Equal(got, []string{"2"}) {
			t.Errorf("got %v", got)
		}
	})
	checkOurs(t, "lists a time", func(t *testing.T) {
		room := newKept(t, "0")
		s := join(t, room, "ann")
		sendAll(t, room, numbers(1, 3)...)
		s.nextMessage(t, "1")
		second, third := s.nextMessage(t, "2"), s.nextMessage(t, "3")
		if got, _ := listed(t, m{"roomIdentifier": room.arn, "startTime": second.SendTime, "endTime": third.SendTime}); !slices.Equal(got, []string{"2"}) {
			t.Errorf("got %v", got)
		}
	})
	checkOurs(t, "lists deleted messages only if asked", func(t *testing.T) {
		room := newKept(t, "0")
		ids := sendAll(t, room, "1", "2")
		call(t, "DeleteMessage", m{"roomIdentifier": room.arn, "id": ids[0], "reason": "spam"}).want(t, http.StatusOK)
		if got, _ := listed(t, m{"roomIdentifier": room.arn}); !slices.Equal(got, []string{"2"}) {
			t.Errorf("got %v", got)
		}
		o := call(t, ours("ListMessages"), m{"roomIdentifier": room.arn, "includeDeleted": true, "order": "OLDEST_FIRST"}).want(t, http.StatusOK)
		first := o["messages"].([]any)[0].(map[string]any)
		if first["content"] != "1" || first["reason"] != "spam" || first["deletedTime"] == nil || first["deletedBy"] == nil {
			t.Errorf("got %v", first)
		}
	})
	checkOurs(t, "a room without history has none", func(t *testing.T) {
		room := newRoom(t, nil)
		sendAll(t, room, "1")
		if got, next := listed(t, m{"roomIdentifier": room.arn}); len(got) != 0 || next != nil {
			t.Errorf("got %v, %v", got, next)
		}
	})
	checkOurs(t, "refuses the page of another room, and of another request", func(t *testing.T) {
		room, other := newKept(t, "0"), newKept(t, "0")
		for _, r := range []resource{room, other} {
			sendAll(t, r, "1", "2")
		}
		_, next := listed(t, m{"roomIdentifier": room.arn, "maxResults": 1})
		call(t, ours("ListMessages"), m{"roomIdentifier": other.arn, "nextToken": next}).wantInvalid(t, "nextToken")
		call(t, ours("ListMessages"), m{"roomIdentifier": room.arn, "nextToken": next, "order": "OLDEST_FIRST"}).wantInvalid(t, "nextToken")
		call(t, ours("ListMessages"), m{"roomIdentifier": room.arn, "nextToken": "x"}).wantInvalid(t, "nextToken")
	})
	for member, value := range map[string]any{
		"maxResults": 201, "order": "newest", "startTime": "yesterday", "senderUserId": "", "endTime": "2026-01-01",
	} {
		checkOurs(t, "refuses a wrong "+member, func(t *testing.T) {
			call(t, ours("ListMessages"), m{"roomIdentifier": newKept(t, "0").arn, member: value}).wantInvalid(t, member)
		})
	}
	checkOurs(t, "a time far away stands for ever", func(t *testing.T) {
		room := newKept(t, "0")
		sendAll(t, room, "1")
		for _, members := range []m{{"endTime": "9999-12-31T23:59:59Z"}, {"startTime": "0001-01-01T00:00:00Z"}, {"startTime": "1600-01-01T00:00:00Z"}} {
			members["roomIdentifier"] = room.arn
			if got, _ := listed(t, members); !slices.Equal(got, []string{"1"}) {
				t.Errorf("%v: got %v", members, got)
			}
		}
		if got, _ := listed(t, m{"roomIdentifier": room.arn, "startTime": "9999-12-31T23:59:59Z"}); len(got) != 0 {
			t.Errorf("got %v", got)
		}
	})
	checkOurs(t, "refuses a time that ends before it begins", func(t *testing.T) {
		call(t, ours("ListMessages"), m{
			"roomIdentifier": newKept(t, "0").arn, "startTime": "2026-01-02T00:00:00Z", "endTime": "2026-01-01T00:00:00Z",
		}).wantInvalid(t, "endTime")
	})
	checkOurs(t, "a chat token with DELETE_MESSAGE stands for the signature", func(t *testing.T) {
		room, other := newKept(t, "0"), newKept(t, "0")
		sendAll(t, room, "1")
		ask := func(room resource, token string, members m) *reply {
			members["roomIdentifier"] = room.arn
			return subject.send(t, &call4{
				path: "/" + ours("ListMessages"), body: jsonText(t, members), unsigned: true,
				header: http.Header{"Authorization": {"Bearer " + token}},
			})
		}
		staff := subject.newToken(t, room, m{"capabilities": []string{"DELETE_MESSAGE"}})
		ask(room, staff, m{}).want(t, http.StatusOK)
		ask(room, staff, m{"includeDeleted": true}).wantError(t, "AccessDeniedException", http.StatusForbidden)
		ask(other, staff, m{}).wantError(t, "AccessDeniedException", http.StatusForbidden)
		ask(room, subject.newToken(t, room, m{"capabilities": []string{"SEND_MESSAGE"}}), m{}).wantError(t, "AccessDeniedException", http.StatusForbidden)
		if r := ask(room, "nonsense", m{}); r.status != http.StatusForbidden {
			t.Errorf("got %d %s", r.status, r.body)
		}
	})
}

func TestGetRoomMessages(t *testing.T) {
	t.Parallel()
	ask := func(t *testing.T, room resource, token, query string) *reply {
		t.Helper()
		header := http.Header{}
		if token != "" {
			header.Set("Authorization", "Bearer "+token)
		}
		return subject.send(t, &call4{method: http.MethodGet, path: "/_confab/v1/rooms/" + room.id + "/messages", query: query, unsigned: true, header: header})
	}
	checkOurs(t, "messages of a hidden user: joins and pages of the user, and includeHidden, have them", func(t *testing.T) {
		room := newKept(t, "10")
		newBan(t, room, m{"userId": "troll", "type": "HIDE"})
		troll := joinWith(t, room, "", m{"userId": "troll"})
		sendAll(t, room, "1")
		troll.nextMessage(t, "1")
		troll.say(t, "hidden")
		id := troll.nextMessage(t, "hidden").ID
		sendAll(t, room, "2")
		troll.nextMessage(t, "2")
		joinWith(t, room, "", m{"userId": "troll"}).wantNext(t, room, "1", "hidden", "2")
		joinWith(t, room, "", m{"userId": "ann"}).wantNext(t, room, "1", "2")
		for user, want := range map[string]bool{"troll": true, "ann": false} {
			r := ask(t, room, subject.newToken(t, room, m{"userId": user}), "")
			if r.want(t, http.StatusOK); strings.Contains(string(r.body), "hidden") != want {
				t.Errorf("%s reads %s", user, r.body)
			}
		}
		if got, _ := listed(t, m{"roomIdentifier": room.arn, "order": "OLDEST_FIRST"}); !slices.Equal(got, []string{"1", "2"}) {
			t.Errorf("listed: %q", got)
		}
		o := call(t, ours("ListMessages"), m{"roomIdentifier": room.arn, "order": "OLDEST_FIRST", "includeHidden": true}).want(t, http.StatusOK)
		var hidden []string
		for _, v := range o["messages"].([]any) {
			if message := v.(map[string]any); message["hidden"] == true {
				hidden = append(hidden, message["content"].(string))
			}
		}
		if !slices.Equal(hidden, []string{"hidden"}) || len(o["messages"].([]any)) != 3 {
			t.Errorf("with includeHidden: %v", o)
		}
		ann, again := joinWith(t, room, "", m{"userId": "ann"}), joinWith(t, room, "", m{"userId": "troll"})
		ann.nextMessage(t, "1")
		ann.nextMessage(t, "2")
		for _, content := range []string{"1", "hidden", "2"} {
			again.nextMessage(t, content)
		}
		call(t, ours("DeleteUserMessages"), m{"roomIdentifier": room.arn, "userId": "troll"}).want(t, http.StatusOK)
		if f := again.nextEvent(t, "aws:DELETE_MESSAGE"); f.Attributes["MessageID"] != id {
			t.Errorf("got %s", f.raw)
		}
		ann.wantQuiet(t, room)
		joinWith(t, room, "", m{"userId": "troll"}).wantNext(t, room, "1", "2")
	})
	checkOurs(t, "a browser reads pages with a chat token, used or not", func(t *testing.T) {
		room := newKept(t, "0")
		s := join(t, room, "ann", all...)
		s.do(t, m{"Action": "SEND_MESSAGE", "RequestId": "r", "Content": "1"})
		original := s.nextMessage(t, "1")
		sendAll(t, room, "2", "3")
		token := subject.newToken(t, room, nil)
		r := ask(t, room, token, "limit=2")
		o := r.want(t, http.StatusOK)
		wantMembers(t, o, "Messages", "Before")
		if r.header.Get("Cache-Control") != "no-store" || r.header.Get("Access-Control-Allow-Origin") == "" {
			t.Errorf("header %v", r.header)
		}
		subject.connect(t, token)
		before := text(t, o, "Before")
		r = ask(t, room, token, "limit=2&before="+before)
		if want := `"Messages":[` + original.raw + `]`; !strings.Contains(string(r.body), want) {
			t.Errorf("got %s, want %s", r.body, want)
		}
	})
	checkOurs(t, "it is held to the tag history-read", func(t *testing.T) {
		for read, want := range map[string][2]int{"all": {200, 200}, "staff": {403, 200}, "nobody": {403, 403}} {
			room := newKept(t, "0", "history-read="+read)
			viewer, staff := subject.newToken(t, room, m{"capabilities": []string{}}), subject.newToken(t, room, m{"capabilities": []string{"DISCONNECT_USER"}})
			if got := [2]int{ask(t, room, viewer, "").status, ask(t, room, staff, "").status}; got != want {
				t.Errorf("%s: got %v, want %v", read, got, want)
			}
		}
	})
	checkOurs(t, "it refuses a token of another room, none, and wrong parameters", func(t *testing.T) {
		room, other := newKept(t, "0"), newKept(t, "0")
		token := subject.newToken(t, room, m{"userId": "bad"})
		ask(t, other, token, "").wantError(t, "AccessDeniedException", http.StatusForbidden)
		ask(t, room, "", "").wantError(t, "MissingAuthenticationTokenException", http.StatusForbidden)
		ask(t, room, token, "limit=201").wantInvalid(t, "limit")
		ask(t, room, token, "before=x").wantInvalid(t, "before")
		for _, r := range []resource{room, other} {
			sendAll(t, r, "1", "2")
		}
		before := text(t, ask(t, other, subject.newToken(t, other, nil), "limit=1").want(t, http.StatusOK), "Before")
		ask(t, room, token, "limit=1&before="+before).wantInvalid(t, "before")
	})
	checkOurs(t, "not after its user was disconnected", func(t *testing.T) {
		room := newKept(t, "0")
		token := subject.newToken(t, room, m{"userId": "bad"})
		ask(t, room, token, "").want(t, http.StatusOK)
		call(t, "DisconnectUser", m{"roomIdentifier": room.arn, "userId": "bad"}).want(t, http.StatusOK)
		if r := ask(t, room, token, ""); r.status != http.StatusForbidden {
			t.Errorf("got %d %s", r.status, r.body)
		}
		ask(t, room, subject.newToken(t, room, m{"userId": "bad"}), "").want(t, http.StatusOK)
		ask(t, room, subject.newToken(t, room, m{"userId": "good"}), "").want(t, http.StatusOK)
	})
	checkOurs(t, "not after its user was banned, also when the ban is lifted", func(t *testing.T) {
		room := newKept(t, "0")
		token := subject.newToken(t, room, m{"userId": "bad"})
		ask(t, room, token, "").want(t, http.StatusOK)
		ban := newBan(t, room, m{"userId": "bad", "type": "BAN"})
		if r := ask(t, room, token, ""); r.status != http.StatusForbidden {
			t.Errorf("during the ban: %d %s", r.status, r.body)
		}
		call(t, ours("DeleteBan"), m{"id": ban["id"]}).want(t, http.StatusOK)
		if r := ask(t, room, token, ""); r.status != http.StatusForbidden {
			t.Errorf("after the ban: %d %s", r.status, r.body)
		}
		ask(t, room, subject.newToken(t, room, m{"userId": "bad"}), "").want(t, http.StatusOK)
	})
	checkOurs(t, "five requests a second are allowed", func(t *testing.T) {
		room := newKept(t, "0")
		token := subject.newToken(t, room, m{"userId": "fast"})
		// All at once: a slow machine needs seconds for one after the other.
		statuses := make(chan int)
		for range 20 {
			go func() { statuses <- ask(t, room, token, "").status }()
		}
		count := map[int]int{}
		for range 20 {
			count[<-statuses]++
		}
		if count[http.StatusTooManyRequests] == 0 || count[http.StatusOK] == 0 {
			t.Errorf("the answers of 20 requests: %v", count)
		}
	})
}
