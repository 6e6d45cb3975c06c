package chattoken_test

import (
	"context"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"confab/internal/chat"
	"confab/internal/chattoken"
)

// keyOf returns the id of the key that sealed a token.
func keyOf(t testing.TB, s string) uint32 {
	t.Helper()
	b, err := base64.RawURLEncoding.DecodeString(s)
	if err != nil || len(b) < 5 {
		t.Fatalf("%q is no token", s)
	}
	return binary.BigEndian.Uint32(b[1:])
}

func wantOpen(t testing.TB, r *chattoken.Ring, s string) {
	t.Helper()
	if _, err := r.Open(t.Context(), s); err != nil {
		t.Errorf("a good token is refused: %v", err)
	}
}

// nodes runs a test with fake time and with rings that share a store.
func nodes(t *testing.T, n int, test func(t *testing.T, store *memory, nodes []*chattoken.Ring)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		store := &memory{}
		var all []*chattoken.Ring
		for range n {
			r, err := chattoken.NewRing(t.Context(), store, here)
			if err != nil {
				t.Fatal(err)
			}
			defer r.Close()
			all = append(all, r)
		}
		test(t, store, all)
	})
}

func TestRotate(t *testing.T) {
	t.Run("no token is refused on any node at any time", func(t *testing.T) {
		nodes(t, 3, func(t *testing.T, _ *memory, nodes []*chattoken.Ring) {
			before := keyOf(t, seal(t, nodes[0], token()))
			for step := range 200 {
				if step == 20 {
					if err := nodes[0].Rotate(t.Context()); err != nil {
						t.Fatal(err)
					}
				}
				for _, r := range nodes {
					s := seal(t, r, token())
					for _, other := range nodes {
						wantOpen(t, other, s)
					}
				}
				time.Sleep(50 * time.Millisecond)
			}
			for i, r := range nodes {
				if keyOf(t, seal(t, r, token())) == before {
					t.Errorf("node %d seals with the old key, 9 seconds after the rotation", i)
				}
			}
		})
	})

	t.Run("a new key does not seal before every node has had the time to see it", func(t *testing.T) {
		nodes(t, 1, func(t *testing.T, _ *memory, nodes []*chattoken.Ring) {
			before := keyOf(t, seal(t, nodes[0], token()))
			if err := nodes[0].Rotate(t.Context()); err != nil {
				t.Fatal(err)
			}
			start := time.Now()
			for keyOf(t, seal(t, nodes[0], token())) == before {
				time.Sleep(10 * time.Millisecond)
			}
			if after := time.Since(start); after < 5*time.Second || after > 8*time.Second {
				t.Errorf("it seals after %v", after)
			}
		})
	})

	t.Run("a node that has just started seals with a key that all know", func(t *testing.T) {
		nodes(t, 1, func(t *testing.T, store *memory, nodes []*chattoken.Ring) {
			for range 2 {
				time.Sleep(time.Hour)
				if err := nodes[0].Rotate(t.Context()); err != nil {
					t.Fatal(err)
				}
			}
			fresh := newRing(t, store, here)
			defer fresh.Close()
			known := keyOf(t, seal(t, nodes[0], token()))
			if got := keyOf(t, seal(t, fresh, token())); got != known {
				t.Errorf("right after a rotation it seals with key %d, want %d as everybody", got, known)
			}
			time.Sleep(20 * time.Minute)
			later := newRing(t, store, here)
			defer later.Close()
			newest := keyOf(t, seal(t, nodes[0], token()))
			if got := keyOf(t, seal(t, later, token())); got != newest || newest == known {
				t.Errorf("long after a rotation it seals with key %d, want the newest, %d", got, newest)
			}
		})
	})

	t.Run("a node whose clock is behind can rotate", func(t *testing.T) {
		nodes(t, 1, func(t *testing.T, store *memory, nodes []*chattoken.Ring) {
			before := keyOf(t, seal(t, nodes[0], token()))
			late := here
			late.Now = func() time.Time { return time.Now().Add(-time.Hour) }
			other := newRing(t, store, late)
			defer other.Close()
			if err := other.Rotate(t.Context()); err != nil {
				t.Fatal(err)
			}
			time.Sleep(10 * time.Second)
			if keyOf(t, seal(t, nodes[0], token())) == before || keyOf(t, seal(t, other, token())) == before {
				t.Error("the old key still seals")
			}
		})
	})

	t.Run("old keys go when no token under them can be alive", func(t *testing.T) {
		nodes(t, 2, func(t *testing.T, store *memory, nodes []*chattoken.Ring) {
			if err := nodes[1].Rotate(t.Context()); err != nil {
				t.Fatal(err)
			}
			last := seal(t, nodes[0], token()) // under the old key
			time.Sleep(chat.MaxSession)
			wantOpen(t, nodes[0], last)
			wantOpen(t, nodes[1], last)
			if keys, _ := store.counts(); keys != 2 {
				t.Errorf("there are %d keys, want 2", keys)
			}
			time.Sleep(time.Hour)
			if keys, _ := store.counts(); keys != 1 {
				t.Errorf("there are %d keys, want 1", keys)
			}
			for _, r := range nodes {
				wantRefused(t, r, last, "under a deleted key")
				wantOpen(t, r, seal(t, r, token()))
			}
		})
	})
}

func TestUnknownKey(t *testing.T) {
	t.Run("is looked for at once", func(t *testing.T) {
		nodes(t, 2, func(t *testing.T, store *memory, nodes []*chattoken.Ring) {
			time.Sleep(time.Second)
			// Another node, whose only key is unknown to the others.
			alone := &memory{}
			other := newRing(t, alone, here)
			defer other.Close()
			for _, k := range alone.keys {
				if err := store.AddTokenKey(t.Context(), k); err != nil {
					t.Fatal(err)
				}
			}
			wantOpen(t, nodes[0], seal(t, other, token()))
		})
	})

	t.Run("an unusable token does not cause a query each time", func(t *testing.T) {
		nodes(t, 1, func(t *testing.T, store *memory, nodes []*chattoken.Ring) {
			_, before := store.counts()
			for range 1000 {
				wantRefused(t, nodes[0], "AQAAAAE"+strings.Repeat("A", 100), "garbage")
				time.Sleep(time.Millisecond)
			}
			if _, after := store.counts(); after-before > 3 {
				t.Errorf("a second of garbage caused %d reads", after-before)
			}
		})
	})
}

func TestStoreFails(t *testing.T) {
	nodes(t, 1, func(t *testing.T, store *memory, nodes []*chattoken.Ring) {
		r := nodes[0]
		old := seal(t, r, token())
		failure := errors.New("no database")
		store.set(failure)
		time.Sleep(time.Minute)
		wantOpen(t, r, old)
		wantOpen(t, r, seal(t, r, token()))
		wantRefused(t, r, "AQAAAAE"+strings.Repeat("A", 100), "garbage")
		if err := r.Rotate(t.Context()); !errors.Is(err, failure) {
			t.Errorf("rotating: %v", err)
		}
		store.set(nil)
		other, err := chattoken.NewRing(context.WithoutCancel(t.Context()), store, here)
		if err != nil {
			t.Fatal(err)
		}
		defer other.Close()
		if err := other.Rotate(t.Context()); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Minute)
		if keyOf(t, seal(t, r, token())) == keyOf(t, old) {
			t.Error("after the trouble the rotation is not seen")
		}
	})
}
