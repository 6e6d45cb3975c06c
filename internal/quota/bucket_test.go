package quota_test

import (
	"testing"
	"time"

	"pgregory.net/rapid"

	"confab/internal/quota"
)

var start = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)

func TestBucket(t *testing.T) {
	t.Run("a full bucket gives its capacity at once, then refills by the rate", func(t *testing.T) {
		b := quota.NewBucket(10)
		for i := range 10 {
			if !b.Allow(start) {
				t.Fatalf("token %d was refused", i)
			}
		}
		if b.Allow(start) {
			t.Error("an eleventh token was given")
		}
		if b.Allow(start.Add(99 * time.Millisecond)) {
			t.Error("a token came back before its time")
		}
		if !b.Allow(start.Add(100 * time.Millisecond)) {
			t.Error("no token after a tenth of a second")
		}
	})
	t.Run("the zero bucket allows everything", func(t *testing.T) {
		var b quota.Bucket
		for range 1000 {
			if !b.Allow(start) {
				t.Fatal("refused")
			}
		}
	})
	t.Run("a higher rate counts at once", func(t *testing.T) {
		b := quota.NewBucket(1)
		b.Allow(start)
		b.SetRate(100)
		if b.Allow(start) {
			t.Error("the empty bucket was filled by a change of its rate")
		}
		for i := range 50 {
			if !b.Allow(start.Add(500 * time.Millisecond)) {
				t.Fatalf("token %d after half a second was refused", i)
			}
		}
		if b.Allow(start.Add(500*time.Millisecond)) || b.Rate() != 100 {
			t.Errorf("more than half of the rate %d after half a second", b.Rate())
		}
	})
	t.Run("a lower rate counts at once", func(t *testing.T) {
		b := quota.NewBucket(100)
		b.Allow(start)
		b.SetRate(2)
		if !b.Allow(start) || b.Allow(start) {
			t.Error("want one of two tokens")
		}
	})
	t.Run("a clock that is set back costs a second at most", func(t *testing.T) {
		b := quota.NewBucket(2)
		b.Allow(start)
		b.Allow(start)
		earlier := start.Add(-time.Hour)
		if b.Allow(earlier) {
			t.Error("want an empty bucket")
		}
		if !b.Allow(earlier.Add(time.Second)) {
			t.Error("want a token a second later")
		}
	})
}

// In no period does a bucket grant more than what it holds and what refills meanwhile.
// A caller no faster than the rate gets every request.
func TestBucketProperty(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		rate := rapid.IntRange(1, 2000).Draw(t, "rate")
		steps := rapid.SliceOfN(rapid.Int64Range(0, int64(3*time.Second)/int64(rate)), 1, 400).Draw(t, "steps")
		b := quota.NewBucket(rate)
		var given []time.Time
		now := start
		for _, step := range steps {
			now = now.Add(time.Duration(step))
			if b.Allow(now) {
				given = append(given, now)
			}
		}
		for i := range given {
			for j := i; j < len(given); j++ {
				n := int64(j - i + 1)
				// In nanoseconds, so that nothing is rounded.
				if allowed := int64(rate)*int64(time.Second) + int64(rate)*int64(given[j].Sub(given[i])); n*int64(time.Second) > allowed {
					t.Fatalf("%d tokens in %v at %d/s", n, given[j].Sub(given[i]), rate)
				}
			}
		}
	})
	rapid.Check(t, func(t *rapid.T) {
		rate := rapid.IntRange(1, 2000).Draw(t, "rate")
		pause := rapid.Int64Range(int64(time.Second)/int64(rate)+1, int64(2*time.Second)).Draw(t, "pause")
		b := quota.NewBucket(rate)
		for i := range 3 * rate {
			if !b.Allow(start.Add(time.Duration(int64(i) * pause))) {
				t.Fatalf("request %d, one every %v, was refused at %d/s", i, time.Duration(pause), rate)
			}
		}
	})
}

func BenchmarkBucket(b *testing.B) {
	bucket := quota.NewBucket(10)
	b.ReportAllocs()
	now := start
	for b.Loop() {
		now = now.Add(time.Millisecond)
		bucket.Allow(now)
	}
}
