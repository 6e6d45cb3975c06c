package conformance

import (
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"
)

// newFilter puts a content filter of the room.
func newFilter(t *testing.T, room resource, action string, members m) m {
	t.Helper()
	request := m{"roomIdentifier": room.arn, "name": "filter-" + strings.ToLower(action), "action": action}
	maps.Copy(request, members)
	return call(t, ours("PutContentFilter"), request).want(t, http.StatusOK)
}

func TestContentFilters(t *testing.T) {
	t.Parallel()
	checkOurs(t, "each action, for those who are no staff", func(t *testing.T) {
		room := newRoom(t, nil)
		newFilter(t, room, "DENY", m{"terms": []string{"idiot"}, "message": "Be kind"})
		newFilter(t, room, "MASK", m{"expressions": []string{`\d{4}`}})
		newFilter(t, room, "HIDE", m{"terms": []string{"scam*"}})
		newFilter(t, room, "FLAG", m{"terms": []string{"odd"}})
		ann, again, bob := join(t, room, "ann", "SEND_MESSAGE"), join(t, room, "ann"), join(t, room, "bob", all...)
		ann.say(t, "you і.d.1.o.t")
		f := ann.nextError(t, 406)
		if f.wantForm(t); f.ErrorMessage != "Be kind" {
			t.Errorf("got %s", f.raw)
		}
		ann.say(t, "Scammers!")
		ann.nextMessage(t, "Scammers!")
		again.nextMessage(t, "Scammers!")
		ann.say(t, "call 5551234 now")
		for _, s := range []*session{ann, again, bob} {
			s.nextMessage(t, "call ****234 now")
		}
		ann.say(t, "odd")
		bob.nextMessage(t, "odd")
		bob.say(t, "idiot") // A moderator may.
		bob.nextMessage(t, "idiot")
	})
	checkOurs(t, "filters change under live traffic", func(t *testing.T) {
		room := newRoom(t, nil)
		ann := join(t, room, "ann", "SEND_MESSAGE")
		newFilter(t, room, "DENY", m{"name": "words", "terms": []string{"first"}})
		ann.say(t, "first")
		ann.nextError(t, 406)
		newFilter(t, room, "DENY", m{"name": "words", "terms": []string{"second"}})
		ann.say(t, "first")
		ann.nextMessage(t, "first")
		ann.say(t, "second")
		ann.nextError(t, 406)
		call(t, ours("DeleteContentFilter"), m{"roomIdentifier": room.arn, "name": "words"}).want(t, http.StatusOK)
		ann.say(t, "second")
		ann.nextMessage(t, "second")
		call(t, ours("GetContentFilter"), m{"roomIdentifier": room.arn, "name": "words"}).wantNotFound(t, "CONTENT_FILTER", "words")
	})
	checkOurs(t, "TestContentFilter explains each hit", func(t *testing.T) {
		room := newRoom(t, nil)
		newFilter(t, room, "MASK", m{"name": "words", "terms": []string{"bad"}, "expressions": []string{`d\S*y`}})
		got := call(t, ours("TestContentFilter"), m{"roomIdentifier": room.arn, "content": "😀 b.a.d day"}).want(t, http.StatusOK)
		if got["action"] != "MASK" || got["content"] != "😀 ***** ***" || got["message"] != nil {
			t.Errorf("got %v", got)
		}
		matches := got["matches"].([]any)
		if len(matches) != 2 {
			t.Fatalf("got %v", matches)
		}
		if first := matches[0].(map[string]any); first["filter"] != "words" || first["rule"] != "bad" || first["start"] != 2.0 || first["end"] != 7.0 {
			t.Errorf("got %v", first)
		}
		got = call(t, ours("TestContentFilter"), m{"roomIdentifier": room.arn, "content": "hello"}).want(t, http.StatusOK)
		if got["action"] != "ALLOW" || got["content"] != "hello" || len(got["matches"].([]any)) != 0 {
			t.Errorf("got %v", got)
		}
	})
	checkOurs(t, "what is wrong says what is allowed", func(t *testing.T) {
		room := newRoom(t, nil)
		tooMany := make([]string, 10_001)
		for i := range tooMany {
			tooMany[i] = "idiot"
		}
		for want, members := range map[string]m{
			"or expressions is required":          {},
			"must have from 0 to 10000 items":     {"terms": tooMany},
			"would match every message":           {"terms": []string{"ok", "*"}},
			"must have 1 to 100 characters":       {"terms": []string{strings.Repeat("x", 101)}},
			"is no expression of RE2":             {"expressions": []string{"(?=x)"}},
			"is too large: it compiles to":        {"expressions": []string{`(?:[a-z]+\d){900}`}},
			"together they compile to more than":  {"expressions": slices.Repeat([]string{`[a-z]{40}!`}, 100)},
			"must have from 0 to 100 items":       {"expressions": slices.Repeat([]string{"x"}, 101)},
			"matches the empty text":              {"expressions": []string{"x*"}},
			"must be one of DENY, MASK":           {"terms": []string{"x"}, "action": "DROP"},
			"must have letters, digits, - and _ ": {"terms": []string{"x"}, "name": "a b"},
		} {
			request := m{"roomIdentifier": room.arn, "name": "wrong", "action": "DENY"}
			maps.Copy(request, members)
			r := call(t, ours("PutContentFilter"), request)
			if r.status != http.StatusBadRequest || !strings.Contains(string(r.body), want) {
				t.Errorf("%s: got %d %.300s", want, r.status, r.body)
			}
		}
		if filters := call(t, ours("ListContentFilters"), m{"roomIdentifier": room.arn}).want(t, http.StatusOK)["filters"].([]any); len(filters) != 0 {
			t.Errorf("got %v", filters)
		}
	})
	checkOurs(t, "10,000 terms of 100 characters are one filter", func(t *testing.T) {
		room := newRoom(t, nil)
		terms := make([]string, 10_000)
		for i := range terms {
			terms[i] = strings.Repeat(string(rune('a'+i%26)), 99-i/26%90) + string(rune('a'+i/2600))
		}
		put := newFilter(t, room, "DENY", m{"name": "many", "terms": terms})
		if got := len(put["terms"].([]any)); got != len(terms) {
			t.Errorf("got %d terms", got)
		}
		listed := call(t, ours("ListContentFilters"), m{"roomIdentifier": room.arn}).want(t, http.StatusOK)["filters"].([]any)
		if f := listed[0].(map[string]any); f["termCount"] != 10_000.0 || f["expressionCount"] != 0.0 || f["terms"] != nil {
			t.Errorf("got %v", f)
		}
	})
}
