package conformance

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"
)

func TestCreateRoom(t *testing.T) {
	t.Parallel()
	check(t, "a room without members has the defaults and no others", func(t *testing.T) {
		o := call(t, "CreateRoom", m{}).want(t, http.StatusOK)
		for _, optional := range []string{"messageReviewHandler", "loggingConfigurationIdentifiers"} {
			if v, there := o[optional]; there {
				t.Errorf("%s is there though never given: %v", optional, v)
			}
		}
		delete(o, "name") // Either is fine: SDKs take both.
		wantMembers(t, o, "arn", "id", "createTime", "updateTime", "maximumMessageLength", "maximumMessageRatePerSecond", "tags")
		wantValue(t, o, "maximumMessageLength", 500.0)
		wantValue(t, o, "maximumMessageRatePerSecond", 10.0)
		wantValue(t, o, "tags", m{})
	})
	check(t, "every member comes back", func(t *testing.T) {
		logging := newLogging(t, nil)
		given := m{
			"name": "Full-room_1", "maximumMessageLength": 7.0, "maximumMessageRatePerSecond": 99.0,
			"messageReviewHandler":            m{"uri": lambda, "fallbackResult": "DENY"},
			"tags":                            m{"team": "chat", "Empty": ""},
			"loggingConfigurationIdentifiers": []any{logging.arn},
		}
		o := call(t, "CreateRoom", given).want(t, http.StatusOK)
		for member, v := range given {
			wantValue(t, o, member, v)
		}
		wantMembers(t, o, "arn", "id", "name", "createTime", "updateTime", "maximumMessageLength",
			"maximumMessageRatePerSecond", "messageReviewHandler", "tags", "loggingConfigurationIdentifiers")
		call(t, "DeleteRoom", m{"identifier": o["arn"]}).want(t, http.StatusNoContent) // The logging configuration goes next.
	})
	check(t, "the id is 12 letters and digits and ends the ARN", func(t *testing.T) {
		room := newRoom(t, nil)
		if !idForm.MatchString(room.id) {
			t.Errorf("id %q", room.id)
		}
		if want := roomARN(room.id); room.arn != want {
			t.Errorf("arn %s, want %s", room.arn, want)
		}
	})
	check(t, "two rooms may have one name", func(t *testing.T) {
		a, b := newRoom(t, m{"name": "twin"}), newRoom(t, m{"name": "twin"})
		if a.id == b.id {
			t.Error("one id for two rooms")
		}
	})
	check(t, "times are strings with a fraction and close to now", func(t *testing.T) {
		o := call(t, "CreateRoom", m{}).want(t, http.StatusOK)
		c, u := instant(t, o, "createTime"), instant(t, o, "updateTime")
		if age := time.Since(c); age > time.Minute || age < -time.Minute {
			t.Errorf("createTime is %s ago", age)
		}
		if d := u.Sub(c); d < 0 || d > time.Second {
			t.Errorf("updateTime is %s after createTime", d)
		}
	})
	check(t, "the fallback result is ALLOW unless given", func(t *testing.T) {
		o := call(t, "CreateRoom", m{"messageReviewHandler": m{"uri": lambda}}).want(t, http.StatusOK)
		wantValue(t, o, "messageReviewHandler", m{"uri": lambda, "fallbackResult": "ALLOW"})
	})
	check(t, "unknown members are ignored", func(t *testing.T) {
		call(t, "CreateRoom", m{"colour": "blue", "nested": m{"x": []int{1}}}).want(t, http.StatusOK)
	})
	check(t, "members in another case are unknown", func(t *testing.T) {
		o := call(t, "CreateRoom", m{"MaximumMessageLength": 3, "Name": "x"}).want(t, http.StatusOK)
		wantValue(t, o, "maximumMessageLength", 500.0)
	})
	check(t, "several bad members are all named", func(t *testing.T) {
		r := call(t, "CreateRoom", m{"name": "a b", "maximumMessageLength": 0})
		r.wantInvalid(t, "name")
		r.wantInvalid(t, "maximumMessageLength")
	})
	check(t, "a refused room is not made", func(t *testing.T) {
		name := unique(t)
		call(t, "CreateRoom", m{"name": name, "maximumMessageLength": 501}).wantInvalid(t, "maximumMessageLength")
		wantValue(t, call(t, "ListRooms", m{"name": name}).want(t, http.StatusOK), "rooms", []any{})
	})
	check(t, "three logging configurations keep their order", func(t *testing.T) {
		a, b, c := newLogging(t, nil), newLogging(t, nil), newLogging(t, nil)
		given := []any{c.arn, a.arn, b.arn}
		room := newRoom(t, m{"loggingConfigurationIdentifiers": given})
		wantValue(t, get(t, room), "loggingConfigurationIdentifiers", given)
	})
	check(t, "four logging configurations are refused", func(t *testing.T) {
		call(t, "CreateRoom", m{"loggingConfigurationIdentifiers": []string{
			loggingARN(letters(12)), loggingARN("b" + letters(11)), loggingARN("c" + letters(11)), loggingARN("d" + letters(11)),
		}}).wantInvalid(t, "loggingConfigurationIdentifiers")
	})
	check(t, "an unknown logging configuration is not found", func(t *testing.T) {
		call(t, "CreateRoom", m{"loggingConfigurationIdentifiers": []string{loggingARN(noID)}}).
			wantNotFound(t, "LOGGING_CONFIGURATION", noID)
	})
}

