package edge

import (
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

func TestMemory(t *testing.T) {
	t.Run("handshakes wait for free memory, but not for long", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			var used atomic.Int64
			m := newMemory(1000)
			m.used = used.Load
			used.Store(1001)
			start := time.Now()
			if m.wait(t.Context(), nil) || time.Since(start) != maxHold {
				t.Errorf("it waited %v, want a refusal after %v", time.Since(start), maxHold)
			}
			time.AfterFunc(time.Second, func() { used.Store(1000) })
			start = time.Now()
			if !m.wait(t.Context(), nil) || time.Since(start) > time.Second+memoryEach {
				t.Errorf("it waited %v, want a second", time.Since(start))
			}
		})
	})
	t.Run("the memory of the process is measured", func(t *testing.T) {
		if used := memoryUsed(); used < 1<<20 || used > 1<<40 {
			t.Errorf("it uses %d bytes", used)
		}
	})
	t.Run("without a limit no handshake waits", func(t *testing.T) {
		if !newMemory(0).wait(t.Context(), nil) {
			t.Error("refused")
		}
	})
}
