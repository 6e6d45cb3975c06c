package cluster

// waitingItems bounds the items that wait behind a gap. The rest is asked for again.
const waitingItems = 1 << 14

// inStream is what comes from another home in the view. Without a lock.
type inStream struct {
	next    uint64          // count of the item that is due
	waiting map[uint64]item // behind a gap
	tail    uint64          // what the home's last heartbeat said it has sent
}

func newInStream() inStream { return inStream{next: 1} }

// last returns the count of the last item up to which none is missing.
func (in *inStream) last() uint64 { return in.next - 1 }

// has reports whether everything up to an item is here.
func (in *inStream) has(count uint64) bool { return in.next > count }

// gap reports whether items wait for others before them.
func (in *inStream) gap() bool { return len(in.waiting) > 0 }

// due returns the item that is due, if it is here.
func (in *inStream) due() (it item, ok bool) {
	it, ok = in.waiting[in.next]
	return it, ok
}

// expect notes how many items the home has sent.
func (in *inStream) expect(count uint64) { in.tail = max(in.tail, count) }

// put takes an item and returns those that are due now, in their order.
func (in *inStream) put(it item) (due []item) {
	if it.count != in.next {
		if in.waiting == nil {
			in.waiting = map[uint64]item{}
		}
		if it.count > in.next && len(in.waiting) < waitingItems {
			in.waiting[it.count] = it
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

// lags reports whether items are missing that an earlier heartbeat of the home said
// it had sent, and notes what this one says.
func (in *inStream) lags(sent uint64) bool {
	lags := in.next <= in.tail
	in.tail = sent
	return lags
}

// missing returns the counts that have to be asked for; from > to if none has.
func (in *inStream) missing() (from, to uint64) {
	to = in.tail
	for count := range in.waiting {
		to = max(to, count-1)
	}
	return in.next, to
}

// skipTo gives up the items before first, which the home no longer has, and returns
// how many those are.
func (in *inStream) skipTo(first uint64) (lost uint64) {
	if first > in.next {
		lost = first - in.next
		in.next = first
	}
	return lost
}
