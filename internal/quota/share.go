package quota

import (
	"context"
	"sync"
	"time"
)

// Lender asks the node that keeps an account's rate for all nodes.
type Lender interface {
	// Borrow asks the keeper of the rate for up to n requests and returns how
	// many it grants. ok is false when the keeper does not answer.
	Borrow(ctx context.Context, name Name, n int) (granted int, ok bool)
	// Nodes is how many nodes share the rate.
	Nodes() int
}

// Requests are borrowed in batches, so that most requests need no round trip. Unused
// ones expire, so a node that becomes silent holds back few.
const (
	batchShare  = 50 // a batch is this part of a second's requests
	loanLasts   = 200 * time.Millisecond
	borrowLimit = 50 * time.Millisecond
)

// Share makes all nodes enforce the rates together. It is called once, before the first
// Allow.
func (s *Set) Share(l Lender) { s.lender = l }

// Lend takes up to n requests from a rate that this node keeps.
func (s *Set) Lend(name Name, n int) (granted int) {
	g := s.rates[name]
	if g == nil {
		return n
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	rate := g.bucket.Rate()
	if rate <= 0 {
		return n
	}
	for now := s.now(); granted < min(n, rate) && g.bucket.Allow(now); {
		granted++
	}
	return granted
}

// loan is the part of one rate that a node has borrowed.
type loan struct {
	mu      sync.Mutex
	tokens  int
	until   time.Time
	asking  chan struct{} // closed when the answer has arrived; nil when no request is under way
	granted int           // of the last answer
	share   Bucket        // used while the keeper does not answer
}

// take uses one borrowed request, and reports whether there was one.
func (l *loan) take(now time.Time) bool {
	if l.tokens == 0 || !now.Before(l.until) {
		return false
	}
	l.tokens--
	return true
}

func (l *loan) giveBack() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.tokens++
}

// borrow is Allow for a rate that all nodes share. One request asks for all that wait
// for the answer.
func (s *Set) borrow(ctx context.Context, name Name, g *guarded) bool {
	l := &g.loan
	for {
		l.mu.Lock()
		if l.take(s.now()) {
			l.mu.Unlock()
			return true
		}
		if l.asking == nil {
			return s.ask(ctx, name, l)
		}
		answer := l.asking
		l.mu.Unlock()
		select {
		case <-answer:
		case <-ctx.Done():
			return false
		}
		l.mu.Lock()
		refused := l.granted == 0
		l.mu.Unlock()
		if refused {
			return false
		}
	}
}

// ask borrows a batch and takes the first request of it. It is called with l.mu held
// and unlocks it.
func (s *Set) ask(ctx context.Context, name Name, l *loan) bool {
	limit := s.limits[name]
	l.asking = make(chan struct{})
	l.mu.Unlock()

	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), borrowLimit)
	granted, ok := s.lender.Borrow(ctx, name, max(1, limit/batchShare))
	cancel()

	l.mu.Lock()
	defer l.mu.Unlock()
	close(l.asking)
	l.asking = nil
	now := s.now()
	if !ok {
		l.share.SetRate(max(1, limit/max(1, s.lender.Nodes())))
		granted = 0
		if l.share.Allow(now) {
			granted = 1
		}
	}
	if !now.Before(l.until) {
		l.tokens = 0
	}
	l.granted = granted
	l.tokens += granted
	l.until = now.Add(loanLasts)
	return l.take(now)
}
