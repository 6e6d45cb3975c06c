package store_test

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil"

	"confab/internal/chat"
	"confab/internal/chatlog"
	"confab/internal/messaging"
	"confab/internal/store"
	"confab/internal/transcript"
)

var (
	_ messaging.Tokens     = (*store.DB)(nil)
	_ messaging.Rooms      = (*store.DB)(nil)
	_ messaging.Transcript = (*transcript.DB)(nil)
)

func tokenID() [16]byte { return chat.NewTokenID(time.Now()) }

func TestRedeem(t *testing.T) {
	dialects(t, func(t *testing.T, open opener) {
		metrics := store.NewMetrics(nil, chatlog.NewMetrics(nil))
		db := open(t, func(o *store.Options) { o.Metrics = metrics })
		expires := time.Now().Add(time.Hour)

		t.Run("a token can be used once", func(t *testing.T) {
			id := tokenID()
			if err := redeem(db, t.Context(), id, expires); err != nil {
				t.Fatal(err)
			}
			wantCode(t, redeem(db, t.Context(), id, expires), chat.Unauthenticated)
			wantCode(t, redeem(db, t.Context(), id, expires.Add(time.Hour)), chat.Unauthenticated)
			if err := redeem(db, t.Context(), tokenID(), expires); err != nil {
				t.Errorf("another token: %v", err)
			}
		})

		t.Run("of many at once exactly one wins, and they share commits", func(t *testing.T) {
			const tokens, uses = 100, 8
			var won [tokens]atomic.Int32
			var start, done sync.WaitGroup
			start.Add(1)
			for i := range tokens {
				id := tokenID()
				for range uses {
					done.Go(func() {
						start.Wait()
						err := redeem(db, t.Context(), id, expires)
						if err == nil {
							won[i].Add(1)
						} else if chat.CodeOf(err) != chat.Unauthenticated {
							t.Error(err)
						}
					})
				}
			}
			start.Done()
			done.Wait()
			for i := range won {
				if n := won[i].Load(); n != 1 {
					t.Errorf("token %d won %d times", i, n)
				}
			}
			if n := testutil.CollectAndCount(metrics.SQL.CommitSize); n == 0 {
				t.Error("no commit was counted")
			}
		})

		t.Run("a token that was used does not spoil those that share its commit", func(t *testing.T) {
			used := tokenID()
			if err := redeem(db, t.Context(), used, expires); err != nil {
				t.Fatal(err)
			}
			var start, done sync.WaitGroup
			start.Add(1)
			for i := range 300 {
				done.Go(func() {
					start.Wait()
					id := used
					if i%100 != 50 {
						id = tokenID()
						if err := redeem(db, t.Context(), id, expires); err != nil {
							t.Errorf("a new token: %v", err)
						}
					}
					if err := redeem(db, t.Context(), id, expires); chat.CodeOf(err) != chat.Unauthenticated {
						t.Errorf("a token that was used: %v", err)
					}
				})
			}
			start.Done()
			done.Wait()
		})

		t.Run("a caller who went away gets no promise and breaks none", func(t *testing.T) {
			for range 20 {
				id := tokenID()
				ctx, cancel := context.WithCancel(t.Context())
				first := make(chan error, 1)
				go func() { first <- redeem(db, ctx, id, expires) }()
				cancel()
				gone, second := <-first, redeem(db, t.Context(), id, expires)
				if gone == nil && second == nil {
					t.Fatal("one token was good twice")
				}
				if gone != nil {
					wantCode(t, gone, chat.Unavailable)
				}
				if second != nil {
					wantCode(t, second, chat.Unauthenticated)
				}
			}
			ctx, cancel := context.WithCancel(t.Context())
			cancel()
			id := tokenID()
			if err := redeem(db, ctx, id, expires); !errors.Is(err, context.Canceled) {
				t.Errorf("got %v, want that ctx was canceled", err)
			}
			if err := redeem(db, t.Context(), id, expires); err != nil {
				t.Errorf("a call that never began spent the token: %v", err)
			}
		})
	})
}

