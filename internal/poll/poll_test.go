package poll_test

import (
	"context"
	"errors"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"confab/internal/poll"
)

func TestEvery(t *testing.T) {
	bad := errors.New("the database is away")
	t.Run("each change between failure and success is reported once", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			ctx, cancel := context.WithTimeout(t.Context(), 6*time.Second+time.Millisecond)
			defer cancel()
			results := []error{nil, bad, bad, nil, nil, bad}
			var reported []error
			var at []time.Duration
			begin := time.Now()
			poll.Every(ctx, time.Second, func(context.Context) error {
				err := results[len(at)]
				at = append(at, time.Since(begin))
				return err
			}, func(err error) { reported = append(reported, err) })
			if want := []time.Duration{1e9, 2e9, 3e9, 4e9, 5e9, 6e9}; !slices.Equal(at, want) {
				t.Errorf("reads at %v, want %v", at, want)
			}
			if want := []error{bad, nil, bad}; !slices.Equal(reported, want) {
				t.Errorf("reported %v, want %v", reported, want)
			}
		})
	})
	t.Run("a read that the end of the context interrupts is not reported", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			ctx, cancel := context.WithCancel(t.Context())
			reads := 0
			poll.Every(ctx, time.Second, func(ctx context.Context) error {
				reads++
				cancel()
				return ctx.Err()
			}, func(err error) { t.Errorf("reported %v", err) })
			if reads != 1 {
				t.Errorf("%d reads after the end of the context", reads-1)
			}
		})
	})
}

// TestShift has two servers repeat something: they do not do it at the same time.
func TestShift(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		begin := time.Now()
		poll.Shift(1370 * time.Millisecond)
		defer poll.Shift(0)
		for _, want := range []time.Duration{370 * time.Millisecond, 1370 * time.Millisecond} {
			if poll.Sleep(t.Context(), time.Second); time.Since(begin) != want {
				t.Errorf("it happens after %s, want %s", time.Since(begin), want)
			}
		}
	})
}
