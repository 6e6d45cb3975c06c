// Package background runs low-priority work: fsync and yielding that leave the
// processor to live traffic.
//
// Go's scheduler is fair: a busy goroutine gets as much of a processor as one that
// answers a client. On a server with one processor this has two effects, measured with
// every room logged to files.
//
// A goroutine in fsync(2) keeps its processor (a P of the scheduler) until the
// scheduler's monitor notices. That took nearly all of the call's time, 1 to 10 ms.
// Sync hands the call to the kernel instead.
//
// The scheduler polls the network only when no goroutine is runnable, or every 10 ms.
// Goroutines that call runtime.Gosched in turn stay runnable, so the network waits.
// Yield avoids that.
package background

import (
	"os"
	"runtime"
)

// Sync makes what was written to the file durable, as (*os.File).Sync does. It falls
// back to (*os.File).Sync where the kernel accepts no syncs, because the system is not
// Linux or a sandbox forbids it.
func Sync(f *os.File) error { return sync(f) }

// SyncDir makes the names in a directory durable.
func SyncDir(path string) error {
	d, err := os.Open(path)
	if err != nil {
		return err
	}
	defer d.Close()
	return Sync(d)
}

// yieldsAtOnce is how many goroutines Yield serves at a time. Any more only move behind
// the runnable ones.
const yieldsAtOnce = 4

// pipes are the unused ones; nil stands for one that is not yet made.
var pipes = func() chan *selfPipe {
	free := make(chan *selfPipe, yieldsAtOnce)
	for range yieldsAtOnce {
		free <- nil
	}
	return free
}()

// Yield returns after all runnable goroutines have run and the network was polled: soon
// on an idle processor, within about 10 ms on a busy one. Call it between pieces of
// work of up to a millisecond.
func Yield() {
	select {
	case b := <-pipes:
		defer func() { pipes <- b }()
		if b == nil {
			fresh, err := newSelfPipe()
			if err != nil {
				runtime.Gosched() // The next call retries.
				return
			}
			b = fresh
		}
		b.wait()
	default:
		runtime.Gosched()
	}
}
