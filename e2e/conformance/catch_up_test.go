package conformance

import (
	"bytes"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"
	"github.com/go-json-experiment/json"
)

// newCaughtUp returns a room in which clients that lost their connection catch up.
func newCaughtUp(t *testing.T, e *endpoint, tags m) resource {
	t.Helper()
	all := m{"confab:catch-up": "1m"}
	maps.Copy(all, tags)
	return e.newRoom(t, m{"maximumMessageRatePerSecond": 100, "tags": all})
}

// until returns the frames up to the message or event of this content or name. Frames that
// the client had not confirmed may be repeated; they are left out up to skip.
func (s *session) until(t *testing.T, skip, last string) (all []frame) {
	t.Helper()
	for {
		f := s.next(t)
		if f.Content == skip && skip != "" {
			all = nil
			continue
		}
		if all = append(all, f); f.Content == last || f.EventName == last {
			return all
		}
	}
}

// afterOverlap waits until a new connection does not get what was delivered before it.
// Else each of them gets what was delivered in the last moments, so that a client that
// replaces its connection misses nothing.
func afterOverlap() { time.Sleep(500 * time.Millisecond) }

func TestCatchUp(t *testing.T) {
	t.Parallel()
	checkOurs(t, "who lost the connection gets what was missed, as it was", func(t *testing.T) {
		room := newCaughtUp(t, subject, nil)
		ann, bob := join(t, room, "ann", all...), join(t, room, "bob", all...)
		bob.say(t, "0")
		ann.nextMessage(t, "0")
		bob.nextMessage(t, "0")
		ann.leave(t)
		bob.do(t, m{"Action": "SEND_MESSAGE", "RequestId": "r", "Content": "1"})
		first := bob.nextMessage(t, "1")
		sendEvent(t, room, "e")
		bob.say(t, "2")
		want := append([]frame{first}, bob.until(t, "", "2")...)
		again := join(t, room, "ann", all...)
		got := again.until(t, "0", "2")
		same := func(a, b frame) bool { return a.raw == b.raw }
		if !slices.EqualFunc(got, want, same) || first.RequestID != "r" {
			t.Errorf("got  %v\nwant %v", got, want)
		}
		again.wantQuiet(t, room)
		bob.say(t, "3")
		again.nextMessage(t, "3")
	})
	checkOurs(t, "a new connection that is not ended misses nothing of a silent one", func(t *testing.T) {
		room := newCaughtUp(t, subject, nil)
		ann := join(t, room, "ann")
		sendAll(t, room, "0")
		ann.nextMessage(t, "0")
		sendAll(t, room, "1", "2")
		again := join(t, room, "ann")
		sendAll(t, room, "3")
		for i, f := range again.until(t, "0", "3") { // As far as ann had not confirmed it.
			if n, _ := strconv.Atoi(f.Content); i > 0 && n == 0 {
				t.Errorf("frame %s", f.raw)
			}
		}
	})
	checkOurs(t, "a client that closes its connection gets nothing", func(t *testing.T) {
		room := newCaughtUp(t, subject, nil)
		ann := join(t, room, "ann")
		if err := ann.conn.Close(websocket.StatusNormalClosure, ""); err != nil {
			t.Fatal(err)
		}
		sendAll(t, room, "1")
		afterOverlap()
		again := join(t, room, "ann")
		again.wantQuiet(t, room)
	})
	checkOurs(t, "a user who was disconnected meanwhile gets nothing", func(t *testing.T) {
		room := newCaughtUp(t, subject, nil)
		join(t, room, "ann").leave(t)
		sendAll(t, room, "1")
		afterOverlap()
		call(t, "DisconnectUser", m{"roomIdentifier": room.arn, "userId": "ann"}).want(t, http.StatusOK)
		again := join(t, room, "ann")
		sendAll(t, room, "2")
		for f := again.next(t); f.Content != "2"; f = again.next(t) {
			if f.Content == "1" {
				t.Errorf("frame %s", f.raw)
			}
		}
	})
	checkOurs(t, "hidden messages and their deletions come back to their user, and to nobody else", func(t *testing.T) {
		room := newCaughtUp(t, subject, nil)
		ann, live, bob := join(t, room, "ann", all...), join(t, room, "ann", all...), join(t, room, "bob", all...)
		newBan(t, room, m{"userId": "ann", "type": "HIDE"})
		bob.say(t, "0")
		for _, s := range []*session{ann, live, bob} {
			s.nextMessage(t, "0")
		}
		ann.leave(t)
		bob.leave(t)
		live.say(t, "hidden")
		first := live.nextMessage(t, "hidden")
		call(t, "DeleteMessage", m{"roomIdentifier": room.arn, "id": first.ID}).want(t, http.StatusOK)
		deleted := live.nextEvent(t, "aws:DELETE_MESSAGE")
		sendAll(t, room, "1")
		last := live.nextMessage(t, "1")
		got := join(t, room, "ann").until(t, "0", "1")
		if len(got) != 3 || got[0].raw != first.raw || got[1].raw != deleted.raw || got[2].raw != last.raw {
			t.Errorf("ann got %v", got)
		}
		if got := join(t, room, "bob").until(t, "0", "1"); len(got) != 1 {
			t.Errorf("bob got %v", got)
		}
	})
	checkOurs(t, "another user gets nothing", func(t *testing.T) {
		room := newCaughtUp(t, subject, nil)
		join(t, room, "ann").leave(t)
		sendAll(t, room, "1")
		afterOverlap()
		join(t, room, "bob").wantQuiet(t, room)
	})
	checkOurs(t, "the messages of an erased user do not come, those of others do", func(t *testing.T) {
		room := newCaughtUp(t, subject, nil)
		ann, bob, eve := join(t, room, "ann"), join(t, room, "bob", all...), join(t, room, "catch-up-eve", all...)
		bob.say(t, "0")
		ann.nextMessage(t, "0")
		ann.leave(t)
		bob.say(t, "1")
		eve.say(t, "2")
		bob.until(t, "", "2")
		erase(t, m{"userId": "catch-up-eve"})
		bob.say(t, "3")
		again := join(t, room, "ann")
		if got := again.until(t, "0", "3"); len(got) != 2 || got[0].Content != "1" {
			t.Errorf("got %v", got)
		}
	})
	checkOurs(t, "what is missed comes instead of the history, and before the viewers", func(t *testing.T) {
		room := newCaughtUp(t, subject, m{"confab:history": "1h", "confab:history-on-join": "10", "confab:presence": "count"})
		ann := join(t, room, "ann")
		ann.nextViewers(t)
		sendAll(t, room, "0")
		ann.until(t, "", "0")
		ann.leave(t)
		sendAll(t, room, "1", "2")
		again := join(t, room, "ann")
		got := again.until(t, "0", "confab:VIEWERS")
		if len(got) != 3 || got[0].Content != "1" || got[1].Content != "2" {
			t.Errorf("got %v", got)
		}
	})
	checkOurs(t, "a connection that does not confirm a message within ten seconds is ended", func(t *testing.T) {
		room := newCaughtUp(t, subject, nil)
		//nolint:bodyclose // The library closes it itself.
		conn, _, err := websocket.Dial(t.Context(), subject.websocket, &websocket.DialOptions{
			Subprotocols: []string{subject.newToken(t, room, nil)}, HTTPClient: &http.Client{Transport: subject.http.Transport},
		})
		if err != nil {
			t.Fatal(err)
		}
		defer conn.CloseNow()
		begin := time.Now()
		sendAll(t, room, "0")                                             // A room without messages has nothing to confirm.
		for users := 1.0; users > 0; time.Sleep(250 * time.Millisecond) { // Nothing is read, so nothing is answered.
			o := call(t, ours("GetRoomPresence"), m{"roomIdentifier": room.arn}).want(t, http.StatusOK)
			if users, _ = o["users"].(float64); time.Since(begin) > 20*time.Second {
				t.Fatalf("still there: %v", o)
			}
		}
		if d := time.Since(begin); d < 9*time.Second {
			t.Errorf("ended after %v", d)
		}
	})
	checkOurs(t, "what was missed comes whole over a connection that reads slowly", func(t *testing.T) {
		room := newCaughtUp(t, subject, m{"confab:catch-up": "10m"}) // A slow machine needs a minute for the events.
		first := subject.joinUnread(t, room)
		call(t, "SendEvent", largeEvent(room)).want(t, http.StatusOK) // The client is known, and confirms nothing.
		if err := first.conn.Close(); err != nil {
			t.Fatal(err)
		}
		const events = 1500 // More than any socket's buffers hold.
		for range events - 1 {
			call(t, "SendEvent", largeEvent(room)).want(t, http.StatusOK)
		}
		slow := subject.joinUnread(t, room)
		last := m{"roomIdentifier": room.arn, "eventName": "last"}
		for got := 0; ; {
			if err := slow.conn.SetDeadline(time.Now().Add(patience)); err != nil {
				t.Fatal(err)
			}
			f, err := slow.conn.receive()
			if err != nil || f.op == opClose {
				t.Fatalf("ended after %d events by %v: %s", got, err, f.payload)
			}
			switch {
			case f.op == opPing:
				slow.conn.send(t, rawFrame{last: true, op: opPong, payload: f.payload})
			case bytes.Contains(f.payload, []byte(`"last"`)):
				if got != events {
					t.Errorf("%d events came, want %d", got, events)
				}
				return
			case bytes.Contains(f.payload, []byte("confab:GAP")):
				t.Fatalf("frame %s", f.payload)
			default:
				got++
				if got%50 == 0 {
					time.Sleep(20 * time.Millisecond) // The network takes 15 MB a second.
				}
				if got == events/2 { // A live one waits behind what was missed.
					call(t, "SendEvent", last).want(t, http.StatusOK)
				}
			}
		}
	})
	for _, value := range []string{"4s", "11m", "yes", "5"} {
		checkOurs(t, "the tag cannot be "+value, func(t *testing.T) {
			o := call(t, "CreateRoom", m{"tags": m{"confab:catch-up": value}}).wantError(t, "ValidationException", http.StatusBadRequest)
			if !strings.Contains(text(t, o, "message"), "5s to 10m") {
				t.Errorf("got %v", o)
			}
		})
	}
}

