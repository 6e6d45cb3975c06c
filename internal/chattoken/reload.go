package chattoken

import (
	"context"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"confab/internal/chat"
	"confab/internal/poll"
)

const (
	// reloadEvery is how often a node looks for new keys.
	reloadEvery = 2 * time.Second
	// pruneEvery is how often a node that follows changes looks for keys that are not needed
	// any more.
	pruneEvery = time.Minute
	// reloadAtMost limits the reloads for unknown key ids, so that garbage with random
	// ids cannot load the database.
	reloadAtMost = 500 * time.Millisecond
	// settle is how long a node waits after it first saw a key before it seals with it.
	// Every other node has reloaded by then, so each knows the key of every token.
	settle = 5 * time.Second
	// settled is the age from which every node knows a key, so a node that has just
	// started seals with the newest such key immediately. It allows for clocks that
	// differ by some minutes between nodes.
	settled = 10 * time.Minute
	// keepFor is how long a key is kept after its successor: the longest session, and a
	// margin over settled for the last tokens sealed with it.
	keepFor = chat.MaxSession + 30*time.Minute
)

// Rotate makes a new key. Every node seals with it some seconds later. Older keys stay
// valid for as long as their tokens can live, and are then deleted.
func (r *Ring) Rotate(ctx context.Context) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	all, err := r.store.TokenKeys(ctx)
	if err != nil {
		return fmt.Errorf("read the token keys: %w", err)
	}
	// The newest key must have the latest time, even if clocks differ.
	at := r.o.Now()
	for _, k := range all {
		if !at.After(k.CreateTime) {
			at = k.CreateTime.Add(time.Millisecond)
		}
	}
	if err := r.addKey(ctx, at); err != nil {
		return err
	}
	return r.reload(ctx)
}

// addKey makes a key and stores it.
func (r *Ring) addKey(ctx context.Context, at time.Time) error {
	for {
		k := Key{ID: newKeyID(), CreateTime: at, Secret: make([]byte, keySize)}
		rand.Read(k.Secret)
		err := r.store.AddTokenKey(ctx, k)
		if err != nil && chat.CodeOf(err) == chat.Conflict {
			continue // The id is taken: one in four billion.
		}
		if err != nil {
			return fmt.Errorf("store a new token key: %w", err)
		}
		return nil
	}
}

func newKeyID() uint32 {
	var b [4]byte
	for {
		rand.Read(b[:])
		if id := binary.BigEndian.Uint32(b[:]); id != 0 {
			return id
		}
	}
}

// load fills the ring for the first time.
func (r *Ring) load(ctx context.Context) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	err := r.reload(ctx)
	if errors.Is(err, errNoKeys) {
		if err := r.addKey(ctx, r.o.Now()); err != nil {
			return err
		}
		err = r.reload(ctx)
	}
	return errors.Join(err, r.reloadSigners(ctx))
}

var errNoKeys = errors.New("there are no token keys")

// reload reads the keys, selects the one that seals, and deletes those that are not
// needed any more. The caller holds mu.
func (r *Ring) reload(ctx context.Context) error {
	now := r.o.Now()
	r.lastReload = now
	all, err := r.store.TokenKeys(ctx)
	if err != nil {
		return fmt.Errorf("read the token keys: %w", err)
	}
	if len(all) == 0 {
		return errNoKeys
	}
	seen := make(map[uint32]time.Time, len(all))
	for _, k := range all {
		if at, ok := r.seen[k.ID]; ok {
			seen[k.ID] = at
		} else {
			seen[k.ID] = now
		}
	}
	r.seen = seen

	// If all keys are too new, the most nodes know the oldest.
	primary := 0
	for i := range all {
		if now.Sub(seen[all[i].ID]) >= settle || now.Sub(all[i].CreateTime) >= settled {
			primary = i
		}
	}
	r.waits = primary < len(all)-1
	if current := r.keys.Load(); current == nil || !current.same(all, all[primary].ID) {
		next, err := newKeys(all, all[primary].ID)
		if err != nil {
			return err
		}
		r.keys.Store(next)
	}
	return r.prune(ctx, all, now)
}

// prune deletes the keys whose successor is so old that all their tokens have expired.
func (r *Ring) prune(ctx context.Context, all []Key, now time.Time) error {
	var old []uint32
	for i := range len(all) - 1 {
		if now.Sub(all[i+1].CreateTime) >= keepFor {
			old = append(old, all[i].ID)
		}
	}
	if len(old) == 0 {
		return nil
	}
	if err := r.store.DeleteTokenKeys(ctx, old...); err != nil {
		return fmt.Errorf("delete old token keys: %w", err)
	}
	return nil
}

// reloadLoop looks for new keys until ctx ends.
func (r *Ring) reloadLoop(ctx context.Context) {
	defer close(r.done)
	look := func(ctx context.Context) error {
		r.mu.Lock()
		defer r.mu.Unlock()
		return errors.Join(r.reload(ctx), r.reloadSigners(ctx))
	}
	turned := func(err error) {
		if err == nil {
			r.o.Log.LogAttrs(ctx, slog.LevelInfo, "Token key reload recovered")
			return
		}
		r.o.Log.LogAttrs(ctx, slog.LevelError, "Token keys or signers not reloaded; the known ones stay in use", slog.Any("error", err))
	}
	if r.o.Follow == nil {
		poll.Every(ctx, reloadEvery, look, turned)
		return
	}
	r.o.Follow(ctx, &poll.Changes{News: r.isDue, Read: look, Turned: turned})
}

// isDue reports whether keys and signers must be read again: they have changed, or time has
// passed that a key waits for.
func (r *Ring) isDue(state int64) bool {
	if !r.mu.TryLock() {
		return true // They are being read. The watch must not wait for that.
	}
	defer r.mu.Unlock()
	changed := state != r.state
	r.state = state
	ago := r.o.Now().Sub(r.lastReload)
	return changed || r.waits && ago >= reloadEvery || ago >= pruneEvery
}

// reloadFor reloads because a token names an unknown key, unless the last reload was
// very recent. It returns the current keys.
func (r *Ring) reloadFor(ctx context.Context, id uint32) *keys {
	r.mu.Lock()
	defer r.mu.Unlock()
	if k := r.keys.Load(); k.has(id) || r.o.Now().Sub(r.lastReload) < reloadAtMost {
		return k
	}
	if err := r.reload(ctx); err != nil {
		r.o.Log.LogAttrs(ctx, slog.LevelWarn, "Token keys not reloaded for a token under an unknown key", slog.Any("error", err))
	}
	return r.keys.Load()
}
