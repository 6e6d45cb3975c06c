package conformance

import (
	"net/http"
	"slices"
	"strings"
	"testing"
)

// roomsOf returns the ids of the rooms on a page.
func roomsOf(t *testing.T, page m) []string {
	t.Helper()
	list, ok := page["rooms"].([]any)
	if !ok {
		t.Fatalf("rooms is %v, want a list", page["rooms"])
	}
	ids := make([]string, len(list))
	for i, r := range list {
		ids[i] = text(t, r.(m), "id")
	}
	return ids
}

func TestListRooms(t *testing.T) {
	t.Parallel()
	list := func(t *testing.T, members m) m {
		t.Helper()
		return call(t, "ListRooms", members).want(t, http.StatusOK)
	}
	ids := func(rooms ...resource) []string {
		all := make([]string, len(rooms))
		for i, r := range rooms {
			all[i] = r.id
		}
		return all
	}
	wantRooms := func(t *testing.T, page m, want []string) {
		t.Helper()
		if got := roomsOf(t, page); !slices.Equal(got, want) {
			t.Errorf("rooms %v, want %v", got, want)
		}
	}
	check(t, "an empty answer has an empty list and no token", func(t *testing.T) {
		page := list(t, m{"name": unique(t)})
		wantMembers(t, page, "rooms")
		wantValue(t, page, "rooms", []any{})
	})
	check(t, "a summary has all members but the two maxima", func(t *testing.T) {
		name := unique(t)
		logging := newLogging(t, nil)
		newRoom(t, m{
			"name": name, "tags": m{"a": "b"}, "messageReviewHandler": m{"uri": lambda},
			"loggingConfigurationIdentifiers": []string{logging.arn},
		})
		page := list(t, m{"name": name})
		summary := page["rooms"].([]any)[0].(m)
		wantMembers(t, summary, "arn", "id", "name", "createTime", "updateTime", "messageReviewHandler", "tags", "loggingConfigurationIdentifiers")
		instant(t, summary, "createTime")
		instant(t, summary, "updateTime")
	})
	check(t, "the newest updateTime comes first", func(t *testing.T) {
		name := m{"name": unique(t)}
		a, b, c := newRoom(t, name), newRoom(t, name), newRoom(t, name)
		wantRooms(t, list(t, m{"name": name["name"]}), ids(c, b, a))
		call(t, "UpdateRoom", m{"identifier": a.arn, "maximumMessageLength": 9}).want(t, http.StatusOK)
		wantRooms(t, list(t, m{"name": name["name"]}), ids(a, c, b))
	})
	check(t, "the name filter is exact", func(t *testing.T) {
		name := unique(t)
		room := newRoom(t, m{"name": name})
		newRoom(t, m{"name": name + "x"})
		wantRooms(t, list(t, m{"name": name}), ids(room))
	})
	check(t, "the name filter knows case", func(t *testing.T) {
		name := unique(t)
		newRoom(t, m{"name": strings.ToUpper(name)})
		room := newRoom(t, m{"name": name})
		wantRooms(t, list(t, m{"name": name}), ids(room))
	})
	check(t, "the handler filter", func(t *testing.T) {
		uri := lambda + unique(t)
		room := newRoom(t, m{"messageReviewHandler": m{"uri": uri}})
		newRoom(t, m{"messageReviewHandler": m{"uri": uri + "x"}})
		wantRooms(t, list(t, m{"messageReviewHandlerUri": uri}), ids(room))
	})
	check(t, "the logging configuration filter", func(t *testing.T) {
		a, b := newLogging(t, nil), newLogging(t, nil)
		both := newRoom(t, m{"loggingConfigurationIdentifiers": []string{a.arn, b.arn}})
		one := newRoom(t, m{"loggingConfigurationIdentifiers": []string{b.arn}})
		wantRooms(t, list(t, m{"loggingConfigurationIdentifier": a.arn}), ids(both))
		wantRooms(t, list(t, m{"loggingConfigurationIdentifier": b.arn}), ids(one, both))
	})
	check(t, "several filters are combined with and", func(t *testing.T) {
		name, uri := unique(t), lambda+unique(t)
		room := newRoom(t, m{"name": name, "messageReviewHandler": m{"uri": uri}})
		newRoom(t, m{"name": name})
		newRoom(t, m{"messageReviewHandler": m{"uri": uri}})
		wantRooms(t, list(t, m{"name": name, "messageReviewHandlerUri": uri}), ids(room))
	})
	check(t, "pages hold maxResults and the last has no token", func(t *testing.T) {
		name := unique(t)
		var want []string
		for range 7 {
			want = append(want, newRoom(t, m{"name": name}).id)
		}
		slices.Reverse(want)
		var got []string
		filter := m{"name": name, "maxResults": 3}
		for _, size := range []int{3, 3, 1} {
			page := list(t, filter)
			if n := len(roomsOf(t, page)); n != size {
				t.Fatalf("a page of %d, want %d", n, size)
			}
			got = append(got, roomsOf(t, page)...)
			filter["nextToken"] = page["nextToken"]
		}
		if token := filter["nextToken"]; token != nil {
			t.Errorf("the last page has a token: %v", token)
		}
		if !slices.Equal(got, want) {
			t.Errorf("rooms %v, want %v", got, want)
		}
	})
	check(t, "a full last page has no token", func(t *testing.T) {
		name := unique(t)
		newRoom(t, m{"name": name})
		newRoom(t, m{"name": name})
		wantMembers(t, list(t, m{"name": name, "maxResults": 2}), "rooms")
	})
	check(t, "50 rooms are a page unless told", func(t *testing.T) {
		name := unique(t)
		for range 51 {
			newRoom(t, m{"name": name})
		}
		page := list(t, m{"name": name})
		if n := len(roomsOf(t, page)); n != 50 {
			t.Errorf("%d rooms on a page, want 50", n)
		}
		rest := list(t, m{"name": name, "nextToken": page["nextToken"]})
		if n := len(roomsOf(t, rest)); n != 1 {
			t.Errorf("%d rooms on the second page, want 1", n)
		}
	})
	check(t, "a room that moves is not seen twice and hides no other", func(t *testing.T) {
		name := unique(t)
		rooms := make([]resource, 6)
		for i := range rooms {
			rooms[i] = newRoom(t, m{"name": name})
		}
		first := list(t, m{"name": name, "maxResults": 2}) // rooms 5 and 4
		seen := roomsOf(t, first)
		call(t, "UpdateRoom", m{"identifier": rooms[5].arn, "maximumMessageLength": 9}).want(t, http.StatusOK)
		call(t, "UpdateRoom", m{"identifier": rooms[0].arn, "maximumMessageLength": 9}).want(t, http.StatusOK)
		call(t, "DeleteRoom", m{"identifier": rooms[4].arn}).want(t, http.StatusNoContent)
		for token := first["nextToken"]; token != nil; {
			page := list(t, m{"name": name, "maxResults": 2, "nextToken": token})
			seen = append(seen, roomsOf(t, page)...)
			token = page["nextToken"]
		}
		if want := ids(rooms[5], rooms[4], rooms[3], rooms[2], rooms[1]); !slices.Equal(seen, want) {
			t.Errorf("rooms %v, want %v", seen, want)
		}
	})
	check(t, "a token of the other list is refused", func(t *testing.T) {
		newLogging(t, nil)
		newLogging(t, nil)
		page := call(t, "ListLoggingConfigurations", m{"maxResults": 1}).want(t, http.StatusOK)
		call(t, "ListRooms", m{"nextToken": text(t, page, "nextToken")}).wantInvalid(t, "nextToken")
	})
}
