package edge_test

import (
	"bufio"
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"sync/atomic"
	"testing"
	"time"

	"github.com/coder/websocket"
	"github.com/go-json-experiment/json"
	"github.com/prometheus/client_golang/prometheus/testutil"

	"confab/internal/chat"
	"confab/internal/edge"
	"confab/internal/messaging"
)

// queuer is a client whose messages are queued in the server: the first is under review,
// the others are behind it.
type queuer struct {
	t    *testing.T
	conn net.Conn
	in   *bufio.Reader
}

// queue connects ann and returns when the server has read her messages.
func (n *node) queue(t *testing.T, token string) *queuer {
	t.Helper()
	q := &queuer{t: t}
	q.conn, q.in = n.dial(t, token)
	var frames []byte
	for i := range 3 {
		frames = append(frames, masked(1, fmt.Sprintf(`{"Action":"SEND_MESSAGE","RequestId":"%d","Content":"c"}`, i))...)
	}
	if _, err := q.conn.Write(append(frames, masked(9, "")...)); err != nil {
		t.Fatal(err)
	}
	if op, _ := q.frame(); op != 10 {
		t.Fatalf("opcode %d, want a pong", op)
	}
	return q
}

// frame reads a frame of up to 64 KiB. Opcode 0 means the end of the connection.
func (q *queuer) frame() (op byte, payload []byte) {
	q.t.Helper()
	head := make([]byte, 2)
	if _, err := io.ReadFull(q.in, head); err != nil {
		return 0, nil
	}
	size := int(head[1])
	if size == 126 {
		long := make([]byte, 2)
		if _, err := io.ReadFull(q.in, long); err != nil {
			q.t.Fatal(err)
		}
		size = int(binary.BigEndian.Uint16(long))
	}
	payload = make([]byte, size)
	if _, err := io.ReadFull(q.in, payload); err != nil {
		q.t.Fatal(err)
	}
	return head[0] & 0x0f, payload
}

func (q *queuer) next() (f frame) {
	q.t.Helper()
	op, payload := q.frame()
	if err := json.Unmarshal(payload, &f, json.MatchCaseInsensitiveNames(true)); op != 1 || err != nil {
		q.t.Fatalf("opcode %d, %s: %v", op, payload, err)
	}
	return f
}

// expectAnswers reads the answers to everything that is queued, then ERROR 401.
func (q *queuer) expectAnswers() {
	q.t.Helper()
	for i := range 3 {
		if f := q.next(); f.Type != "MESSAGE" || f.RequestID != strconv.Itoa(i) {
			q.t.Errorf("got %+v, want the message %d", f, i)
		}
	}
	if f := q.next(); f.Type != "ERROR" || f.ErrorCode != 401 {
		q.t.Errorf("got %+v, want ERROR 401", f)
	}
}

// silent is the home of a node whose requests to other nodes get no answer.
type silent struct{ answer chan struct{} }

func (s silent) Do(context.Context, messaging.Operation) (string, error) {
	<-s.answer
	return "", chat.Errorf(chat.Unavailable, "The room cannot be reached right now; try again")
}

// alone is the broker of a node whose home is elsewhere.
type alone struct{ messaging.Broker }

func (alone) Enter(context.Context, string) (chat.Point, error) { return chat.Point{}, nil }

func (alone) Leave(string) {}

func (alone) Hides() bool { return true }

func TestEndingsAnswerFirst(t *testing.T) {
	t.Run("at the session's end", func(t *testing.T) {
		n := start(t)
		pass := n.reviewed()
		defer pass()
		ends := n.now().Add(time.Second)
		ann := n.queue(t, n.token("ann", func(t *chat.Token) { t.SessionExpires = ends }))
		bob := n.connect(t, n.token("bob", func(t *chat.Token) { t.SessionExpires = ends.Add(300 * time.Millisecond) }))
		if f := bob.next(); f.ErrorCode != 401 {
			t.Errorf("bob got %+v", f)
		}
		pass()
		ann.expectAnswers()
		if op, p := ann.frame(); op != 8 || string(p[:2]) != "\x03\xe8" {
			t.Errorf("then came opcode %d, %q, want Close 1000", op, p)
		}
	})
	t.Run("when the node drains", func(t *testing.T) {
		n := start(t)
		pass := n.reviewed()
		defer pass()
		ann, bob := n.queue(t, n.token("ann")), n.connect(t, n.token("bob"))
		drained := make(chan struct{})
		go func() {
			defer close(drained)
			n.endpoint.Drain(t.Context(), 0)
			n.endpoint.Close(t.Context())
		}()
		if f := bob.next(); f.ErrorCode != 401 {
			t.Errorf("bob got %+v", f)
		}
		pass()
		ann.expectAnswers()
		if op, p := ann.frame(); op != 0 {
			t.Errorf("then came opcode %d, %q, want a lost connection without a Close", op, p)
		}
		<-drained
	})
	t.Run("with errors when the room cannot be reached", func(t *testing.T) {
		home := silent{make(chan struct{})}
		defer close(home.answer)
		n := startEngine(t, func(o *messaging.Options) {
			o.Connect = func(*messaging.Engine) (messaging.Broker, messaging.Home) { return alone{}, home }
		})
		ann, bob := n.queue(t, n.token("ann")), n.connect(t, n.token("bob"))
		moved := make(chan struct{})
		go func() {
			defer close(moved)
			n.endpoint.Move(t.Context(), 0, func() bool { return false })
		}()
		if f := bob.next(); f.ErrorCode != 401 {
			t.Errorf("bob got %+v", f)
		}
		if _, err := ann.conn.Write(masked(1, `{"Action":"SEND_MESSAGE","RequestId":"3","Content":"not told yet"}`)); err != nil {
			t.Fatal(err)
		}
		for i := range 4 {
			if f := ann.next(); f.Type != "ERROR" || f.RequestID != strconv.Itoa(i) || f.ErrorCode != 500 {
				t.Errorf("got %+v, want an ERROR for request %d", f, i)
			}
		}
		if f := ann.next(); f.Type != "ERROR" || f.ErrorCode != 401 {
			t.Errorf("got %+v, want ERROR 401", f)
		}
		if op, p := ann.frame(); op != 0 {
			t.Errorf("then came opcode %d, %q, want a lost connection without a Close", op, p)
		}
		<-moved
	})
	t.Run("but not when a moderator ends it", func(t *testing.T) {
		n := start(t)
		pass := n.reviewed()
		defer pass()
		ann, bob := n.queue(t, n.token("ann")), n.connect(t, n.token("bob"))
		bob.send(`{"Action":"DISCONNECT_USER","RequestId":"k","UserId":"ann"}`)
		for _, f := range []frame{ann.next(), bob.next()} {
			if f.EventName != "aws:DISCONNECT_USER" {
				t.Errorf("got %+v", f)
			}
		}
		if op, p := ann.frame(); op != 8 {
			t.Errorf("then came opcode %d, %q, want Close 1000", op, p)
		}
		pass()
		// The message that was under review may pass. Those behind it are dropped.
		bob.send(`{"Action":"SEND_MESSAGE","RequestId":"mine","Content":"c"}`)
		for f := bob.next(); f.RequestID != "mine"; f = bob.next() {
			if f.RequestID != "0" {
				t.Errorf("got %+v", f)
			}
		}
	})
}

