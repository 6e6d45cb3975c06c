//go:build linux

package load

import (
	"math/bits"
	"time"
)

// Histogram counts times up to a day in buckets that are at most 2 % wide.
type Histogram struct {
	counts [42 * histogramSteps]int64
	total  int64
}

// histogramSteps are the buckets between two powers of two, in microseconds.
const histogramSteps = 64

func bucket(us uint64) int {
	if us < histogramSteps {
		return int(us)
	}
	shift := bits.Len64(us) - 7
	return (shift+1)*histogramSteps + int(us>>shift) - histogramSteps
}

// Add counts d.
func (h *Histogram) Add(d time.Duration) {
	us := min(max(d.Microseconds(), 0), int64(24*time.Hour/time.Microsecond))
	h.counts[bucket(uint64(us))]++
	h.total++
}

// Reset forgets everything.
func (h *Histogram) Reset() { *h = Histogram{} }

// Quantile is the time that the share q of all times does not exceed, to the
// width of a bucket; 0 if there are none.
func (h *Histogram) Quantile(q float64) time.Duration {
	rank := int64(q * float64(h.total))
	for i, n := range h.counts {
		if rank -= n; rank < 0 {
			shift := max(i/histogramSteps-1, 0)
			if i < histogramSteps {
				return time.Duration(i) * time.Microsecond
			}
			return time.Duration((i%histogramSteps+histogramSteps)<<shift) * time.Microsecond
		}
	}
	return 0
}
