package background

import (
	"errors"
	"os"

	"confab/internal/kernel"
)

// atOnce is how many syncs the kernel is asked for at the same time. Those behind
// them wait; a disk does not sync faster for more.
const atOnce = 4

// queues are those that are free; nil is one that is yet to be made.
var queues = func() chan *kernel.SyncQueue {
	free := make(chan *kernel.SyncQueue, atOnce)
	for range atOnce {
		free <- nil
	}
	return free
}()

func sync(f *os.File) error {
	q := <-queues
	defer func() { queues <- q }()
	if q == nil {
		// It is tried again with the next sync, when this fails.
		fresh, err := kernel.NewSyncQueue()
		if err != nil {
			return f.Sync()
		}
		q = fresh
	}
	err := q.Sync(f)
	if errors.Is(err, kernel.ErrNoSync) {
		return f.Sync()
	}
	return err
}
