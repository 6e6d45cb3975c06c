package edge

import (
	"testing"
	"testing/synctest"
)

// TestWorkersGoHome tests that each connection gets a worker at once, that some workers
// stay for later ones, and that stop ends all workers: otherwise synctest fails.
func TestWorkersGoHome(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorkers()
		held := make([]connection, 2*maxIdleWorkers)
		for i := range held {
			held[i].mu.Lock()
			w.serve(&held[i])
		}
		for i := range held {
			held[i].mu.Unlock()
		}
		synctest.Wait()
		if n := len(w.places); n != maxIdleWorkers {
			t.Errorf("%d workers stayed, want %d", n, maxIdleWorkers)
		}
		for range 3 {
			w.serve(&connection{})
			synctest.Wait()
		}
		if n := len(w.places); n != maxIdleWorkers {
			t.Errorf("%d workers stayed after more work, want %d", n, maxIdleWorkers)
		}
		w.stop(t.Context())
		w.stop(t.Context())
	})
}
