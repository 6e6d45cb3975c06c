package conformance

import (
	"maps"
	"net/http"
	"strings"
	"testing"
)

// newWebhook makes a webhook of a room, whose endpoint is never called.
func newWebhook(t *testing.T, room resource, members m) m {
	t.Helper()
	request := m{"name": "app", "url": "https://webhook.invalid/", "events": []string{"moderation.ban.deleted"}, "roomIdentifiers": []string{room.arn}}
	maps.Copy(request, members)
	return call(t, ours("CreateWebhook"), request).want(t, http.StatusOK)
}

func TestWebhooks(t *testing.T) {
	t.Parallel()
	checkOurs(t, "only the answers of CreateWebhook and RotateWebhookSecret show the secret", func(t *testing.T) {
		room := newRoom(t, nil)
		o := newWebhook(t, room, nil)
		wantMembers(t, o, "createTime", "events", "id", "name", "roomArns", "secret", "state", "updateTime", "url")
		id := m{"id": o["id"]}
		shown := call(t, ours("GetWebhook"), id).want(t, http.StatusOK)
		wantMembers(t, shown, "createTime", "events", "id", "name", "roomArns", "state", "updateTime", "url")
		rotated := call(t, ours("RotateWebhookSecret"), id).want(t, http.StatusOK)
		if s := text(t, rotated, "secret"); !strings.HasPrefix(s, "whsec_") || s == o["secret"] {
			t.Errorf("got %s", s)
		}
		if strings.Contains(string(call(t, ours("ListWebhooks"), m{"maxResults": 200}).body), "whsec_") {
			t.Error("the list shows secrets")
		}
	})
	checkOurs(t, "UpdateWebhook changes only what it names", func(t *testing.T) {
		room := newRoom(t, nil)
		o := newWebhook(t, room, nil)
		got := call(t, ours("UpdateWebhook"), m{"id": o["id"], "state": "PAUSED", "name": "new"}).want(t, http.StatusOK)
		if got["state"] != "PAUSED" || got["name"] != "new" || got["url"] != o["url"] || got["roomArns"].([]any)[0] != room.arn {
			t.Errorf("got %v", got)
		}
		got = call(t, ours("UpdateWebhook"), m{"id": o["id"], "state": "ACTIVE", "roomTag": m{"key": "kind", "value": "live"}}).want(t, http.StatusOK)
		if got["state"] != "ACTIVE" || got["roomArns"] != nil || got["roomTag"].(m)["value"] != "live" {
			t.Errorf("got %v", got)
		}
		got = call(t, ours("UpdateWebhook"), m{"id": o["id"], "roomIdentifiers": []string{}}).want(t, http.StatusOK)
		if got["roomArns"] != nil || got["roomTag"] != nil {
			t.Errorf("a webhook of every room: got %v", got)
		}
	})
	checkOurs(t, "a webhook that cannot be is refused by the name of the member", func(t *testing.T) {
		room := newRoom(t, nil)
		good := m{"name": "app", "url": "https://webhook.invalid/", "events": []string{"message.sent"}, "roomIdentifiers": []string{room.arn}}
		for field, values := range map[string][]any{
			"name": {nil, "", "a\nb", strings.Repeat("x", 65)},
			"url": {
				nil, "", "http://example.com/", "ftp://example.com/", "https://user:secret@example.com/", "https://example.com/#x", "example.com",
				"https://169.254.169.254/", "https://10.0.0.1/", "https://[::1]/", "https://[::ffff:10.0.0.1]/", "https://[64:ff9b::a00:1]/",
			},
			"events":          {nil, []string{}, []string{"message.seen"}},
			"roomIdentifiers": {[]string{}, []string{"room"}},
			"roomTag":         {m{"key": "kind", "value": "live"}},
		} {
			for _, value := range values {
				in := maps.Clone(good)
				if in[field] = value; value == nil {
					delete(in, field)
				}
				call(t, ours("CreateWebhook"), in).wantInvalid(t, field)
			}
		}
		delete(good, "roomIdentifiers")
		for field, tags := range map[string][]m{
			"key":   {{"value": "live"}, {"key": "", "value": "live"}, {"key": letters(129), "value": "live"}},
			"value": {{"key": "kind"}, {"key": "kind", "value": letters(257)}},
		} {
			for _, tag := range tags {
				in := maps.Clone(good)
				in["roomTag"] = tag
				call(t, ours("CreateWebhook"), in).wantInvalid(t, field)
			}
		}
	})
	checkOurs(t, "a name of the server's own network is not called", func(t *testing.T) {
		room := newRoom(t, nil)
		for _, host := range []string{"localhost", "0x7f.1", "2130706433"} {
			hook := newWebhook(t, room, m{"url": "https://" + host + "/"})
			o := call(t, ours("TestWebhook"), m{"id": hook["id"]}).want(t, http.StatusOK)
			refused := strings.Contains(text(t, o, "error"), "must have a public address")
			if host == "localhost" && !refused || o["statusCode"] != nil {
				t.Errorf("%s: got %v", host, o)
			}
		}
	})
	checkOurs(t, "a webhook or a room that does not exist is not found", func(t *testing.T) {
		for _, operation := range []string{"GetWebhook", "UpdateWebhook", "DeleteWebhook", "TestWebhook", "RotateWebhookSecret"} {
			call(t, ours(operation), m{"id": "AbCdEfGhIjKl"}).wantNotFound(t, "WEBHOOK", "AbCdEfGhIjKl")
		}
		absent := newRoom(t, nil).arn
		absent = absent[:strings.LastIndexByte(absent, '/')] + "/AbCdEfGhIjKl"
		call(t, ours("CreateWebhook"), m{"name": "app", "url": "https://webhook.invalid/", "events": []string{"message.sent"}, "roomIdentifiers": []string{absent}}).
			wantNotFound(t, "ROOM", "AbCdEfGhIjKl")
	})
	checkOurs(t, "ListWebhooks has each once, over pages, the newest first", func(t *testing.T) {
		room := newRoom(t, nil)
		first, second := newWebhook(t, room, nil), newWebhook(t, room, nil)
		var ids []any
		for in := (m{"maxResults": 1}); ; {
			page := call(t, ours("ListWebhooks"), in).want(t, http.StatusOK)
			for _, h := range page["webhooks"].([]any) {
				if id := h.(m)["id"]; id == first["id"] || id == second["id"] {
					ids = append(ids, id)
				}
			}
			if page["nextToken"] == nil {
				break
			}
			in["nextToken"] = page["nextToken"]
		}
		if len(ids) != 2 || ids[0] != second["id"] || ids[1] != first["id"] {
			t.Errorf("got %v", ids)
		}
		call(t, ours("ListWebhooks"), m{"nextToken": "x"}).wantInvalid(t, "nextToken")
	})
	checkOurs(t, "who may use one room has no webhook of others, and does not learn of them", func(t *testing.T) {
		if own == nil {
			t.Skip("it makes credentials with the server's own command")
		}
		room, other := newRoom(t, nil), newRoom(t, nil)
		c := newCaller(t, `{"Effect":"Allow","Action":"confab:*","Resource":"`+room.arn+`"}`)
		in := m{"name": "app", "url": "https://webhook.invalid/", "events": []string{"room.deleted"}, "roomIdentifiers": []string{room.arn}}
		o := c.do(t, ours("CreateWebhook"), in).want(t, http.StatusOK)
		c.do(t, ours("GetWebhook"), m{"id": o["id"]}).want(t, http.StatusOK)
		denied := func(operation string, in m) {
			t.Helper()
			c.do(t, ours(operation), in).wantError(t, "AccessDeniedException", http.StatusForbidden)
		}
		for _, rooms := range [][]string{{other.arn}, {room.arn, other.arn}} {
			in["roomIdentifiers"] = rooms
			denied("CreateWebhook", in)
			denied("UpdateWebhook", m{"id": o["id"], "roomIdentifiers": rooms})
		}
		denied("UpdateWebhook", m{"id": o["id"], "roomIdentifiers": []string{}})
		delete(in, "roomIdentifiers")
		denied("CreateWebhook", in)
		in["roomTag"] = m{"key": "kind", "value": "live"}
		denied("CreateWebhook", in)
		denied("ListWebhooks", m{})
		theirs := newWebhook(t, other, nil)
		for _, id := range []any{theirs["id"], "AbCdEfGhIjKl"} {
			for _, operation := range []string{"GetWebhook", "UpdateWebhook", "DeleteWebhook", "TestWebhook", "RotateWebhookSecret"} {
				denied(operation, m{"id": id})
			}
		}
		c.do(t, ours("DeleteWebhook"), m{"id": o["id"]}).want(t, http.StatusOK)
	})
}
