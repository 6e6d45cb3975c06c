package background_test

import (
	"encoding/binary"
	"io"
	"os"
	"runtime"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"confab/internal/background"
)

// TestYield checks that on a server with one processor, input is served between two
// pieces of background work. With runtime.Gosched in place of Yield it waits for 10 ms
// of them.
func TestYield(t *testing.T) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
	var pieces atomic.Int64
	var stop atomic.Bool
	worked := make(chan struct{})
	go func() {
		defer close(worked)
		for !stop.Load() {
			for begin := time.Now(); time.Since(begin) < 100*time.Microsecond; {
				continue
			}
			pieces.Add(1)
			background.Yield()
		}
	}()
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	defer w.Close()
	const rounds = 51
	go func() {
		for range rounds {
			time.Sleep(5 * time.Millisecond) // The reader waits by then.
			if _, err := w.Write(binary.NativeEndian.AppendUint64(nil, uint64(pieces.Load()))); err != nil {
				t.Error(err)
			}
		}
	}()
	waited := make([]int64, rounds)
	for i := range waited {
		var before [8]byte
		if _, err := io.ReadFull(r, before[:]); err != nil {
			t.Fatal(err)
		}
		waited[i] = pieces.Load() - int64(binary.NativeEndian.Uint64(before[:]))
	}
	stop.Store(true)
	<-worked
	slices.Sort(waited)
	t.Logf("pieces of work between write and read: %v", waited)
	if median := waited[rounds/2]; median > 8 {
		t.Errorf("what arrived waited for %d pieces of work", median)
	}
}

func BenchmarkYield(b *testing.B) {
	for b.Loop() {
		background.Yield()
	}
}