// unique returns a room name that no other case uses.
func unique(t *testing.T) string {
	t.Helper()
	return fmt.Sprintf("c-%x", time.Now().UnixNano()) + "-" + strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' {
			return r
		}
		return -1
	}, t.Name()[max(0, len(t.Name())-20):])
}

func TestGetRoom(t *testing.T) {
	t.Parallel()
	check(t, "it shows what CreateRoom showed", func(t *testing.T) {
		o := call(t, "CreateRoom", m{"name": "same", "tags": m{"a": "b"}}).want(t, http.StatusOK)
		got := call(t, "GetRoom", m{"identifier": o["arn"]}).want(t, http.StatusOK)
		for member, v := range o {
			wantValue(t, got, member, v)
		}
	})
	check(t, "tags are an empty object when there are none", func(t *testing.T) {
		wantValue(t, get(t, newRoom(t, nil)), "tags", m{})
	})
}

func TestUpdateRoom(t *testing.T) {
	t.Parallel()
	full := m{
		"name": "before", "maximumMessageLength": 50.0, "maximumMessageRatePerSecond": 5.0,
		"messageReviewHandler": m{"uri": lambda, "fallbackResult": "DENY"}, "tags": m{"a": "b"},
	}
	update := func(t *testing.T, room resource, members m) m {
		t.Helper()
		members["identifier"] = room.arn
		return call(t, "UpdateRoom", members).want(t, http.StatusOK)
	}
	for member, value := range map[string]any{"name": "after", "maximumMessageLength": 60.0, "maximumMessageRatePerSecond": 6.0} {
		check(t, "only what is given changes/"+member, func(t *testing.T) {
			room := newRoom(t, full)
			before := get(t, room)
			update(t, room, m{member: value})
			after := get(t, room)
			wantValue(t, after, member, value)
			for _, o := range []m{before, after} {
				delete(o, member)
				delete(o, "updateTime")
			}
			for k, v := range before {
				wantValue(t, after, k, v)
			}
		})
	}
	check(t, "the answer is the room as Get shows it", func(t *testing.T) {
		room := newRoom(t, full)
		answer, got := update(t, room, m{"name": "after"}), get(t, room)
		for k, v := range got {
			wantValue(t, answer, k, v)
		}
	})
	check(t, "createTime stays and updateTime grows", func(t *testing.T) {
		room := newRoom(t, nil)
		before := get(t, room)
		after := update(t, room, m{"name": "x"})
		wantValue(t, after, "createTime", before["createTime"])
		if !instant(t, after, "updateTime").After(instant(t, before, "updateTime")) {
			t.Errorf("updateTime %v, was %v", after["updateTime"], before["updateTime"])
		}
	})
	check(t, "null is like missing", func(t *testing.T) {
		room := newRoom(t, full)
		after := update(t, room, m{"name": nil, "maximumMessageLength": nil, "messageReviewHandler": nil})
		wantValue(t, after, "name", "before")
		wantValue(t, after, "maximumMessageLength", 50.0)
		wantValue(t, after, "messageReviewHandler", full["messageReviewHandler"])
	})
	check(t, "an empty name replaces the name", func(t *testing.T) {
		after := update(t, newRoom(t, full), m{"name": ""})
		if name, there := after["name"]; there && name != "" {
			t.Errorf("name %v", name)
		}
	})
	check(t, "the handler's uri alone keeps its fallback result", func(t *testing.T) {
		after := update(t, newRoom(t, full), m{"messageReviewHandler": m{"uri": lambda + "2"}})
		wantValue(t, after, "messageReviewHandler", m{"uri": lambda + "2", "fallbackResult": "DENY"})
	})
	check(t, "the handler's fallback result alone keeps its uri", func(t *testing.T) {
		after := update(t, newRoom(t, full), m{"messageReviewHandler": m{"fallbackResult": "ALLOW"}})
		wantValue(t, after, "messageReviewHandler", m{"uri": lambda, "fallbackResult": "ALLOW"})
	})
	check(t, "an empty uri removes the handler and stays visible", func(t *testing.T) {
		room := newRoom(t, full)
		update(t, room, m{"messageReviewHandler": m{"uri": ""}})
		handler, _ := get(t, room)["messageReviewHandler"].(m)
		if uri, there := handler["uri"]; !there || uri != "" {
			t.Errorf("handler %v, want one with an empty uri", handler)
		}
	})
	check(t, "logging configurations are replaced as a whole", func(t *testing.T) {
		a, b := newLogging(t, nil), newLogging(t, nil)
		room := newRoom(t, m{"loggingConfigurationIdentifiers": []string{a.arn}})
		after := update(t, room, m{"loggingConfigurationIdentifiers": []string{b.arn}})
		wantValue(t, after, "loggingConfigurationIdentifiers", []any{b.arn})
	})
	check(t, "an empty list detaches all logging configurations", func(t *testing.T) {
		a := newLogging(t, nil)
		room := newRoom(t, m{"loggingConfigurationIdentifiers": []string{a.arn}})
		after := update(t, room, m{"loggingConfigurationIdentifiers": []string{}})
		if list, _ := after["loggingConfigurationIdentifiers"].([]any); len(list) != 0 {
			t.Errorf("still attached: %v", list)
		}
		call(t, "DeleteLoggingConfiguration", m{"identifier": a.arn}).wantEmpty(t, http.StatusNoContent)
	})
	check(t, "an unknown logging configuration is not found and nothing changes", func(t *testing.T) {
		room := newRoom(t, full)
		call(t, "UpdateRoom", m{"identifier": room.arn, "name": "after", "loggingConfigurationIdentifiers": []string{loggingARN(noID)}}).
			wantNotFound(t, "LOGGING_CONFIGURATION", noID)
		wantValue(t, get(t, room), "name", "before")
	})
	check(t, "a refused update changes nothing", func(t *testing.T) {
		room := newRoom(t, full)
		before := get(t, room)
		call(t, "UpdateRoom", m{"identifier": room.arn, "name": "after", "maximumMessageLength": 501}).wantInvalid(t, "maximumMessageLength")
		for k, v := range before {
			wantValue(t, get(t, room), k, v)
		}
	})
	check(t, "tags are no member of it", func(t *testing.T) {
		wantValue(t, update(t, newRoom(t, full), m{"tags": m{"x": "y"}}), "tags", m{"a": "b"})
	})
}

func TestDeleteRoom(t *testing.T) {
	t.Parallel()
	check(t, "it answers 204 without a body and the room is gone", func(t *testing.T) {
		room := newRoom(t, nil)
		call(t, "DeleteRoom", m{"identifier": room.arn}).wantEmpty(t, http.StatusNoContent)
		call(t, "GetRoom", m{"identifier": room.arn}).wantNotFound(t, "ROOM", room.id)
	})
	check(t, "a second time it is not found", func(t *testing.T) {
		room := newRoom(t, nil)
		call(t, "DeleteRoom", m{"identifier": room.arn}).wantEmpty(t, http.StatusNoContent)
		call(t, "DeleteRoom", m{"identifier": room.arn}).wantNotFound(t, "ROOM", room.id)
	})
	check(t, "there are no new tokens for it", func(t *testing.T) {
		room := newRoom(t, nil)
		call(t, "DeleteRoom", m{"identifier": room.arn}).wantEmpty(t, http.StatusNoContent)
		call(t, "CreateChatToken", m{"roomIdentifier": room.arn, "userId": "u"}).wantNotFound(t, "ROOM", room.id)
	})
}
