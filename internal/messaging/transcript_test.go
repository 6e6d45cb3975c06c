package messaging_test

import (
	"slices"
	"sync"
	"testing"
	"testing/synctest"

	"confab/internal/chat"
	"confab/internal/messaging"
)

func TestTranscript(t *testing.T) {
	t.Run("a frame of a recorded room is seen only once it is durable, in order", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			w := newLive(t)
			w.change(func(r *chat.Room) { r.LoggingConfigurations = []string{"arn"} })
			commits := w.HoldCommits(t)
			c := w.join(t, w.token("ann"))
			var sent sync.WaitGroup
			for range 5 {
				sent.Go(func() {
					if err := w.send(t, c, "x"); err != nil {
						t.Error(err)
					}
				})
				synctest.Wait()
			}
			if n := len(w.Frames()); n != 0 {
				t.Fatalf("%d frames were seen before they were durable", n)
			}
			// The room is no longer recorded, but new frames still wait for their turn.
			w.change(func(r *chat.Room) { r.LoggingConfigurations = nil })
			sent.Go(func() {
				if err := w.send(t, c, "last"); err != nil {
					t.Error(err)
				}
			})
			synctest.Wait()
			if n := len(w.Frames()); n != 0 {
				t.Fatalf("%d frames overtook those that wait", n)
			}
			commits.Release()
			sent.Wait()
			var received, written []string
			for _, f := range w.Frames() {
				received = append(received, f["Id"].(string))
			}
			for _, f := range w.Appended() {
				written = append(written, f.ID)
			}
			if len(received) != 6 || !slices.Equal(received[:5], written) {
				t.Errorf("received %v, written %v", received, written)
			}
		})
	})
	t.Run("the event of a ban that is asked for twice is delivered once", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			w := newLive(t)
			w.change(func(r *chat.Room) { r.LoggingConfigurations = []string{"arn"} })
			w.join(t, w.token("ann"))
			commits := w.HoldCommits(t)
			var asked sync.WaitGroup
			for range 3 {
				asked.Go(func() {
					if err := messaging.RosterOf(w.engine).Disconnect(t.Context(), "ban", roomID, "bob", ""); err != nil {
						t.Error(err)
					}
				})
				synctest.Wait()
			}
			commits.Release()
			asked.Wait()
			if n := len(w.Frames()); n != 1 {
				t.Errorf("the room got %d events", n)
			}
		})
	})
	t.Run("sequence numbers have no gaps", func(t *testing.T) {
		w := newLive(t)
		w.change(func(r *chat.Room) { r.LoggingConfigurations, r.MaximumMessageRatePerSecond = []string{"arn"}, 100 })
		c := w.join(t, w.token("ann"))
		var all sync.WaitGroup
		for range 50 {
			all.Go(func() {
				if _, err := w.engine.SendEvent(t.Context(), roomID, "e", nil); err != nil {
					t.Error(err)
				}
				_ = c
			})
		}
		all.Wait()
		for i, f := range w.Appended() {
			if f.Sequence != uint64(i+1) {
				t.Fatalf("frame %d has sequence %d", i, f.Sequence)
			}
		}
	})
}
