package edge

import (
	"context"
	"sync"
	"time"

	"golang.org/x/time/rate"
)

// Handshakes that would have to wait longer than this are refused: they are
// abuse, or the node is far too small. A storm, when the clients of a node that
// died come back to this one, may take longer.
const (
	maxHold  = 10 * time.Second
	maxStorm = time.Minute
)

// pacer spreads the handshakes of each key (a user, an address) to a rate, by
// making them wait. A nil pacer lets everybody pass.
type pacer struct {
	perSecond rate.Limit
	burst     int
	patience  time.Duration

	// mu guards keys and prune.
	mu    sync.Mutex
	keys  map[string]*rate.Limiter
	prune int // size of keys at which idle ones are forgotten
}

// minPrune is a map size that is not worth cleaning.
const minPrune = 1024

// newPacer allows perSecond handshakes a second and key, two seconds' worth of
// them at once: every token refresh connects twice. 0 is without a limit.
func newPacer(perSecond float64) *pacer {
	if perSecond <= 0 {
		return nil
	}
	return &pacer{
		perSecond: rate.Limit(perSecond),
		burst:     max(int(2*perSecond), 1),
		patience:  maxHold,
		keys:      make(map[string]*rate.Limiter),
		prune:     minPrune,
	}
}

// newNodePacer is the pacer of a whole node, with one key. Its bursts are short:
// live rooms would notice longer ones.
func newNodePacer(perSecond float64) *pacer {
	p := newPacer(perSecond)
	if p != nil {
		p.burst, p.patience = max(int(perSecond/20), 1), maxStorm
	}
	return p
}

// wait returns true when it is key's turn, and false when that would take too
// long, or ctx or stopping ended first.
func (p *pacer) wait(ctx context.Context, stopping <-chan struct{}, key string) bool {
	if p == nil {
		return true
	}
	turn, delay := p.reserve(key)
	if turn == nil {
		return false
	}
	if delay == 0 {
		return true
	}
	timer := time.NewTimer(delay)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
	case <-stopping:
	}
	turn.Cancel()
	return false
}

// reserve takes the next turn of key and returns how long it is until then, or
// no turn when that is too long. The lock makes taking a turn and giving it back
// one step: a limiter does not take back a turn behind which others were given,
// so those who are refused at the same time would put the next turn off for ever.
func (p *pacer) reserve(key string) (*rate.Reservation, time.Duration) {
	p.mu.Lock()
	defer p.mu.Unlock()
	turn := p.limiter(key).Reserve()
	delay := turn.Delay()
	if delay > p.patience {
		turn.Cancel()
		return nil, 0
	}
	return turn, delay
}

// giveBack returns a turn of key that was taken in vain.
func (p *pacer) giveBack(key string) {
	if p == nil {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if l := p.keys[key]; l != nil {
		l.ReserveN(time.Now(), -1)
	}
}

// limiter returns the key's limiter. Limiters that are full again are forgotten
// when the map has doubled: a new one would be full too. The caller holds p.mu.
func (p *pacer) limiter(key string) *rate.Limiter {
	l := p.keys[key]
	if l == nil {
		if len(p.keys) >= p.prune {
			for k, l := range p.keys {
				if l.Tokens() >= float64(p.burst) {
					delete(p.keys, k)
				}
			}
			p.prune = max(2*len(p.keys), minPrune)
		}
		l = rate.NewLimiter(p.perSecond, p.burst)
		p.keys[key] = l
	}
	return l
}

// slots bounds how many connections there are at a time. Nil is without a bound.
type slots struct{ free chan struct{} }

func newSlots(n int) *slots {
	if n <= 0 {
		return nil
	}
	return &slots{free: make(chan struct{}, n)}
}

// acquire waits for a free connection, and returns false when there is none
// soon enough, or ctx or stopping ends first.
func (s *slots) acquire(ctx context.Context, stopping <-chan struct{}) bool {
	if s == nil {
		return true
	}
	select {
	case s.free <- struct{}{}:
		return true
	default:
	}
	timer := time.NewTimer(maxHold)
	defer timer.Stop()
	select {
	case s.free <- struct{}{}:
		return true
	case <-timer.C:
	case <-stopping:
	case <-ctx.Done():
	}
	return false
}

func (s *slots) release() {
	if s != nil {
		<-s.free
	}
}
