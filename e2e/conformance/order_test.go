package conformance

import (
	"fmt"
	"slices"
	"strconv"
	"sync"
	"testing"
	"time"
)

func TestOrder(t *testing.T) {
	t.Parallel()
	check(t, "everybody sees one order", func(t *testing.T) {
		const senders, each = 6, 8
		room := newRoom(t, m{"maximumMessageRatePerSecond": 100})
		viewers := []*session{join(t, room, "v1"), join(t, room, "v2"), join(t, room, "v3")}
		talkers := make([]*session, senders)
		for i := range talkers {
			talkers[i] = join(t, room, fmt.Sprint("u", i), all...)
		}
		var wait sync.WaitGroup
		for i, s := range talkers {
			wait.Go(func() {
				for n := range each {
					s.say(t, fmt.Sprintf("%d.%d", i, n))
				}
			})
		}
		wait.Wait()
		var first []string
		for _, s := range append(viewers, talkers...) {
			var order []string
			for range senders * each {
				f := s.next(t)
				if f.Type != "MESSAGE" {
					t.Fatalf("frame %s, want a MESSAGE", f.raw)
				}
				order = append(order, f.Content)
			}
			if first == nil {
				first = order
			} else if !slices.Equal(first, order) {
				t.Fatalf("two orders:\n%v\n%v", first, order)
			}
		}
		for i := range senders {
			n := 0
			for _, content := range first {
				if content == fmt.Sprintf("%d.%d", i, n) {
					n++
				}
			}
			if n != each {
				t.Errorf("the messages of sender %d are not in the order in which they were sent: %v", i, first)
			}
		}
	})
	check(t, "who joins in the middle misses nothing from then on", func(t *testing.T) {
		room := newRoom(t, nil)
		const events = 300
		done := make(chan struct{})
		go func() {
			defer close(done)
			for i := range events {
				sendEvent(t, room, fmt.Sprint(i))
			}
		}()
		var sessions []*session
		for joining := true; joining; {
			sessions = append(sessions, join(t, room, "u"))
			select {
			case <-done:
				joining = false
			default:
				joining = len(sessions) < 50
			}
		}
		<-done
		sendEvent(t, room, "end")
		for _, s := range sessions {
			last := -1
			for f := s.next(t); f.EventName != "end"; f = s.next(t) {
				n, err := strconv.Atoi(f.EventName)
				if err != nil || (last >= 0 && n != last+1) {
					t.Fatalf("event %s behind %d", f.EventName, last)
				}
				last = n
			}
			if last >= 0 && last != events-1 {
				t.Errorf("the last event is %d, want %d", last, events-1)
			}
		}
	})
	check(t, "five hundred viewers get the messages of one sender", func(t *testing.T) {
		room := newRoom(t, nil)
		speaker := join(t, room, "speaker", all...)
		viewers := make([]*session, 500)
		for i := range viewers {
			viewers[i] = join(t, room, fmt.Sprint("v", i))
		}
		for i := range 5 {
			speaker.say(t, fmt.Sprint(i))
		}
		for _, s := range viewers {
			for i := range 5 {
				s.nextMessage(t, fmt.Sprint(i))
			}
		}
	})
	check(t, "times never run backwards", func(t *testing.T) {
		room := newRoom(t, m{"maximumMessageRatePerSecond": 100})
		viewer := join(t, room, "viewer")
		a, b := join(t, room, "a", all...), join(t, room, "b", all...)
		for range 9 {
			a.say(t, "x")
			b.say(t, "x")
		}
		var last time.Time
		for range 18 {
			at, err := time.Parse(time.RFC3339Nano, viewer.next(t).SendTime)
			if err != nil {
				t.Fatal(err)
			}
			if at.Before(last.Add(-time.Second)) {
				t.Errorf("SendTime %s behind %s", at, last)
			}
			last = at
		}
	})
	check(t, "answers come in the order of the requests", func(t *testing.T) {
		s := join(t, newRoom(t, nil), "u", all...)
		s.do(t, m{"Action": "SEND_MESSAGE", "RequestId": "1", "Content": "x"})
		s.do(t, m{"Action": "SHOUT", "RequestId": "2"})
		s.do(t, m{"Action": "DELETE_MESSAGE", "RequestId": "3", "Id": noID})
		s.do(t, m{"Action": "SEND_MESSAGE", "RequestId": "4"})
		s.do(t, m{"Action": "SEND_MESSAGE", "RequestId": "5", "Content": "y"})
		for _, want := range []string{"1", "2", "3", "4", "5"} {
			if f := s.next(t); f.RequestID != want {
				t.Errorf("frame %s, want the answer to request %s", f.raw, want)
			}
		}
	})
}
