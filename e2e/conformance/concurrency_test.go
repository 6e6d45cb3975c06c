package conformance

import (
	"fmt"
	"net/http"
	"sync"
	"testing"
	"time"
)

// TestConcurrency checks that calls at the same time lose nothing of each other.
func TestConcurrency(t *testing.T) {
	t.Parallel()
	check(t, "updates of different members are all there", func(t *testing.T) {
		room := newRoom(t, nil)
		for i := range 10 {
			name, length := fmt.Sprint("name-", i), float64(100+i)
			var wait sync.WaitGroup
			for _, members := range []m{{"name": name}, {"maximumMessageLength": length}, {"maximumMessageRatePerSecond": 1 + i}} {
				members["identifier"] = room.arn
				wait.Go(func() { call(t, "UpdateRoom", members) })
			}
			wait.Wait()
			o := get(t, room)
			wantValue(t, o, "name", name)
			wantValue(t, o, "maximumMessageLength", length)
			wantValue(t, o, "maximumMessageRatePerSecond", float64(1+i))
		}
	})
	check(t, "tags set by different callers are all there", func(t *testing.T) {
		room := newRoom(t, nil)
		var wait sync.WaitGroup
		for i := range 20 {
			wait.Go(func() {
				subject.send(t, &call4{path: tagPath(room.arn), body: fmt.Sprintf(`{"tags":{"key%02d":"value"}}`, i)})
			})
		}
		wait.Wait()
		wantValue(t, get(t, room), "tags", tags(20))
	})
	check(t, "a tag limit holds against callers at the same time", func(t *testing.T) {
		room := newRoom(t, m{"tags": tags(45)})
		var wait sync.WaitGroup
		for i := range 20 {
			wait.Go(func() {
				subject.send(t, &call4{path: tagPath(room.arn), body: fmt.Sprintf(`{"tags":{"more%02d":"value"}}`, i)})
			})
		}
		wait.Wait()
		if n := len(get(t, room)["tags"].(m)); n != 50 {
			t.Errorf("%d tags, want 50", n)
		}
	})
	check(t, "a logging configuration is not deleted while a room attaches it", func(t *testing.T) {
		for range 10 {
			logging, room := newLogging(t, nil), newRoom(t, nil)
			var attach, remove *reply
			var wait sync.WaitGroup
			wait.Go(func() {
				attach = call(t, "UpdateRoom", m{"identifier": room.arn, "loggingConfigurationIdentifiers": []string{logging.arn}})
			})
			wait.Go(func() { remove = call(t, "DeleteLoggingConfiguration", m{"identifier": logging.arn}) })
			wait.Wait()
			switch {
			case attach.status == http.StatusOK:
				remove.wantError(t, "ConflictException", http.StatusConflict)
			case remove.status == http.StatusNoContent:
				attach.wantNotFound(t, "LOGGING_CONFIGURATION", logging.id)
			default:
				t.Errorf("both were refused: %s and %s", attach.body, remove.body)
			}
			call(t, "DeleteRoom", m{"identifier": room.arn}).want(t, http.StatusNoContent)
		}
	})
	check(t, "a room is deleted once", func(t *testing.T) {
		room := newRoom(t, nil)
		statuses := make(chan int, 8)
		for range cap(statuses) {
			go func() { statuses <- call(t, "DeleteRoom", m{"identifier": room.arn}).status }()
		}
		deleted := 0
		for range cap(statuses) {
			switch s := <-statuses; s {
			case http.StatusNoContent:
				deleted++
			case http.StatusNotFound:
			default:
				t.Errorf("status %d", s)
			}
		}
		if deleted != 1 {
			t.Errorf("deleted %d times", deleted)
		}
	})
	check(t, "a room of 100 a second carries 96 a second", func(t *testing.T) {
		room := newRoom(t, m{"maximumMessageRatePerSecond": 100})
		const senders, each = 12, 24
		viewer := join(t, room, "viewer")
		var wait sync.WaitGroup
		for i := range senders {
			s := join(t, room, fmt.Sprint("u", i), all...)
			wait.Go(func() {
				pace := time.NewTicker(time.Second / 8)
				defer pace.Stop()
				for range each {
					<-pace.C
					s.say(t, "x")
				}
			})
		}
		for range senders * each {
			viewer.nextMessage(t, "x")
		}
		wait.Wait()
	})
	check(t, "leaving and coming back gains no messages", func(t *testing.T) {
		room := newRoom(t, m{"maximumMessageRatePerSecond": 2})
		const say = `{"Action":"SEND_MESSAGE","RequestId":"r","Content":"x"}`
		start, passed := time.Now(), 0
		for range 5 {
			s := join(t, room, "u", all...)
			for range 3 {
				s.write(t, say)
			}
			for range 3 {
				if s.next(t).Type == "MESSAGE" {
					passed++
				}
			}
			s.conn.CloseNow()
			<-s.ended
		}
		if most := 3 + int(2*time.Since(start).Seconds()); passed > most {
			t.Errorf("%d of 15 messages passed in %s at 2 a second, want at most %d", passed, time.Since(start), most)
		}
	})
}
