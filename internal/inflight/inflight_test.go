package inflight_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"confab/internal/chat"
	"confab/internal/inflight"
	"confab/internal/protocol"
	"confab/internal/roomlog"
	"confab/internal/view"
)

func TestArrivals(t *testing.T) {
	over, cancel := context.WithCancel(t.Context())
	cancel()
	for _, tt := range []struct {
		name    string
		before  roomlog.Outcome
		settle  func(inflight.Arrivals)
		arrived bool
	}{
		{"delivered before", roomlog.Delivered, nil, true},
		{"passed over before", roomlog.PassedOver, nil, false},
		{"delivered", roomlog.Unknown, func(s inflight.Arrivals) { s.Settle("op", false) }, true},
		{"held, then delivered", roomlog.Held, func(s inflight.Arrivals) { s.Settle("op", false) }, true},
		{"passed over", roomlog.Unknown, func(s inflight.Arrivals) { s.Settle("op", true) }, false},
		{"settled twice", roomlog.Unknown, func(s inflight.Arrivals) { s.Settle("op", false); s.Settle("op", true) }, true},
		{"not in time", roomlog.Unknown, func(s inflight.Arrivals) { s.Settle("another", false) }, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := inflight.Arrivals{}
			a := s.Expect("op", tt.before, false)
			told := 0
			a.WhenAnswered(func() { told++ })
			if tt.settle != nil {
				tt.settle(s)
			}
			settled := false
			select {
			case <-a.Settled():
				settled = true
			default:
			}
			ctx := over
			if settled {
				ctx = t.Context()
			}
			err := a.Wait(ctx)
			if arrived := err == nil; arrived != tt.arrived || err != nil && chat.CodeOf(err) != chat.Unavailable {
				t.Errorf("Wait: %v", err)
			}
			if settled != (told == 1) {
				t.Errorf("settled: %v, told %d times", settled, told)
			}
			s.Remove(a)
			if len(s) != 0 && tt.name != "not in time" {
				t.Errorf("%d arrivals are left", len(s))
			}
		})
	}
}

// TestArrivals_again has three requests with one id: all that have not ended are settled.
func TestArrivals_again(t *testing.T) {
	for ended := -1; ended < 3; ended++ {
		t.Run(fmt.Sprintf("without %d", ended), func(t *testing.T) {
			s := inflight.Arrivals{}
			var all []*inflight.Arrival
			for range 3 {
				all = append(all, s.Expect("op", roomlog.Unknown, false))
			}
			if ended >= 0 {
				s.Remove(all[ended])
			}
			s.Settle("op", false)
			for i, a := range all {
				settled := false
				select {
				case <-a.Settled():
					settled = true
				default:
				}
				if settled != (i != ended) {
					t.Errorf("request %d: settled is %v", i, settled)
				}
				s.Remove(a)
			}
			if len(s) != 0 {
				t.Errorf("%d arrivals are left", len(s))
			}
		})
	}
}

// TestArrivals_outlasted has an operation that is not done when its frame is delivered.
func TestArrivals_outlasted(t *testing.T) {
	for _, before := range []roomlog.Outcome{roomlog.Unknown, roomlog.Delivered} {
		s := inflight.Arrivals{}
		a := s.Expect("op", before, true)
		a.WhenAnswered(func() { t.Error("the frame is taken for an answer") })
		s.Settle("op", false)
		select {
		case <-a.Answers():
			t.Error("the frame is an answer")
		default:
		}
		if err := a.Wait(t.Context()); err != nil {
			t.Error(err)
		}
	}
}

func TestCalls(t *testing.T) {
	s, now := inflight.NewCalls(), time.Unix(1, 0)
	one, two := view.ID{Number: 1}, view.ID{Number: 2}
	c, known := s.Begin("op", one, now)
	if known {
		t.Error("it is known before it was asked for")
	}
	if s.AskedOutside(one, "op") || !s.AskedOutside(two, "op") || s.AskedOutside(two, "another") {
		t.Error("asked in view 1 only")
	}
	again, known := s.Begin("op", two, now)
	if !known || again != c || s.AskedOutside(two, "op") {
		t.Error("a second question is not the same call, in the view of the second")
	}
	c.Answer(protocol.DoAnswer{ID: "op"})
	if a := again.Wait(); a.ID != "op" {
		t.Errorf("answer: %+v", a)
	}
	s.Expire(now.Add(protocol.CallsLast))
	if _, known := s.Begin("op", two, now); !known {
		t.Error("it is forgotten too early")
	}
	s.Expire(now.Add(protocol.CallsLast + 1))
	c, known = s.Begin("op", two, now)
	if known {
		t.Error("it is remembered for too long")
	}
	s.Forget(c)
	if _, known := s.Begin("op", two, now); known {
		t.Error("it is not forgotten")
	}
}
