package quota

import "time"

// Bucket is a token bucket for a rate per second: its capacity is the rate, and
// it refills by the rate every second. It is small enough to have one for every
// room and every connection, and needs no goroutine. It is not safe for
// concurrent use. The zero value allows everything.
//
// Its state is one time: when it will be full again if no more tokens are taken. Every
// token taken moves that time by the time that one token takes to refill (the generic
// cell rate algorithm).
type Bucket struct {
	rate int
	full time.Time
}

// NewBucket returns a full bucket of rate tokens; 0 allows everything.
func NewBucket(rate int) Bucket { return Bucket{rate: rate} }

// Rate returns the rate per second; 0 means that there is none.
func (b *Bucket) Rate() int { return b.rate }

// SetRate changes the rate. The share of the capacity that is filled stays the same.
func (b *Bucket) SetRate(rate int) { b.rate = rate }

// Allow takes a token and reports whether there was one. Calls must be in the order of
// their times. If the clock is set back, the bucket is empty for a second at most.
func (b *Bucket) Allow(now time.Time) bool {
	if b.rate <= 0 {
		return true
	}
	token := b.refill()
	capacity := time.Duration(b.rate) * token
	owed := min(max(b.full.Sub(now), 0), capacity)
	ok := owed+token <= capacity
	if ok {
		owed += token
	}
	b.full = now.Add(owed)
	return ok
}

// GiveBack undoes one granted Allow: the bucket gets its token back, up to its
// capacity.
func (b *Bucket) GiveBack() {
	if b.rate > 0 {
		b.full = b.full.Add(-b.refill()) // A time in the past is a full bucket.
	}
}

// refill is the time that one token takes, rounded up so that the rate is never exceeded.
func (b *Bucket) refill() time.Duration {
	rate := time.Duration(b.rate)
	return (time.Second + rate - 1) / rate
}
