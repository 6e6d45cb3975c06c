package chatlog

import (
	"math/rand/v2"
	"time"
)

const (
	firstPause = 250 * time.Millisecond
	lastPause  = time.Minute
)

// pause returns the backoff after a number of failures in a row. It doubles each time,
// up to a minute, and is cut by a random part of up to half, so that rooms and nodes do
// not retry together.
func pause(failures int) time.Duration {
	d := lastPause
	if failures < 10 {
		d = min(lastPause, firstPause<<max(0, failures-1))
	}
	return d/2 + rand.N(d/2) //nolint:gosec // An attacker gains nothing by guessing it.
}
