package chatlog

import (
	"math/rand/v2"
	"time"
)

const (
	firstPause = 250 * time.Millisecond
	lastPause  = time.Minute
)

// pause is how long to wait after so many failures in a row: twice as long each
// time up to a minute, of which a random half is taken off, so that rooms and
// nodes do not come back together.
func pause(failures int) time.Duration {
	d := lastPause
	if failures < 10 {
		d = min(lastPause, firstPause<<max(0, failures-1))
	}
	return d/2 + rand.N(d/2) //nolint:gosec // Nobody gains by guessing it.
}
