package store_test

import (
	"bytes"
	"context"
	"math"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"confab/internal/chat"
	"confab/internal/chattoken"
	"confab/internal/poll"
	"confab/internal/store"
)

var _ chattoken.KeyStore = (*store.DB)(nil)

func tokenKey(id uint32) chattoken.Key {
	return chattoken.Key{ID: id, CreateTime: time.Unix(1_800_000_000, int64(id%1000)).UTC(), Secret: bytes.Repeat([]byte{byte(id), 0xa5}, 16)}
}

func TestTokenKeys(t *testing.T) {
	dialects(t, func(t *testing.T, open opener) {
		db := open(t)
		if keys := must(db.TokenKeys(t.Context()))(t); len(keys) != 0 {
			t.Fatalf("a new store has %d keys", len(keys))
		}
		first, second, third := tokenKey(7), tokenKey(math.MaxUint32), tokenKey(1)
		third.CreateTime = third.CreateTime.Add(time.Second)
		for _, k := range []chattoken.Key{third, second, first} {
			if err := db.AddTokenKey(t.Context(), k); err != nil {
				t.Fatal(err)
			}
		}
		wantCode(t, db.AddTokenKey(t.Context(), first), chat.Conflict)
		if diff := cmp.Diff([]chattoken.Key{first, second, third}, must(open(t).TokenKeys(t.Context()))(t)); diff != "" {
			t.Errorf("wanted oldest first (-), got (+):\n%s", diff)
		}
		if err := db.DeleteTokenKeys(t.Context(), 7, 8, 1); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff([]chattoken.Key{second}, must(db.TokenKeys(t.Context()))(t)); diff != "" {
			t.Errorf("wanted (-) and got (+) after a deletion:\n%s", diff)
		}
	})
}

// TestRing holds that the ring of chattoken works on the real store, on two nodes.
func TestRing(t *testing.T) {
	dialects(t, func(t *testing.T, open opener) {
		ring := func(db *store.DB) *chattoken.Ring {
			r := must(chattoken.NewRing(t.Context(), db, chattoken.Options{Region: region, Account: account}))(t)
			t.Cleanup(r.Close)
			return r
		}
		here, there := ring(open(t)), ring(open(t))
		if err := there.Rotate(t.Context()); err != nil {
			t.Fatal(err)
		}
		sealed := must(here.Seal(&chat.Token{Bearer: chat.Bearer{UserID: "user"}}))(t)
		if got := must(there.Open(t.Context(), sealed))(t); got.UserID != "user" {
			t.Errorf("the token is for %q, want user", got.UserID)
		}
	})
}

// TestFollowTokens has a server follow the keys and signers that another one changes.
func TestFollowTokens(t *testing.T) {
	t.Parallel()
	all, _ := servers(t, 2)
	ctx, cancel := context.WithCancel(t.Context())
	states := make(chan int64, 1000)
	var following sync.WaitGroup
	defer following.Wait()
	defer cancel()
	following.Go(func() {
		store.FollowTokens(ctx, all[1], &poll.Changes{
			News:   func(state int64) bool { states <- state; return false },
			Read:   func(context.Context) error { return nil },
			Turned: func(err error) { t.Error(err) },
		})
	})
	last := <-states
	signers := store.NewSigners(all[0])
	signer := func() error {
		return signers.Create(t.Context(), &chattoken.Signer{
			Name: "one", Algorithm: "HS256", Key: bytes.Repeat([]byte{'k'}, 32), Rooms: []string{"arn:aws:ivschat:*:*:room/*"},
		})
	}
	key := func(id uint32) func() error {
		return func() error {
			return all[0].AddTokenKey(t.Context(), chattoken.Key{ID: id, CreateTime: time.Now(), Secret: bytes.Repeat([]byte{'s'}, 32)})
		}
	}
	for _, step := range []struct {
		what   string
		change func() error
	}{
		{"a key", key(1 << 31)},
		{"another key", key(7)},
		{"the deletion of a key", func() error { return all[0].DeleteTokenKeys(t.Context(), 1<<31) }},
		{"a signer", signer},
		{"the deletion of a signer", func() error { return signers.Delete(t.Context(), "one") }},
		{"the signer again", signer},
	} {
		if err := step.change(); err != nil {
			t.Fatal(err)
		}
		late := time.After(10 * time.Second)
		before := last
		for last == before {
			select {
			case last = <-states:
			case <-late:
				t.Fatalf("%s is not noticed", step.what)
			}
		}
	}
}

// TestFollowEmpty has a server follow changes in a database without any: an empty table does not
// keep the changes of others from being read.
func TestFollowEmpty(t *testing.T) {
	t.Parallel()
	all, _ := servers(t, 2)
	if err := all[1].Webhooks.Start(t.Context(), func(context.Context) {}); err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	read, failed := make(chan struct{}, 1), make(chan error, 1)
	var following sync.WaitGroup
	defer following.Wait()
	defer stop()
	following.Go(func() {
		store.FollowTokens(ctx, all[1], &poll.Changes{
			News: func(state int64) bool { return state != 0 },
			Read: func(context.Context) error {
				stop()
				read <- struct{}{}
				return nil
			},
			Turned: func(err error) { failed <- err },
		})
	})
	if err := all[0].AddTokenKey(t.Context(), tokenKey(7)); err != nil {
		t.Fatal(err)
	}
	select {
	case <-read:
	case err := <-failed:
		t.Error(err)
	}
}
