package conformance

import (
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// newWatched returns a room that pushes who is there.
func newWatched(t *testing.T, presence string, tags ...string) resource {
	t.Helper()
	all := m{"confab:presence": presence}
	for _, tag := range tags {
		k, v, _ := strings.Cut(tag, "=")
		all["confab:"+k] = v
	}
	return newRoom(t, m{"tags": all})
}

// nextViewers returns the next confab:VIEWERS as "users/connections". Other events of
// presence are skipped.
func (s *session) nextViewers(t *testing.T) string {
	t.Helper()
	for {
		f := s.next(t)
		if f.Type != "EVENT" || !strings.HasPrefix(f.EventName, "confab:") {
			t.Fatalf("frame %s, want confab:VIEWERS", f.raw)
		}
		if f.EventName == "confab:VIEWERS" {
			f.wantForm(t)
			return f.Attributes["Users"] + "/" + f.Attributes["Connections"]
		}
	}
}

// waitViewers reads until the viewers are as wanted.
func (s *session) waitViewers(t *testing.T, want string) {
	t.Helper()
	for s.nextViewers(t) != want {
	}
}

// leave ends the connection.
func (s *session) leave(t *testing.T) {
	t.Helper()
	if err := s.conn.CloseNow(); err != nil {
		t.Fatal(err)
	}
}

func TestPresence(t *testing.T) {
	t.Parallel()
	presence := func(t *testing.T, room resource) m {
		t.Helper()
		return call(t, ours("GetRoomPresence"), m{"roomIdentifier": room.arn}).want(t, http.StatusOK)
	}
	checkOurs(t, "GetRoomPresence counts users and connections of any room", func(t *testing.T) {
		room := newRoom(t, nil)
		join(t, room, "ann")
		join(t, room, "ann")
		join(t, room, "bob")
		o := presence(t, room)
		wantMembers(t, o, "connections", "roomArn", "users")
		if o["users"] != 2.0 || o["connections"] != 3.0 || o["roomArn"] != room.arn {
			t.Errorf("got %v", o)
		}
	})
	checkOurs(t, "GetRoomPresence counts an empty room", func(t *testing.T) {
		o := presence(t, newRoom(t, nil))
		if o["users"] != 0.0 || o["connections"] != 0.0 {
			t.Errorf("got %v", o)
		}
	})
	checkOurs(t, "GetRoomPresence shows the peak of a room with the tag", func(t *testing.T) {
		room := newWatched(t, "count")
		join(t, room, "ann")
		join(t, room, "bob").leave(t)
		for deadline := time.Now().Add(patience); ; time.Sleep(200 * time.Millisecond) {
			o := presence(t, room)
			if o["users"] == 1.0 {
				wantMembers(t, o, "connections", "peakTime", "peakUsers", "roomArn", "users")
				if instant(t, o, "peakTime"); o["peakUsers"] != 2.0 {
					t.Errorf("got %v", o)
				}
				return
			}
			if time.Now().After(deadline) {
				t.Fatalf("got %v", o)
			}
		}
	})
	checkOurs(t, "ListRoomUsers lists who is there, in stable pages", func(t *testing.T) {
		room := newRoom(t, nil)
		subject.join(t, room, m{"userId": "carol", "attributes": m{"colour": "blue"}, "capabilities": []string{"SEND_MESSAGE"}})
		for _, user := range []string{"bob", "ann", "ann"} {
			join(t, room, user)
		}
		request := m{"roomIdentifier": room.arn, "maxResults": 2}
		o := call(t, ours("ListRoomUsers"), request).want(t, http.StatusOK)
		wantMembers(t, o, "nextToken", "users")
		join(t, room, "aaron")
		request["nextToken"] = o["nextToken"]
		rest := call(t, ours("ListRoomUsers"), request).want(t, http.StatusOK)
		wantMembers(t, rest, "users")
		users := slices.Concat(o["users"].([]any), rest["users"].([]any))
		var got []any
		for _, u := range users {
			u := u.(map[string]any)
			wantMembers(t, u, "attributes", "capabilities", "connectedSince", "connections", "userId")
			instant(t, u, "connectedSince")
			got = append(got, u["userId"], u["connections"], u["attributes"], u["capabilities"])
		}
		none := map[string]any{}
		want := []any{
			"ann", 2.0, none,
			[]any{},
			"bob", 1.0, none,
			[]any{},
			"carol", 1.0,
			map[string]any{"colour": "blue"},
			[]any{"SEND_MESSAGE"},
		}
		if d := cmp.Diff(want, got); d != "" {
			t.Error(d)
		}
	})
	checkOurs(t, "ListRoomPresence lists rooms, the fullest first", func(t *testing.T) {
		room := newRoom(t, nil)
		join(t, room, "ann")
		join(t, room, "bob")
		token, before := any(nil), 1e9
		for deadline := time.Now().Add(patience); ; {
			request := m{"maxResults": 2}
			if token != nil {
				request["nextToken"] = token
			}
			o := call(t, ours("ListRoomPresence"), request).want(t, http.StatusOK)
			for _, r := range o["rooms"].([]any) {
				r := r.(map[string]any)
				wantMembers(t, r, "connections", "roomArn", "users")
				users := r["users"].(float64)
				if users > before {
					t.Fatalf("a room of %v behind one of %v", users, before)
				}
				before = users
				if r["roomArn"] == room.arn && users == 2 {
					return
				}
			}
			if token = o["nextToken"]; token == nil { // It may be a count of the second before.
				before = 1e9
				if time.Now().After(deadline) {
					t.Fatal("the room is in no page")
				}
			}
		}
	})
	for operation, token := range map[string]string{
		"ListRoomUsers": "AAAA", "ListRoomPresence": "QUFBQUFBQUFBQUFBLzA", // AAAAAAAAAAAA/0
	} {
		checkOurs(t, operation+" refuses a foreign nextToken", func(t *testing.T) {
			request := m{"nextToken": token}
			if operation == "ListRoomUsers" {
				request["roomIdentifier"] = newRoom(t, nil).arn
			}
			call(t, ours(operation), request).wantInvalid(t, "nextToken")
		})
	}
	for _, operation := range []string{"GetRoomPresence", "ListRoomUsers"} {
		checkOurs(t, operation+" finds no room that does not exist", func(t *testing.T) {
			call(t, ours(operation), m{"roomIdentifier": roomARN(noID)}).wantNotFound(t, "ROOM", noID)
		})
	}
}

func TestPresencePushes(t *testing.T) {
	t.Parallel()
	checkOurs(t, "a new connection learns the viewers at once, and all of changes", func(t *testing.T) {
		room := newWatched(t, "count")
		ann := join(t, room, "ann")
		if got := ann.nextViewers(t); got != "1/1" {
			t.Errorf("the first is told %s", got)
		}
		bob := join(t, room, "bob")
		if got := bob.nextViewers(t); got != "2/2" {
			t.Errorf("the second is told %s", got)
		}
		ann.waitViewers(t, "2/2")
		bob.leave(t)
		ann.waitViewers(t, "1/1")
	})
	checkOurs(t, "a viewer whose connection is lost without notice is counted for at most 30 s", func(t *testing.T) {
		room := newWatched(t, "count")
		begin := time.Now()
		subject.joinUnread(t, room) // It answers no Ping.
		bob := join(t, room, "bob")
		if got := bob.nextViewers(t); got != "2/2" {
			t.Errorf("told %s", got)
		}
		for users := 2.0; users > 1; time.Sleep(250 * time.Millisecond) {
			o := call(t, ours("GetRoomPresence"), m{"roomIdentifier": room.arn}).want(t, http.StatusOK)
			if users, _ = o["users"].(float64); time.Since(begin) > 40*time.Second { // The machine may be busy. Without the tag it takes 90 s.
				t.Fatalf("still there: %v", o)
			}
		}
	})
	checkOurs(t, "a room without the tag tells nothing", func(t *testing.T) {
		room := newRoom(t, nil)
		s := join(t, room, "ann")
		join(t, room, "bob")
		s.wantQuiet(t, room)
	})
	checkOurs(t, "viewers come behind the history and before live frames", func(t *testing.T) {
		room := newWatched(t, "count", "history=1h", "history-on-join=10")
		sendAll(t, room, "1", "2")
		s := join(t, room, "ann")
		s.nextMessage(t, "1")
		s.nextMessage(t, "2")
		if got := s.nextViewers(t); got != "1/1" {
			t.Errorf("told %s", got)
		}
		s.wantQuiet(t, room)
	})
	checkOurs(t, "viewers are in no history", func(t *testing.T) {
		room := newWatched(t, "count", "history=1h", "history-on-join=10")
		ann := join(t, room, "ann")
		ann.nextViewers(t)
		join(t, room, "bob")
		ann.waitViewers(t, "2/2")
		o := call(t, ours("ListMessages"), m{"roomIdentifier": room.arn, "includeDeleted": true}).want(t, http.StatusOK)
		if list := o["messages"].([]any); len(list) != 0 {
			t.Errorf("got %v", list)
		}
	})
	checkOurs(t, "full tells who comes and who leaves", func(t *testing.T) {
		room := newWatched(t, "full")
		ann := join(t, room, "ann")
		told := func(event, ids string) {
			t.Helper()
			for {
				f := ann.next(t)
				if f.EventName == "confab:"+event && f.Attributes["UserIds"] == ids {
					f.wantForm(t)
					if f.Attributes["Count"] != "1" {
						t.Errorf("frame %s", f.raw)
					}
					return
				}
				if !strings.HasPrefix(f.EventName, "confab:") {
					t.Fatalf("frame %s", f.raw)
				}
			}
		}
		told("JOINED", `["ann"]`)
		bob := join(t, room, `b"ob`)
		told("JOINED", `["b\"ob"]`)
		bob.leave(t)
		told("LEFT", `["b\"ob"]`)
	})
	checkOurs(t, "the tag is in force on a live room, and its end", func(t *testing.T) {
		room := newRoom(t, nil)
		s := join(t, room, "ann")
		setTags(t, room, m{"confab:presence": "count"})
		s.waitViewers(t, "1/1")
		setTags(t, room, m{"confab:presence": "off"})
		bob := join(t, room, "bob")
		sendEvent(t, room, "next")
		for f := bob.next(t); f.EventName != "next"; f = bob.next(t) {
			if f.Attributes["Users"] != "1" { // ann's last push may be repeated to a new connection.
				t.Errorf("frame %s", f.raw)
			}
		}
	})
}
