package edge

import (
	"testing"
	"testing/synctest"
)

// TestWorkersGoHome holds that workers are there for everybody at once, that some
// stay for those who come later, and that stop leaves nobody behind: synctest
// fails if it does.
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
