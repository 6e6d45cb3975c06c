package edge

import (
	"context"
	"strconv"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

func TestPacer(t *testing.T) {
	t.Run("a burst passes, further handshakes are delayed to the rate, too many are refused", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			p := newPacer(5)
			start := time.Now()
			var mu sync.Mutex
			passed, refused := []time.Duration{}, 0
			var all sync.WaitGroup
			for range 100 {
				all.Go(func() {
					ok := p.wait(t.Context(), nil, "ann")
					mu.Lock()
					defer mu.Unlock()
					if ok {
						passed = append(passed, time.Since(start))
					} else {
						refused++
					}
				})
			}
			all.Wait()
			// Two seconds' worth at once, then five a second for as long as a handshake
			// may be held.
			if want := 10 + 50; len(passed) != want || refused != 100-want {
				t.Errorf("%d passed and %d were refused, want %d and %d", len(passed), refused, want, 100-want)
			}
			if last := passed[len(passed)-1]; last != maxHold {
				t.Errorf("the last waited %v, want %v", last, maxHold)
			}
		})
	})
	t.Run("a storm on the node is held for a minute", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			p := newNodePacer(100)
			start := time.Now()
			var mu sync.Mutex
			var last time.Duration
			passed := 0
			var all sync.WaitGroup
			for range 7000 {
				all.Go(func() {
					if p.wait(t.Context(), nil, "") {
						mu.Lock()
						defer mu.Unlock()
						passed++
						last = max(last, time.Since(start))
					}
				})
			}
			all.Wait()
			if want := 5 + 6000; passed != want || last != maxStorm {
				t.Errorf("%d passed, the last after %v; want %d and %v", passed, last, want, maxStorm)
			}
		})
	})
	t.Run("keys do not wait for each other", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			p := newPacer(1)
			start := time.Now()
			for i := range 100 {
				if !p.wait(t.Context(), nil, strconv.Itoa(i)) {
					t.Fatalf("key %d was refused", i)
				}
			}
			if waited := time.Since(start); waited != 0 {
				t.Errorf("waited %v", waited)
			}
		})
	})
	t.Run("a handshake that ends while waiting leaves its turn to others", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			p := newPacer(1)
			p.wait(t.Context(), nil, "ann")
			p.wait(t.Context(), nil, "ann")
			ctx, cancel := context.WithCancel(t.Context())
			gone := make(chan bool)
			go func() { gone <- p.wait(ctx, nil, "ann") }()
			synctest.Wait()
			cancel()
			if <-gone {
				t.Error("the one who left passed")
			}
			start := time.Now()
			if !p.wait(t.Context(), nil, "ann") || time.Since(start) > time.Second {
				t.Errorf("the next waited %v", time.Since(start))
			}
		})
	})
	t.Run("concurrent refusals do not postpone the next turn", func(t *testing.T) {
		p := newPacer(1)
		for turn, _ := p.reserve("ann"); turn != nil; turn, _ = p.reserve("ann") {
		}
		var all sync.WaitGroup
		for range 8 {
			all.Go(func() {
				for range 5000 {
					p.reserve("ann")
				}
			})
		}
		all.Wait()
		if owed := -p.keys["ann"].Tokens(); owed > maxHold.Seconds()+1 {
			t.Errorf("the next turn is %.0f seconds away", owed)
		}
	})
	t.Run("idle keys are forgotten", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			p := newPacer(5)
			for i := range 10 * minPrune {
				p.wait(t.Context(), nil, strconv.Itoa(i))
				time.Sleep(time.Millisecond)
			}
			if n := len(p.keys); n > 4*minPrune {
				t.Errorf("%d keys are remembered", n)
			}
		})
	})
	t.Run("a rate of 0 delays no handshake", func(t *testing.T) {
		p := newPacer(0)
		for range 1000 {
			if !p.wait(t.Context(), nil, "ann") {
				t.Fatal("refused")
			}
		}
	})
}

func TestSlots(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSlots(1)
		if !s.acquire(t.Context(), nil) {
			t.Fatal("the first was refused")
		}
		start := time.Now()
		if s.acquire(t.Context(), nil) {
			t.Fatal("there were two")
		}
		if waited := time.Since(start); waited != maxHold {
			t.Errorf("refused after %v, want %v", waited, maxHold)
		}
		next := make(chan bool)
		go func() { next <- s.acquire(t.Context(), nil) }()
		synctest.Wait()
		s.release()
		if !<-next {
			t.Error("a place that became free was not given on")
		}
	})
}
