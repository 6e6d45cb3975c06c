package conformance

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

// Rates are token buckets: the rate at once, refilled every second.

func TestRates(t *testing.T) {
	t.Parallel()
	// tally writes the request n times and counts the frames that answer.
	tally := func(t *testing.T, s *session, n int, request string) (passed, throttled int) {
		t.Helper()
		for range n {
			s.write(t, request)
		}
		for range n {
			f := s.next(t)
			switch {
			case f.Type == "ERROR" && f.ErrorCode == 429:
				if f.ErrorMessage != "rate limit exceeded" || f.RequestID != "r" {
					t.Errorf("frame %s", f.raw)
				}
				f.wantForm(t)
				throttled++
			default:
				passed++
			}
		}
		return passed, throttled
	}
	const say = `{"Action":"SEND_MESSAGE","RequestId":"r","Content":"x"}`
	for name, request := range map[string]string{
		"messages":       say,
		"deletions":      `{"Action":"DELETE_MESSAGE","RequestId":"r","Id":"AAAAAAAAAAAA"}`,
		"disconnections": `{"Action":"DISCONNECT_USER","RequestId":"r","UserId":"absent"}`,
	} {
		check(t, "a connection has 10 requests a second/"+name, func(t *testing.T) {
			s := join(t, newRoom(t, m{"maximumMessageRatePerSecond": 100}), "u", all...)
			start := time.Now()
			passed, throttled := tally(t, s, 30, request)
			if most := 11 + int(10*time.Since(start).Seconds()); passed < 10 || passed > most || throttled != 30-passed {
				t.Errorf("%d passed and %d were throttled, want 10 to %d to pass", passed, throttled, most)
			}
		})
	}
	check(t, "a connection's rate counts refused requests too", func(t *testing.T) {
		s := join(t, newRoom(t, nil), "u", all...)
		for range 15 {
			s.write(t, `{"Action":"SHOUT","RequestId":"r"}`)
		}
		s.write(t, say)
		for range 15 {
			if f := s.next(t); f.ErrorCode != 400 && f.ErrorCode != 429 {
				t.Errorf("frame %s, want ERROR 400 or 429", f.raw)
			}
		}
		s.nextError(t, 429)
	})
	check(t, "a connection's rate is refilled", func(t *testing.T) {
		s := join(t, newRoom(t, m{"maximumMessageRatePerSecond": 100}), "u", all...)
		tally(t, s, 15, say)
		s.askUntilPassed(t, m{"Action": "SEND_MESSAGE", "Content": "x"})
	})
	check(t, "each connection of a user has its own rate", func(t *testing.T) {
		room := newRoom(t, m{"maximumMessageRatePerSecond": 100})
		a, b := subject.raw(t, room), subject.raw(t, room)
		for _, c := range []*rawConn{a, b} {
			for range 10 {
				c.send(t, textFrame(say))
			}
		}
		for range 20 {
			if f := a.next(t, opText); strings.HasPrefix(string(f.payload), `{"Type":"ERROR"`) {
				t.Errorf("frame %s", f.payload)
			}
		}
	})
	for _, rate := range []int{1, 3, 10} {
		check(t, fmt.Sprintf("a room of %d a second refuses more", rate), func(t *testing.T) {
			room := newRoom(t, m{"maximumMessageRatePerSecond": rate})
			s := join(t, room, "u", all...)
			start := time.Now()
			passed, _ := tally(t, s, rate+min(rate, 9), say)
			if most := rate + 1 + int(float64(rate)*time.Since(start).Seconds()); passed < rate || passed > most {
				t.Errorf("%d passed, want %d to %d", passed, rate, most)
			}
		})
	}
	check(t, "a room's rate counts all its clients together", func(t *testing.T) {
		room := newRoom(t, m{"maximumMessageRatePerSecond": 5})
		senders := []*session{join(t, room, "u0", all...), join(t, room, "u1", all...), join(t, room, "u2", all...), join(t, room, "u3", all...)}
		start := time.Now()
		for n := range 5 {
			for i, s := range senders {
				s.do(t, m{"Action": "SEND_MESSAGE", "RequestId": fmt.Sprintf("%d.%d", i, n), "Content": "x"})
			}
		}
		passed := 0
		for i, s := range senders {
			for answered := 0; answered < 5; {
				f := s.next(t)
				if strings.HasPrefix(f.RequestID, fmt.Sprint(i, ".")) {
					answered++
					if f.Type == "MESSAGE" {
						passed++
					}
				}
			}
		}
		if most := 6 + int(5*time.Since(start).Seconds()); passed < 5 || passed > most {
			t.Errorf("%d of 20 passed, want 5 to %d", passed, most)
		}
	})
	check(t, "a room's rate is refilled", func(t *testing.T) {
		s := join(t, newRoom(t, m{"maximumMessageRatePerSecond": 1}), "u", all...)
		tally(t, s, 3, say)
		s.askUntilPassed(t, m{"Action": "SEND_MESSAGE", "Content": "x"})
	})
	check(t, "a room's rate counts accepted messages only", func(t *testing.T) {
		room := newRoom(t, m{"maximumMessageRatePerSecond": 1, "maximumMessageLength": 1})
		s := join(t, room, "u", all...)
		s.say(t, "too long")
		s.say(t, "")
		s.say(t, "x")
		s.nextError(t, 400)
		s.nextError(t, 400)
		s.nextMessage(t, "x")
	})
	check(t, "a room's rate does not count deletions", func(t *testing.T) {
		s := join(t, newRoom(t, m{"maximumMessageRatePerSecond": 1}), "u", all...)
		for range 4 {
			s.do(t, m{"Action": "DELETE_MESSAGE", "Id": noID})
			s.nextEvent(t, "aws:DELETE_MESSAGE")
		}
		s.say(t, "x")
		s.nextMessage(t, "x")
	})
	check(t, "a throttled connection stays open", func(t *testing.T) {
		room := newRoom(t, nil)
		s := join(t, room, "u", all...)
		tally(t, s, 40, say)
		s.wantQuiet(t, room)
	})
}
