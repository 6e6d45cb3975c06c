package conformance

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// traced returns what came of the messages in a room, the newest first, each as its user,
// result, rule, code and deliveries.
func traced(t *testing.T, room resource, members m) (all []string) {
	t.Helper()
	members["roomIdentifier"] = room.arn
	for _, v := range call(t, ours("ListMessageTraces"), members).want(t, http.StatusOK)["traces"].([]any) {
		o := v.(map[string]any)
		rule, _ := o["rule"].(string)
		code, _ := o["errorCode"].(float64)
		all = append(all, fmt.Sprintf("%s %s %s %v %v", o["userId"], o["result"], rule, code, o["deliveries"]))
	}
	return all
}

func TestMessageTraces(t *testing.T) {
	t.Parallel()
	checkOurs(t, "each message is traced once, with what decided", func(t *testing.T) {
		room := newRoom(t, nil)
		newFilter(t, room, "DENY", m{"name": "insults", "terms": []string{"idiot"}})
		newFilter(t, room, "MASK", m{"name": "numbers", "expressions": []string{`\d{4}`}})
		newFilter(t, room, "HIDE", m{"name": "spam", "terms": []string{"scam"}})
		newBan(t, room, m{"userId": "loud", "type": "MUTE"})
		ann, bob, loud := join(t, room, "ann", "SEND_MESSAGE"), join(t, room, "bob"), join(t, room, "loud", "SEND_MESSAGE")
		ann.say(t, "hello")
		ann.nextMessage(t, "hello")
		ann.say(t, "idiot")
		ann.nextError(t, 406)
		ann.say(t, "call 5551234")
		ann.nextMessage(t, "call ****234")
		ann.say(t, "scam")
		ann.nextMessage(t, "scam")
		bob.say(t, "hello")
		bob.nextMessage(t, "hello")
		bob.nextMessage(t, "call ****234")
		bob.nextError(t, 403)
		loud.say(t, "hello")
		loud.nextMessage(t, "hello")
		loud.nextMessage(t, "call ****234")
		loud.nextError(t, 403)
		ann.say(t, strings.Repeat("x", 501))
		ann.nextError(t, 400)
		ann.do(t, m{"Action": "SEND_MESSAGE", "Content": "hello", "Attributes": "none"})
		ann.nextError(t, 400)
		want := []string{
			"ann REFUSED frame 400 0", "ann REFUSED length 400 0", "loud REFUSED mute 403 0", "bob REFUSED capability 403 0",
			"ann HIDDEN filter:spam 0 1", "ann CHANGED filter:numbers 0 3", "ann REFUSED filter:insults 406 0", "ann DELIVERED  0 3",
		}
		if d := cmp.Diff(want, traced(t, room, m{})); d != "" {
			t.Error(d)
		}
		if d := cmp.Diff(want[2:3], traced(t, room, m{"userId": "loud", "result": "REFUSED"})); d != "" {
			t.Error(d)
		}
	})
	checkOurs(t, "a trace has these members, and no content", func(t *testing.T) {
		room := newRoom(t, nil)
		ann := join(t, room, "ann", all...)
		ann.say(t, "hello")
		f := ann.nextMessage(t, "hello")
		reply := call(t, ours("ListMessageTraces"), m{"roomIdentifier": room.arn})
		o := reply.want(t, http.StatusOK)["traces"].([]any)[0].(map[string]any)
		wantMembers(t, o, "deliveries", "messageId", "milliseconds", "node", "result", "time", "userId")
		wantMembers(t, o["milliseconds"].(map[string]any), "filter", "publish", "review", "total", "transcript")
		if instant(t, o, "time"); o["messageId"] != f.ID || strings.Contains(jsonText(t, o), "hello") {
			t.Errorf("got %v, want the message %s", o, f.ID)
		}
	})
	checkOurs(t, "pages, and what they refuse", func(t *testing.T) {
		room := newRoom(t, nil)
		for range 3 {
			call(t, ours("SendMessage"), m{"roomIdentifier": room.arn, "userId": "bot", "content": "hello"}).want(t, http.StatusOK)
		}
		page := call(t, ours("ListMessageTraces"), m{"roomIdentifier": room.arn, "maxResults": 2}).want(t, http.StatusOK)
		if n := len(page["traces"].([]any)); n != 2 {
			t.Errorf("the first page has %d", n)
		}
		if rest := traced(t, room, m{"maxResults": 2, "nextToken": page["nextToken"]}); len(rest) != 1 {
			t.Errorf("the second page has %v", rest)
		}
		for field, members := range map[string]m{"result": {"result": "GONE"}, "maxResults": {"maxResults": 201}, "nextToken": {"nextToken": "x"}} {
			members["roomIdentifier"] = room.arn
			call(t, ours("ListMessageTraces"), members).wantInvalid(t, field)
		}
		other := newRoom(t, nil)
		call(t, ours("ListMessageTraces"), m{"roomIdentifier": other.arn, "nextToken": page["nextToken"]}).wantInvalid(t, "nextToken")
	})
	checkOurs(t, "the chat token of a moderator stands for the signature", func(t *testing.T) {
		room := newRoom(t, nil)
		for _, capability := range []string{"DELETE_MESSAGE", "DISCONNECT_USER"} {
			token := subject.newToken(t, room, m{"userId": capability, "capabilities": []string{capability}})
			subject.withToken(t, token, "ListMessageTraces", m{"roomIdentifier": room.arn}).want(t, http.StatusOK)
			subject.withToken(t, token, "ListMessageTraces", m{"roomIdentifier": newRoom(t, nil).arn}).wantError(t, "AccessDeniedException", http.StatusForbidden)
		}
		token := subject.newToken(t, room, m{"userId": "ann", "capabilities": []string{"SEND_MESSAGE"}})
		subject.withToken(t, token, "ListMessageTraces", m{"roomIdentifier": room.arn}).wantError(t, "AccessDeniedException", http.StatusForbidden)
	})
	checkOurs(t, "EraseUser removes the traces of a user", func(t *testing.T) {
		room := newRoom(t, nil)
		for _, user := range []string{"ann", "bob"} {
			call(t, ours("SendMessage"), m{"roomIdentifier": room.arn, "userId": user, "content": "hello"}).want(t, http.StatusOK)
		}
		for call(t, ours("EraseUser"), m{"userId": "ann", "roomIdentifier": room.arn}).want(t, http.StatusOK)["status"] != "DONE" {
		}
		if got := traced(t, room, m{}); len(got) != 1 || !strings.HasPrefix(got[0], "bob ") {
			t.Errorf("got %v", got)
		}
	})
}
