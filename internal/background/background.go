// Package background is for work that leaves its processor to live traffic.
//
// Go's scheduler is fair: a goroutine that has much to do gets as much of a
// processor as one that answers a client. On a server with one processor that
// shows in two ways, measured with every room logged to files.
//
// A goroutine in fsync(2) keeps its processor (a P of the scheduler) until the
// scheduler's monitor notices, which took nearly all of the call's time, 1 to 10
// ms. Sync hands it to the kernel instead.
//
// The network is asked for events only when nothing is left to run, or every 10
// ms. runtime.Gosched leaves something to run, so goroutines that call it in turn
// keep the network waiting. Yield does not.
package background

import (
	"os"
	"runtime"
)

// Sync makes what was written to the file durable, as (*os.File).Sync does. Where
// the kernel takes no syncs, because the system is not Linux or a sandbox forbids
// it, it is (*os.File).Sync.
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

// yieldsAtOnce is how many goroutines Yield serves at a time; more of them are
// only moved behind those that can run.
const yieldsAtOnce = 4

// bells are those that nobody uses; nil is one that is yet to be made.
var bells = func() chan *bell {
	free := make(chan *bell, yieldsAtOnce)
	for range yieldsAtOnce {
		free <- nil
	}
	return free
}()

// Yield returns when everything has run that could, and the network was asked for
// more: soon on a processor that has nothing to do, within about 10 ms on one that
// has no time left. Call it between pieces of work of up to a millisecond.
func Yield() {
	select {
	case b := <-bells:
		defer func() { bells <- b }()
		if b == nil {
			fresh, err := newBell()
			if err != nil {
				runtime.Gosched() // Tried again with the next call.
				return
			}
			b = fresh
		}
		b.wait()
	default:
		runtime.Gosched()
	}
}