func TestCatchUpGap(t *testing.T) {
	t.Parallel()
	checkOurs(t, "what is not kept any more is counted", func(t *testing.T) {
		e := endpointOf(startServer(t, "--catch-up-memory", "64KiB"))
		room := newCaughtUp(t, e, m{"confab:presence": "count"})
		ann := e.join(t, room, m{"userId": "ann"})
		ann.nextViewers(t)
		ann.leave(t)
		const sent = 300
		for i := range sent {
			content := strconv.Itoa(i) + " " + letters(400)
			e.call(t, ours("SendMessage"), m{"roomIdentifier": room.arn, "userId": "bot", "content": content}).want(t, http.StatusOK)
		}
		again := e.join(t, room, m{"userId": "ann"})
		got := again.until(t, "", "confab:VIEWERS")
		gap := got[len(got)-2]
		missed, _ := strconv.Atoi(gap.Attributes["Missed"])
		if gap.EventName != "confab:GAP" || missed == 0 || missed+len(got)-2 != sent {
			t.Errorf("frame %s behind %d messages", gap.raw, len(got)-2)
		}
		gap.wantForm(t)
	})
}

func TestCatchUpAfterKill(t *testing.T) {
	t.Parallel()
	if own == nil {
		return
	}
	checkOurs(t, "after the only node was killed, who returns in time is told of a gap", func(t *testing.T) {
		dir := t.TempDir()
		s := startServerOn(t, dir)
		e := endpointOf(s)
		room := created(t, e.callKept(t, "CreateRoom", m{"tags": m{"confab:catch-up": "1m"}}))
		ann := e.join(t, room, m{"userId": "ann"})
		ann.say(t, "0")
		ann.nextMessage(t, "0")
		e.join(t, room, m{"userId": "bob"}).conn.CloseNow()
		written := func() bool {
			b, err := os.ReadFile(filepath.Join(dir, "places.json"))
			return err == nil && bytes.Contains(b, []byte(room.id))
		}
		for end := time.Now().Add(patience); !written(); time.Sleep(20 * time.Millisecond) {
			if time.Now().After(end) {
				t.Fatal("places.json does not have the room")
			}
		}
		for range 2 { // Also by the second process that is killed.
			if err := s.Kill(); err != nil {
				t.Fatal(err)
			}
			s = startServerOn(t, dir)
		}
		e = endpointOf(s)
		again, eve := e.join(t, room, m{"userId": "ann"}), e.join(t, room, m{"userId": "eve"})
		if f := again.nextEvent(t, "confab:GAP"); len(f.Attributes) != 0 {
			t.Errorf("frame %s, want no number", f.raw)
		}
		eve.say(t, "1")
		again.nextMessage(t, "1")
		eve.nextMessage(t, "1")
	})
	checkOurs(t, "after the only node was killed, who returns in time to a room with history gets what was missed, as it was", func(t *testing.T) {
		dir := t.TempDir()
		s := startServerOn(t, dir)
		e := endpointOf(s)
		room := created(t, e.callKept(t, "CreateRoom", m{"tags": m{"confab:catch-up": "1m", "confab:history": "1h"}}))
		ann, bob := e.join(t, room, m{"userId": "ann"}), e.join(t, room, m{"userId": "bob"})
		bob.say(t, "0")
		ann.nextMessage(t, "0")
		bob.nextMessage(t, "0")
		awaitRecord(t, dir, room, 2)
		ann.conn.CloseNow()
		bob.do(t, m{"Action": "SEND_MESSAGE", "RequestId": "r", "Content": "1"})
		want := []frame{bob.nextMessage(t, "1")}
		e.call(t, "SendEvent", m{"roomIdentifier": room.arn, "eventName": "e"}).want(t, http.StatusOK)
		e.call(t, "DeleteMessage", m{"roomIdentifier": room.arn, "id": want[0].ID}).want(t, http.StatusOK)
		bob.say(t, "2")
		want = append(want, bob.until(t, "", "2")...)
		for range 2 { // Also by the second process that is killed.
			if err := s.Kill(); err != nil {
				t.Fatal(err)
			}
			s = startServerOn(t, dir)
		}
		e = endpointOf(s)
		again := e.join(t, room, m{"userId": "ann"})
		again.say(t, "3")
		got := again.until(t, "0", "3")
		same := func(a, b frame) bool { return a.raw == b.raw }
		if !slices.EqualFunc(got[:len(got)-1], want, same) || len(want) != 4 || want[0].RequestID != "r" {
			t.Errorf("got  %v\nwant %v", got, want)
		}
	})
	for _, kill := range []bool{false, true} {
		name := map[bool]string{false: "stopped", true: "killed"}[kill]
		checkOurs(t, "whoever is banned after the only node was "+name+", before anybody is back, gets nothing later", func(t *testing.T) {
			bannedBeforeReturn(t, kill)
		})
	}
}

