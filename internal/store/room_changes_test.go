package store_test

import (
	"context"
	"slices"
	"testing"
	"time"

	"confab/internal/chat"
	"confab/internal/store"
)

// TestWatchRooms watches changes that another server makes, without a notice of them.
func TestWatchRooms(t *testing.T) {
	t.Parallel()
	all, _ := servers(t, 2)
	changed := make(chan string, 100)
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	defer func() { cancel(); <-done }()
	go func() {
		defer close(done)
		store.WatchRooms(ctx, all[1], func(_ context.Context, id string) { changed <- id })
	}()
	tagged, updated, deleted := create(t, all[0], &chat.Room{}), create(t, all[0], &chat.Room{}), create(t, all[0], &chat.Room{})
	change := func(r *chat.Room) {
		t.Helper()
		if err := all[0].ChangeTags(t.Context(), r.ARN, func(tags map[string]string) error { tags["confab:history"] = "1h"; return nil }); err != nil {
			t.Fatal(err)
		}
	}
	wait := func(what string, again func(), want ...string) {
		t.Helper()
		for began := time.Now(); len(want) > 0; {
			select {
			case id := <-changed:
				want = slices.DeleteFunc(want, func(w string) bool { return w == id })
			case <-time.After(time.Second):
				again()
			}
			if time.Since(began) > 9*time.Second {
				t.Fatalf("%s: not noticed within nine seconds: %v", what, want)
			}
		}
	}
	first := create(t, all[0], &chat.Room{})
	wait("the watch begins", func() { change(first) }, first.ARN.ID)
	change(tagged)
	if _, err := all[0].UpdateRoom(t.Context(), updated.ARN.ID, func(*chat.Room) error { return nil }); err != nil {
		t.Fatal(err)
	}
	if err := all[0].DeleteRoom(t.Context(), deleted.ARN.ID); err != nil {
		t.Fatal(err)
	}
	wait("changes", func() {}, tagged.ARN.ID, updated.ARN.ID, deleted.ARN.ID)
}
