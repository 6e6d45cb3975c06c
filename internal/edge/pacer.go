package edge

import (
	"context"
	"sync"
	"time"

	"golang.org/x/time/rate"
)

// Handshakes that would wait longer than maxHold are refused: they are abuse, or the node
// is far too small. A storm, when the clients of a failed node reconnect to this one, may
// take maxStorm.
const (
	maxHold  = 10 * time.Second
	maxStorm = time.Minute
)

// pacer limits the handshakes of each key (a user, an address) to a rate by delaying
// them. A nil pacer delays none.
type pacer struct {
	perSecond rate.Limit
	burst     int
	patience  time.Duration

	// mu guards keys and prune.
	mu    sync.Mutex
	keys  map[string]*rate.Limiter
	prune int // size of keys at which idle ones are removed
}

// minPrune is the largest map size that is not worth pruning.
const minPrune = 1024

// newPacer allows perSecond handshakes a second for each key. The burst is two seconds'
// worth, because every token refresh connects twice. 0 sets no limit.
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

// newNodePacer returns the pacer of a whole node, with one key. Its bursts are short,
// because longer ones would disturb live rooms.
func newNodePacer(perSecond float64) *pacer {
	p := newPacer(perSecond)
	if p != nil {
		p.burst, p.patience = max(int(perSecond/20), 1), maxStorm
	}
	return p
}

// wait waits for a turn of key. It returns false if that would take too long or if ctx or
// stopping ends first.
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
		if ctx.Err() == nil {
			return true
		}
	case <-departure(ctx, delay):
	case <-stopping:
	}
	turn.Cancel()
	return false
}

// reserve takes the next turn of key and returns the delay until then, or nil if the
// delay is too long. The lock makes taking a turn and giving it back one step. A limiter
// does not take back a turn when later turns were reserved, so concurrent refusals would
// postpone the next turn for ever.
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

// giveBack returns an unused turn of key.
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

// limiter returns the key's limiter. When the map has doubled, limiters that are full
// again are removed, because a new one would be full too. The caller holds p.mu.
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

// slots limits how many connections exist at a time. A nil slots has no limit.
type slots struct{ free chan struct{} }

func newSlots(n int) *slots {
	if n <= 0 {
		return nil
	}
	return &slots{free: make(chan struct{}, n)}
}

// acquire waits for a free connection. It returns false if that takes too long or if ctx
// or stopping ends first.
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