// A handshake that is held when the node begins to drain waits until the drain ends and
// no longer, and keeps its token.
func TestDrainEndsHeldHandshakes(t *testing.T) {
	n := start(t, func(o *edge.Options) { o.MaxConnections = 1 })
	n.connect(t, n.token("ann"))
	token := n.token("bob")
	answered := make(chan int, 1)
	go func() {
		_, res, err := websocket.Dial(t.Context(), n.url(), &websocket.DialOptions{Subprotocols: []string{token}})
		if err == nil || res == nil {
			t.Errorf("the held handshake: %v, %v", res, err)
			answered <- 0
			return
		}
		answered <- res.StatusCode
	}()
	eventually(t, func() bool { return testutil.ToFloat64(n.metrics.HandshakesHeld) == 1 })
	begin := time.Now()
	n.endpoint.Drain(t.Context(), 0)
	if status := <-answered; status != http.StatusServiceUnavailable {
		t.Errorf("status %d", status)
	}
	if took := time.Since(begin); took > 3*time.Second {
		t.Errorf("it was held for %v", took)
	}
	if n.Spent() != 1 {
		t.Errorf("%d tokens are spent, want ann's", n.Spent())
	}
}

// A handshake on a node without which the others continue waits until they continue with it.
// Its client is neither accepted, as it would get nothing of its room, nor refused.
func TestHandshakeWaitsApart(t *testing.T) {
	n := start(t)
	var together atomic.Bool
	looks := make(chan struct{}, 100)
	n.connect(t, n.token("ann"))
	n.endpoint.Move(t.Context(), 0, func() bool {
		looks <- struct{}{}
		return !together.Load()
	})
	token, accepted := n.token("bob"), make(chan error, 1)
	go func() {
		conn, _, err := websocket.Dial(t.Context(), n.url(), &websocket.DialOptions{Subprotocols: []string{token}})
		if err == nil {
			defer conn.CloseNow()
			if !together.Load() {
				t.Error("it was accepted on a node that is apart")
			}
		}
		accepted <- err
	}()
	for range 2 {
		select {
		case <-looks:
		case err := <-accepted:
			t.Fatalf("it did not wait: %v", err)
		}
	}
	together.Store(true)
	if err := <-accepted; err != nil {
		t.Error(err)
	}
}

// patient is the home of a node that asks other nodes until its context ends.
type patient struct{ asked atomic.Int64 }

func (p *patient) Do(ctx context.Context, _ messaging.Operation) (string, error) {
	p.asked.Add(1)
	<-ctx.Done()
	return "", chat.Errorf(chat.Unavailable, "The room cannot be reached right now; try again")
}

// Close does not wait long for the requests of clients that are gone.
func TestCloseBreaksOff(t *testing.T) {
	hurried, cancel := context.WithCancel(t.Context())
	cancel()
	for name, tt := range map[string]struct {
		ctx    context.Context
		within time.Duration
	}{
		"after the time of last words":  {t.Context(), 10 * time.Second},
		"at once when it must not wait": {hurried, 3 * time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			home := &patient{}
			n := startEngine(t, func(o *messaging.Options) {
				o.Connect = func(*messaging.Engine) (messaging.Broker, messaging.Home) { return alone{}, home }
			})
			n.queue(t, n.token("ann")).conn.Close()
			eventually(t, func() bool { return n.engine.Connections() == 0 && home.asked.Load() == 1 })
			begin := time.Now()
			n.endpoint.Close(tt.ctx)
			if took := time.Since(begin); took > tt.within {
				t.Errorf("it took %v", took)
			}
			if asked := home.asked.Load(); asked != 1 {
				t.Errorf("%d requests were carried out, want the one that was under way", asked)
			}
		})
	}
}
