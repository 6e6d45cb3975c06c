package edge_test

import (
	"context"
	"net/http"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/coder/websocket"
	"github.com/prometheus/client_golang/prometheus/testutil"

	"confab/internal/chat"
	"confab/internal/edge"
	"confab/internal/messaging"
	"confab/internal/quota"
)

// The account's quota of connections, which is 50,000 on the service, refuses the
// handshake and does not spend the token.
func TestAccountQuota(t *testing.T) {
	n := startEngine(t, func(o *messaging.Options) {
		o.Quotas = quota.New(quota.Numbers{quota.ConcurrentConnections: 2}, time.Now)
	})
	first := n.connect(t, n.token("ann"))
	n.connect(t, n.token("bob"))
	token := n.token("eve")
	_, res, err := websocket.Dial(t.Context(), n.url(), &websocket.DialOptions{Subprotocols: []string{token}})
	if err == nil || res == nil || res.StatusCode != http.StatusTooManyRequests || res.Header.Get("X-Amzn-Errortype") != "ServiceQuotaExceededException" {
		t.Errorf("%v, %v", res, err)
	}
	first.conn.Close(websocket.StatusNormalClosure, "")
	eventually(t, func() bool { return n.engine.Connections() == 1 })
	n.connect(t, token)
}

func TestConnectRates(t *testing.T) {
	// results returns how many handshakes had this result.
	results := func(n *node, result string) float64 {
		return testutil.ToFloat64(n.metrics.Handshakes.WithLabelValues(result))
	}
	t.Run("a user in a loop leaves the rate of the address to others", func(t *testing.T) {
		n := start(t, func(o *edge.Options) { o.ConnectRatePerUser, o.ConnectRatePerAddress = 1, 4 })
		for range 100 {
			n.handshake(t, n.token("ann"))
		}
		eventually(t, func() bool { return results(n, "ThrottlingException") > 50 })
		begin := time.Now()
		n.connect(t, n.token("bob"))
		if took := time.Since(begin); took > 8*time.Second { // 50 turns of ann are more.
			t.Errorf("bob waited %v", took)
		}
	})
	t.Run("a client that leaves while it is held is lost, not refused, and keeps its token", func(t *testing.T) {
		n := start(t, func(o *edge.Options) { o.MaxConnections = 1 })
		n.connect(t, n.token("ann"))
		conn := n.handshake(t, n.token("bob"))
		eventually(t, func() bool { return testutil.ToFloat64(n.metrics.HandshakesHeld) == 1 })
		conn.Close()
		eventually(t, func() bool { return results(n, "lost") == 1 })
		if refused := results(n, "ServiceQuotaExceededException"); refused != 0 {
			t.Error("it counts as refused, too")
		}
		if n.Spent() != 1 {
			t.Errorf("%d tokens are spent, want ann's", n.Spent())
		}
	})
}

func TestPlaces(t *testing.T) {
	limits := map[string]struct {
		limit edge.Limits
		other bool // whether another user of the same room and address is refused too
	}{
		"room":    {edge.Limits{MaxConnectionsPerRoom: 2}, true},
		"user":    {edge.Limits{MaxConnectionsPerUser: 2}, false},
		"address": {edge.Limits{MaxConnectionsPerAddress: 2}, true},
	}
	for name, tt := range limits {
		t.Run("of a "+name, func(t *testing.T) {
			n := start(t, func(o *edge.Options) { o.Limits = tt.limit })
			refused := func(user string) bool {
				conn, res, err := websocket.Dial(t.Context(), n.url(), &websocket.DialOptions{Subprotocols: []string{n.token(user)}})
				if err == nil {
					conn.CloseNow()
					return false
				}
				if res == nil || res.StatusCode != http.StatusTooManyRequests {
					t.Errorf("%v, %v", res, err)
				}
				return true
			}
			first := n.connect(t, n.token("ann"))
			n.connect(t, n.token("ann"))
			if !refused("ann") {
				t.Error("a third connection is taken")
			}
			if refused("bob") != tt.other {
				t.Errorf("another user is refused: %t", !tt.other)
			}
			first.conn.Close(websocket.StatusNormalClosure, "")
			eventually(t, func() bool { return !refused("ann") })
			if taken := n.Spent(); taken > 4 {
				t.Errorf("%d tokens are spent; those of refused handshakes must not be", taken)
			}
		})
	}
}

func TestMaxConnections(t *testing.T) {
	n := start(t, func(o *edge.Options) { o.MaxConnections = 1 })
	first := n.connect(t, n.token("ann"))
	joined := make(chan error, 1)
	token := n.token("bob")
	go func() {
		conn, _, err := websocket.Dial(t.Context(), n.url(), &websocket.DialOptions{Subprotocols: []string{token}})
		if err == nil {
			defer conn.CloseNow()
		}
		joined <- err
	}()
	// The second handshake is held, not refused, until the first client leaves.
	first.conn.Close(websocket.StatusNormalClosure, "")
	if err := <-joined; err != nil {
		t.Errorf("the held handshake: %v", err)
	}
}

// counted opens tokens as a node does, and counts how many at a time.
type counted struct {
	edge.TokenOpener
	now, most *atomic.Int64
}

func (c counted) Open(ctx context.Context, text string) (*chat.Token, error) {
	now := c.now.Add(1)
	defer c.now.Add(-1)
	for most := c.most.Load(); now > most && !c.most.CompareAndSwap(most, now); most = c.most.Load() {
	}
	time.Sleep(time.Millisecond)
	return c.TokenOpener.Open(ctx, text)
}

// stuck opens no token, until the test ends.
type stuck struct {
	edge.TokenOpener
	text atomic.Value
	end  <-chan struct{}
}

func (s *stuck) Open(ctx context.Context, text string) (*chat.Token, error) {
	if text == s.text.Load() {
		<-s.end
	}
	return s.TokenOpener.Open(ctx, text)
}

// A token whose key cannot be looked up does not keep the others out.
func TestTokensAreOpenedBesideOneThatIsStuck(t *testing.T) {
	end := make(chan struct{})
	s := &stuck{end: end}
	n := start(t, func(o *edge.Options) { s.TokenOpener, o.Tokens = o.Tokens, s })
	var all sync.WaitGroup
	defer all.Wait()
	defer close(end)
	token := n.token("ann")
	s.text.Store(token)
	for range max(runtime.GOMAXPROCS(0)/2, 1) {
		conn := n.handshake(t, token)
		all.Go(func() { conn.Read(make([]byte, 1)) }) //nolint:errcheck // It ends with the test.
	}
	n.connect(t, n.token("bob"))
}

// A storm of handshakes leaves processors to other work.
func TestTokensAreOpenedInTurn(t *testing.T) {
	c := counted{now: new(atomic.Int64), most: new(atomic.Int64)}
	n := start(t, func(o *edge.Options) { c.TokenOpener, o.Tokens = o.Tokens, &c })
	var all sync.WaitGroup
	for range 20 {
		token := n.token("ann")
		all.Go(func() { n.connect(t, token) })
	}
	all.Wait()
	if most, want := c.most.Load(), int64(max(runtime.GOMAXPROCS(0)/2, 1)); most < 1 || most > want {
		t.Errorf("%d tokens were opened at a time, want at most %d", most, want)
	}
}
