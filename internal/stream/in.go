package stream

import (
	"confab/internal/protocol"
)

// waitingItems bounds the items that wait behind a gap. Further ones are dropped and asked
// for again.
const waitingItems = 1 << 14

// In is what comes from another home in the view. Without a lock.
type In struct {
	next    uint64                   // count of the item that is due
	waiting map[uint64]protocol.Item // behind a gap
	tail    uint64                   // the number of items that the home has sent, from its last heartbeat
}

// NewIn returns a stream of which nothing has come.
func NewIn() In { return In{next: 1} }

// Last returns the count of the last item up to which none is missing.
func (in *In) Last() uint64 { return in.next - 1 }

// Has reports whether everything up to an item is here.
func (in *In) Has(count uint64) bool { return in.next > count }

// Gap reports whether items wait for others before them.
func (in *In) Gap() bool { return len(in.waiting) > 0 }

// Due returns the item that is due, if it is here.
func (in *In) Due() (it protocol.Item, ok bool) {
	it, ok = in.waiting[in.next]
	return it, ok
}

// Expect notes how many items the home has sent.
func (in *In) Expect(count uint64) { in.tail = max(in.tail, count) }

// Put takes an item and returns those that are due now, in their order.
func (in *In) Put(it protocol.Item) (due []protocol.Item) {
	if it.Count != in.next {
		if in.waiting == nil {
			in.waiting = map[uint64]protocol.Item{}
		}
		if it.Count > in.next && len(in.waiting) < waitingItems {
			in.waiting[it.Count] = it
		}
		return nil
	}
	for ok := true; ok; it, ok = in.waiting[in.next] {
		delete(in.waiting, in.next)
		in.next++
		due = append(due, it)
	}
	return due
}

// Lags reports whether items are missing that an earlier heartbeat of the home said
// it had sent, and notes what this one says.
func (in *In) Lags(sent uint64) bool {
	lags := in.next <= in.tail
	in.tail = sent
	return lags
}

// Missing returns the counts that have to be asked for; from > to if none has.
func (in *In) Missing() (from, to uint64) {
	to = in.tail
	for count := range in.waiting {
		to = max(to, count-1)
	}
	return in.next, to
}

// SkipTo gives up the items before first, which the home no longer has, and returns
// how many those are.
func (in *In) SkipTo(first uint64) (lost uint64) {
	if first > in.next {
		lost = first - in.next
		in.next = first
	}
	return lost
}