// awaitRecord waits until the server has recorded so many clients of a room.
func awaitRecord(t *testing.T, dir string, room resource, clients int) {
	t.Helper()
	const entry = 20 // bytes that the record has of a client
	recorded := func() bool {
		var record struct {
			Rooms map[string][]struct {
				Entries []byte `json:"entries"`
			} `json:"rooms"`
		}
		b, err := os.ReadFile(filepath.Join(dir, "places.json"))
		if err != nil || json.Unmarshal(b, &record) != nil {
			return false
		}
		reports := record.Rooms[room.id]
		return len(reports) > 0 && len(reports[0].Entries) == entry*clients
	}
	for end := time.Now().Add(patience); !recorded(); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("places.json does not have %d clients", clients)
		}
	}
}

// bannedBeforeReturn restarts a server to which three users may return, and bans two of them, in
// one room and in all rooms. Then the bans end.
func bannedBeforeReturn(t *testing.T, kill bool) {
	dir := t.TempDir()
	s := startServerOn(t, dir)
	e := endpointOf(s)
	room := created(t, e.callKept(t, "CreateRoom", m{"tags": m{"confab:catch-up": "1m"}}))
	users := []string{"ann", "bob", "eve"}
	for _, u := range users {
		e.join(t, room, m{"userId": u}).conn.CloseNow()
	}
	awaitRecord(t, dir, room, len(users))
	say := func(content string) {
		e.call(t, ours("SendMessage"), m{"roomIdentifier": room.arn, "userId": "bot", "content": content}).want(t, http.StatusOK)
	}
	say("0")
	end := s.Stop
	if kill {
		end = s.Kill
	}
	if err := end(); err != nil {
		t.Fatal(err)
	}
	s = startServerOn(t, dir)
	e = endpointOf(s)
	requests := []m{{"roomIdentifier": room.arn}, {}}
	if kill {
		slices.Reverse(requests)
	}
	for i, request := range requests { // The first one is about a room in which nobody has been since the start.
		maps.Copy(request, m{"userId": users[i], "type": "BAN"})
		ban := e.call(t, ours("CreateBan"), request).want(t, http.StatusOK)
		const disconnects = `confab_messaging_requests_total{action="DisconnectUser"}`
		for end := time.Now().Add(patience); s.Metric(t, disconnects) < float64(i+1); time.Sleep(20 * time.Millisecond) {
			if time.Now().After(end) {
				t.Fatal("the ban had no effect on the room")
			}
		}
		e.call(t, ours("DeleteBan"), m{"id": ban["id"]}).want(t, http.StatusOK)
	}
	say("1")
	for i, u := range users {
		got := e.join(t, room, m{"userId": u})
		switch {
		case i < 2:
		case kill:
			got.until(t, "", "confab:GAP")
			continue
		default:
			if all := got.until(t, "", "1"); all[0].Content != "0" {
				t.Errorf("eve got %v", all)
			}
			continue
		}
		e.call(t, "SendEvent", m{"roomIdentifier": room.arn, "eventName": "last-" + u}).want(t, http.StatusOK)
		for f := got.next(t); f.EventName != "last-"+u; f = got.next(t) {
			if f.Content == "0" || f.EventName == "confab:GAP" {
				t.Errorf("%s got %s", u, f.raw)
			}
		}
	}
}