func TestRedeemAfterRestart(t *testing.T) {
	dialects(t, func(t *testing.T, open opener) {
		db := open(t)
		id := tokenID()
		if err := redeem(db, t.Context(), id, time.Now().Add(time.Hour)); err != nil {
			t.Fatal(err)
		}
		if err := db.Close(); err != nil {
			t.Fatal(err)
		}
		wantCode(t, redeem(db, t.Context(), tokenID(), time.Now()), chat.Unavailable)
		wantCode(t, redeem(open(t), t.Context(), id, time.Now().Add(time.Hour)), chat.Unauthenticated)
	})
}

// TestRedeemWhileClosing holds that closing answers everybody, truthfully.
func TestRedeemWhileClosing(t *testing.T) {
	dialects(t, func(t *testing.T, open opener) {
		db := open(t)
		expires := time.Now().Add(time.Hour)
		var mu sync.Mutex
		var spent [][16]byte
		var callers sync.WaitGroup
		begun := make(chan struct{}, 64)
		for range 64 {
			callers.Go(func() {
				for {
					id := tokenID()
					if err := redeem(db, t.Context(), id, expires); err != nil {
						if chat.CodeOf(err) != chat.Unavailable {
							t.Error(err)
						}
						return
					}
					mu.Lock()
					spent = append(spent, id)
					mu.Unlock()
					select {
					case begun <- struct{}{}:
					default:
					}
				}
			})
		}
		for range 64 {
			<-begun
		}
		if err := db.Close(); err != nil {
			t.Fatal(err)
		}
		callers.Wait()
		db = open(t)
		for _, id := range spent {
			wantCode(t, redeem(db, t.Context(), id, expires), chat.Unauthenticated)
		}
	})
}

func TestPruneRedemptions(t *testing.T) {
	dialects(t, func(t *testing.T, open opener) {
		c := newClock(time.Now())
		db := open(t, c.use)
		soon, late := tokenID(), tokenID()
		for range 1200 { // more than one transaction deletes
			if err := redeem(db, t.Context(), tokenID(), c.now()); err != nil {
				t.Fatal(err)
			}
		}
		for id, expires := range map[[16]byte]time.Time{soon: c.now().Add(time.Minute), late: c.now().Add(time.Hour)} {
			if err := redeem(db, t.Context(), id, expires); err != nil {
				t.Fatal(err)
			}
		}
		known := func(id [16]byte, expires time.Time, wantUsed, want bool) {
			t.Helper()
			used, known, err := store.Redeemed(t.Context(), db, &chat.Token{ID: id, Expires: expires})
			if err != nil || used != wantUsed || known != want {
				t.Errorf("used: %t, known: %t, %v; want %t, %t", used, known, err, wantUsed, want)
			}
		}
		known(soon, c.now().Add(time.Minute), true, true)
		known(tokenID(), c.now().Add(time.Minute), false, true)
		known(tokenID(), c.now().Add(-9*time.Minute), false, true)
		known(tokenID(), c.now().Add(-11*time.Minute), false, false)
		redeemed := func(id [16]byte) bool {
			err := redeem(db, t.Context(), id, c.now().Add(time.Hour))
			if err != nil {
				wantCode(t, err, chat.Unauthenticated)
			}
			return err != nil
		}
		for _, step := range []struct {
			after time.Duration
			kept  [][16]byte
			gone  [][16]byte
		}{
			{after: 2 * time.Minute, kept: [][16]byte{soon, late}},
			{after: 20 * time.Minute, kept: [][16]byte{late}, gone: [][16]byte{soon}},
		} {
			c.add(step.after)
			if err := db.Prune(t.Context()); err != nil {
				t.Fatal(err)
			}
			for _, id := range step.kept {
				if !redeemed(id) {
					t.Errorf("after %v a token that nodes with a late clock take is forgotten", step.after)
				}
			}
			for _, id := range step.gone {
				known(id, c.now().Add(-21*time.Minute), false, false)
				if redeemed(id) {
					t.Errorf("after %v a token that expired is still kept", step.after)
				}
			}
		}
	})
}
