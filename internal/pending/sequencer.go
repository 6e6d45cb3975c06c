package pending

import (
	"sync"
	"time"

	"confab/internal/quota"
)

// Sequencer orders the frames of a room. Its lock guards all fields. It is held while a frame is
// published, so that frames are published in the order of their numbers. The zero Sequencer admits
// all messages.
type Sequencer struct {
	sync.Mutex
	// Sequence is the number of the last frame.
	Sequence uint64
	// Waiting are the frames that have a number and are not published yet.
	Waiting Queue

	rate quota.Bucket
	turn uint64 // the epoch that rate belongs to
}

// SetRate sets how many messages a second the room takes. The caller does not hold the lock, here
// and below.
func (q *Sequencer) SetRate(perSecond int) {
	q.Lock()
	defer q.Unlock()
	q.rate.SetRate(perSecond)
}

// Allow counts a message against the room's rate. In a new epoch the rate continues where the
// previous home left it, after so many messages in the last second.
func (q *Sequencer) Allow(now time.Time, epoch uint64, messages int) bool {
	q.Lock()
	defer q.Unlock()
	if epoch != q.turn {
		q.turn = epoch
		q.rate = quota.NewBucket(q.rate.Rate())
		for range min(messages, q.rate.Rate()) {
			q.rate.Allow(now)
		}
	}
	return q.rate.Allow(now)
}

// GiveBack undoes Allow.
func (q *Sequencer) GiveBack() {
	q.Lock()
	defer q.Unlock()
	q.rate.GiveBack()
}
