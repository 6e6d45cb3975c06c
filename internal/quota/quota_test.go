package quota_test

import (
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"confab/internal/quota"
)

func TestAWS(t *testing.T) {
	want := quota.Numbers{
		"Rooms": 50000, "Logging configurations": 10, "Concurrent chat connections": 50000,
		"Rate of SendMessage requests across all your rooms":    1000,
		"Rate of DeleteMessage requests across all your rooms":  100,
		"Rate of DisconnectUser requests across all your rooms": 100,
	}
	for rate, operations := range map[int][]string{
		200: {"CreateChatToken"},
		100: {"DeleteMessage", "DisconnectUser", "SendEvent"},
		10:  {"ListTagsForResource", "TagResource", "UntagResource"},
		5:   {"CreateRoom", "DeleteRoom", "GetRoom", "ListRooms", "UpdateRoom"},
		3: {
			"CreateLoggingConfiguration", "DeleteLoggingConfiguration", "GetLoggingConfiguration",
			"ListLoggingConfigurations", "UpdateLoggingConfiguration",
		},
	} {
		for _, operation := range operations {
			want[quota.Calls(operation)] = rate
		}
	}
	if d := cmp.Diff(want, quota.AWSNumbers()); d != "" {
		t.Error(d)
	}
}

func TestKnown(t *testing.T) {
	for name := range quota.AWSNumbers() {
		if !quota.Known(name) {
			t.Errorf("%q is not known", name)
		}
	}
	for _, name := range []quota.Name{"", "rooms", quota.Calls("CreateHouse")} {
		if quota.Known(name) {
			t.Errorf("%q is known", name)
		}
	}
}

func TestSet(t *testing.T) {
	t.Run("names have buckets of their own", func(t *testing.T) {
		now := start
		s := quota.New(quota.AWSNumbers(), func() time.Time { return now })
		for range 5 {
			if !s.Allow(t.Context(), quota.Calls("GetRoom")) {
				t.Fatal("GetRoom was refused within its rate")
			}
		}
		if s.Allow(t.Context(), quota.Calls("GetRoom")) {
			t.Error("a sixth GetRoom was allowed")
		}
		if !s.Allow(t.Context(), quota.Calls("ListRooms")) {
			t.Error("ListRooms paid for GetRoom")
		}
		now = now.Add(200 * time.Millisecond)
		if !s.Allow(t.Context(), quota.Calls("GetRoom")) {
			t.Error("GetRoom was refused after a fifth of a second")
		}
	})
	t.Run("off is unlimited", func(t *testing.T) {
		s := quota.Off()
		for range 5000 {
			if !s.Allow(t.Context(), quota.SendMessage) {
				t.Fatal("refused")
			}
		}
		if s.Limit(quota.Rooms) != 0 {
			t.Error("rooms are limited")
		}
	})
	t.Run("many callers share one bucket", func(t *testing.T) {
		s := quota.New(quota.Numbers{quota.SendMessage: 100}, func() time.Time { return start })
		var given atomic.Int32
		var wg sync.WaitGroup
		for range 8 {
			wg.Go(func() {
				for range 50 {
					if s.Allow(t.Context(), quota.SendMessage) {
						given.Add(1)
					}
				}
			})
		}
		wg.Wait()
		if given.Load() != 100 {
			t.Errorf("%d passed, want 100", given.Load())
		}
	})
}
