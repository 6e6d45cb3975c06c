package background

import (
	"errors"
	"os"

	"confab/internal/kernel"
)

// atOnce is how many syncs the kernel gets at the same time. Later ones wait, because
// more do not make a disk faster.
const atOnce = 4

// queues are the free ones; nil stands for one that is not yet made.
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
		// The next sync retries when this fails.
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
