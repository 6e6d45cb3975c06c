package edge_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/coder/websocket"
	"github.com/go-json-experiment/json"
	"github.com/prometheus/client_golang/prometheus/testutil"

	"confab/internal/chat"
	"confab/internal/edge"
	"confab/internal/messaging"
	"confab/internal/quota"
	"confab/internal/telemetry"
)

const roomID = "abcdefABCDEF"

var roomARN = chat.ARN{Region: "us-west-2", Account: "123456789012", Type: chat.RoomResource, ID: roomID}

// node is an endpoint on loopback, with the truth in memory.
type node struct {
	endpoint *edge.Endpoint
	engine   *messaging.Engine
	metrics  *telemetry.Metrics
	server   *httptest.Server
	// review, if set, holds every message up until it is closed.
	review chan struct{}
	// step is how far the wall clock has been set ahead.
	step atomic.Int64

	mu     sync.Mutex
	room   *chat.Room // nil: deleted
	tokens map[string]*chat.Token
	spent  map[[16]byte]bool
	last   byte
}

func (n *node) Room(context.Context, string) (*chat.Room, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.room == nil {
		return nil, chat.NoSuchResource(roomARN)
	}
	return n.room.Clone(), nil
}

func (n *node) Redeem(_ context.Context, id [16]byte, _ time.Time) error {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.spent[id] {
		return chat.Errorf(chat.Unauthenticated, "The chat token was used before")
	}
	n.spent[id] = true
	return nil
}

func (n *node) Review(_ context.Context, _ *chat.Room, m *chat.Message, _ string) (*chat.Message, error) {
	if n.review == nil {
		panic(errors.New("there is nobody to ask"))
	}
	<-n.review
	return m, nil
}

// reviewed has the room's messages reviewed, and returns what lets them pass.
func (n *node) reviewed() (pass func()) {
	n.review = make(chan struct{})
	n.room.MessageReviewHandler = &chat.MessageReviewHandler{URI: "arn:aws:lambda:us-west-2:123456789012:function:review", FallbackResult: chat.Allow}
	return sync.OnceFunc(func() { close(n.review) })
}

func (n *node) Open(_ context.Context, text string) (*chat.Token, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if t := n.tokens[text]; t != nil {
		return t, nil
	}
	return nil, chat.Errorf(chat.Unauthenticated, "The chat token is invalid")
}

func start(t *testing.T, change ...func(*edge.Options)) *node {
	t.Helper()
	return startEngine(t, func(*messaging.Options) {}, change...)
}

// startEngine is start with a change of the engine.
func startEngine(t *testing.T, engine func(*messaging.Options), change ...func(*edge.Options)) *node {
	t.Helper()
	n := &node{
		room:   &chat.Room{ARN: roomARN, MaximumMessageLength: 500, MaximumMessageRatePerSecond: 100},
		tokens: make(map[string]*chat.Token),
		spent:  make(map[[16]byte]bool),
	}
	metrics, log := telemetry.NewMetrics(), slog.New(slog.DiscardHandler)
	sockets := edge.NewSockets(0, metrics, log)
	options := messaging.Options{
		Rooms: n, Tokens: n, Reviewer: n, NewAudience: sockets.NewAudience, Metrics: metrics, Log: log, Now: n.now,
	}
	engine(&options)
	n.engine = messaging.NewEngine(options)
	n.metrics = metrics
	o := edge.Options{Engine: n.engine, Tokens: n, Sockets: sockets, Metrics: metrics, Log: log, Now: n.now}
	for _, c := range change {
		c(&o)
	}
	n.endpoint = edge.New(o)
	n.server = httptest.NewServer(n.endpoint)
	t.Cleanup(func() {
		n.server.Close()
		n.endpoint.Close()
		if left := n.engine.Connections(); left != 0 {
			t.Errorf("%d sessions were left behind", left)
		}
		n.engine.Close()
	})
	return n
}

// now is the node's wall clock.
func (n *node) now() time.Time { return time.Now().Add(time.Duration(n.step.Load())) }

// token issues a token that is good for an hour, with all capabilities.
func (n *node) token(user string, change ...func(*chat.Token)) string {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.last++
	now := n.now()
	t := &chat.Token{
		ID: [16]byte{n.last}, Room: roomARN, UserID: user, IssuedAt: now, Expires: now.Add(time.Hour), SessionExpires: now.Add(time.Hour),
		Capabilities: []chat.Capability{chat.SendMessage, chat.DeleteMessage, chat.DisconnectUser},
	}
	for _, c := range change {
		c(t)
	}
	text := fmt.Sprintf("%s.token#%d", user, n.last)
	n.tokens[text] = t
	return text
}

func (n *node) url() string { return "ws" + strings.TrimPrefix(n.server.URL, "http") }

// client is one connection whose frames are read one by one.
type client struct {
	t    *testing.T
	conn *websocket.Conn
}

func (n *node) connect(t *testing.T, token string) *client {
	t.Helper()
	conn, _, err := websocket.Dial(t.Context(), n.url(), &websocket.DialOptions{Subprotocols: []string{token}})
	if err != nil {
		t.Fatalf("connect: %v", err)
	}
	t.Cleanup(func() { conn.CloseNow() })
	if conn.Subprotocol() != token {
		t.Fatalf("the token was not echoed: %q", conn.Subprotocol())
	}
	return &client{t, conn}
}

// dial connects without a client library; early is sent together with the
// handshake. Whatever comes after the 101 is for the reader.
func (n *node) dial(t *testing.T, token string, early ...byte) (net.Conn, *bufio.Reader) {
	t.Helper()
	conn := n.handshake(t, token, early...)
	r := bufio.NewReader(conn)
	res, err := http.ReadResponse(r, nil)
	if err != nil || res.StatusCode != http.StatusSwitchingProtocols {
		t.Fatalf("%v, %v", res, err)
	}
	res.Body.Close()
	return conn, r
}

// handshake sends a handshake and does not wait for the answer.
func (n *node) handshake(t *testing.T, token string, early ...byte) net.Conn {
	t.Helper()
	conn, err := net.Dial("tcp", strings.TrimPrefix(n.server.URL, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	if err := conn.SetDeadline(time.Now().Add(10 * time.Second)); err != nil {
		t.Fatal(err)
	}
	fmt.Fprintf(conn, "GET / HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"+
		"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Protocol: %s\r\n\r\n%s", token, early)
	return conn
}

// eventually waits until the condition holds.
func eventually(t *testing.T, holds func() bool) {
	t.Helper()
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for end := time.Now().Add(10 * time.Second); !holds(); <-tick.C {
		if time.Now().After(end) {
			t.Fatal("it does not happen")
		}
	}
}

// masked is a final frame of a client with the masking key 0 and up to 125 bytes.
func masked(op byte, payload string) []byte {
	return append([]byte{0x80 | op, 0x80 | byte(len(payload)), 0, 0, 0, 0}, payload...)
}

func (c *client) send(text string) {
	c.t.Helper()
	if err := c.conn.Write(c.t.Context(), websocket.MessageText, []byte(text)); err != nil {
		c.t.Fatalf("send: %v", err)
	}
}

type frame struct {
	Type, ID, RequestID, Content, EventName, ErrorMessage string
	Attributes                                            map[string]string
	ErrorCode                                             int
}

// read returns the next frame, or the error that ended the connection.
func (c *client) read() (frame, error) {
	ctx, cancel := context.WithTimeout(c.t.Context(), 10*time.Second)
	defer cancel()
	_, b, err := c.conn.Read(ctx)
	if err != nil {
		return frame{}, err
	}
	var f frame
	if err := json.Unmarshal(b, &f, json.MatchCaseInsensitiveNames(true)); err != nil {
		c.t.Fatalf("frame %s: %v", b, err)
	}
	return f, nil
}

func (c *client) next() frame {
	c.t.Helper()
	f, err := c.read()
	if err != nil {
		c.t.Fatalf("read: %v", err)
	}
	return f
}

func TestHandshakeRefusals(t *testing.T) {
	for name, c := range map[string]struct {
		prepare func(n *node, r *http.Request)
		status  int
		name    string
	}{
		"no token":      {func(_ *node, r *http.Request) { r.Header.Del("Sec-WebSocket-Protocol") }, 401, "UnauthorizedException"},
		"two values":    {func(_ *node, r *http.Request) { r.Header.Set("Sec-WebSocket-Protocol", "a, b") }, 401, "UnauthorizedException"},
		"garbage":       {func(_ *node, r *http.Request) { r.Header.Set("Sec-WebSocket-Protocol", "garbage") }, 401, "UnauthorizedException"},
		"an old token":  {func(n *node, r *http.Request) { r.Header.Set("Sec-WebSocket-Protocol", n.token("ann", expired)) }, 401, "UnauthorizedException"},
		"a room gone":   {func(n *node, _ *http.Request) { n.room = nil }, 404, "ResourceNotFoundException"},
		"draining":      {func(n *node, _ *http.Request) { n.endpoint.Drain(context.Background(), 0) }, 503, "ServiceUnavailableException"},
		"no upgrade":    {func(_ *node, r *http.Request) { r.Header.Del("Upgrade") }, 426, "BadHandshake"},
		"wrong version": {func(_ *node, r *http.Request) { r.Header.Set("Sec-WebSocket-Version", "8") }, 426, "BadHandshake"},
		"no key":        {func(_ *node, r *http.Request) { r.Header.Del("Sec-WebSocket-Key") }, 400, "BadHandshake"},
	} {
		t.Run(name, func(t *testing.T) {
			n := start(t)
			r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, n.server.URL+"/any/path", nil)
			if err != nil {
				t.Fatal(err)
			}
			r.Header.Set("Connection", "Upgrade")
			r.Header.Set("Upgrade", "websocket")
			r.Header.Set("Sec-WebSocket-Version", "13")
			r.Header.Set("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ==")
			r.Header.Set("Sec-WebSocket-Protocol", n.token("ann"))
			c.prepare(n, r)
			res, err := http.DefaultClient.Do(r)
			if err != nil {
				t.Fatal(err)
			}
			defer res.Body.Close()
			body, err := io.ReadAll(res.Body)
			if err != nil {
				t.Fatal(err)
			}
			if res.StatusCode != c.status || res.Header.Get("X-Amzn-ErrorType") != c.name || !strings.Contains(string(body), `"message":"`) {
				t.Errorf("%d %s %s", res.StatusCode, res.Header.Get("X-Amzn-ErrorType"), body)
			}
			if len(n.spent) != 0 {
				t.Error("the token was spent")
			}
		})
	}
}

func expired(t *chat.Token) { t.Expires = time.Now().Add(-time.Second) }

func TestTokenWorksOnce(t *testing.T) {
	n := start(t)
	token := n.token("ann")
	n.connect(t, token)
	_, res, err := websocket.Dial(t.Context(), n.url(), &websocket.DialOptions{Subprotocols: []string{token}})
	if err == nil || res.StatusCode != http.StatusUnauthorized {
		t.Errorf("second use: %v, %v", res, err)
	}
}

func TestMessages(t *testing.T) {
	t.Run("everybody gets a message, the sender included, in one order", func(t *testing.T) {
		n := start(t)
		ann, bob := n.connect(t, n.token("ann")), n.connect(t, n.token("bob"))
		for i := range 9 {
			ann.send(fmt.Sprintf(`{"Action":"SEND_MESSAGE","RequestId":"%d","Content":"hello"}`, i))
		}
		for i := range 9 {
			a, b := ann.next(), bob.next()
			if a.Type != "MESSAGE" || a.RequestID != fmt.Sprint(i) || a.ID != b.ID {
				t.Fatalf("message %d: ann got %+v, bob got %+v", i, a, b)
			}
		}
	})
	t.Run("bad frames get ERROR frames of their own and change nothing else", func(t *testing.T) {
		n := start(t)
		ann := n.connect(t, n.token("ann"))
		viewer := n.connect(t, n.token("vic", func(t *chat.Token) { t.Capabilities = nil }))
		if err := ann.conn.Write(t.Context(), websocket.MessageBinary, []byte(`{"Action":"SEND_MESSAGE","Content":"x"}`)); err != nil {
			t.Fatal(err)
		}
		ids := map[string]bool{}
		expect := func(c *client, code int, requestID, text string) {
			t.Helper()
			f := c.next()
			if f.Type != "ERROR" || f.ErrorCode != code || f.RequestID != requestID || !strings.Contains(f.ErrorMessage, text) {
				t.Errorf("got %+v, want %d for %q saying %q", f, code, requestID, text)
			}
			if !chat.ValidID(f.ID) || ids[f.ID] {
				t.Errorf("id %q is not fresh", f.ID)
			}
			ids[f.ID] = true
		}
		expect(ann, 400, "", "text frame")
		ann.send(`{"RequestId":"1","Action":"NOPE"}`)
		expect(ann, 400, "1", "Action")
		ann.send(`{"RequestId":"2","Action":"SEND_MESSAGE","Content":"` + strings.Repeat("x", 501) + `"}`)
		expect(ann, 400, "2", "Message exceeds maximum length")
		ann.send(`{"RequestId":"3","Action":"SEND_MESSAGE","Content":"x","Attributes":{"k":"` + strings.Repeat("x", 1024) + `"}}`)
		expect(ann, 413, "3", "Attributes")
		viewer.send(`{"RequestId":"4","Action":"SEND_MESSAGE","Content":"x"}`)
		expect(viewer, 403, "4", "SEND_MESSAGE")
		ann.send(`{"RequestId":"5","Action":"SEND_MESSAGE","Content":"x"}`)
		if f := viewer.next(); f.RequestID != "5" {
			t.Errorf("the viewer got %+v", f)
		}
	})
	t.Run("a flood is answered request by request", func(t *testing.T) {
		n := start(t)
		ann := n.connect(t, n.token("ann"))
		const flood = 200
		go func() {
			for range flood {
				if ann.conn.Write(t.Context(), websocket.MessageText, []byte(`{"Action":"SEND_MESSAGE","Content":"x"}`)) != nil {
					return
				}
			}
		}()
		delivered, refused := 0, 0
		for range flood {
			switch f := ann.next(); {
			case f.Type == "MESSAGE":
				delivered++
			case f.ErrorCode == 429 && f.ErrorMessage == "rate limit exceeded":
				refused++
			default:
				t.Fatalf("got %+v", f)
			}
		}
		if delivered < messaging.RequestsPerSecond || refused == 0 {
			t.Errorf("%d delivered, %d refused", delivered, refused)
		}
	})
	t.Run("a panic is the ERROR 500 of one request", func(t *testing.T) {
		n := start(t)
		n.room.MessageReviewHandler = &chat.MessageReviewHandler{URI: "arn:aws:lambda:us-west-2:123456789012:function:f"}
		ann := n.connect(t, n.token("ann"))
		ann.send(`{"Action":"SEND_MESSAGE","RequestId":"1","Content":"x"}`) // There is nobody to ask.
		if f := ann.next(); f.ErrorCode != 500 || f.RequestID != "1" || f.ErrorMessage != "Internal error" {
			t.Errorf("got %+v", f)
		}
		ann.send(`{"Action":"DELETE_MESSAGE","RequestId":"2","Id":"abcdefABCDEF"}`)
		if f := ann.next(); f.EventName != "aws:DELETE_MESSAGE" || f.RequestID != "2" {
			t.Errorf("got %+v", f)
		}
	})
	t.Run("a home that cannot be reached is ERROR 500, and the session goes on", func(t *testing.T) {
		n := startEngine(t, func(o *messaging.Options) {
			o.Connect = func(*messaging.Engine) (messaging.Broker, messaging.Homes) { return nil, away{} }
		})
		ann := n.connect(t, n.token("ann"))
		for _, id := range []string{"1", "2"} {
			ann.send(`{"Action":"SEND_MESSAGE","RequestId":"` + id + `","Content":"x"}`)
			if f := ann.next(); f.Type != "ERROR" || f.ErrorCode != 500 || f.RequestID != id || !chat.ValidID(f.ID) || f.ErrorMessage == "" {
				t.Errorf("got %+v", f)
			}
		}
	})
	t.Run("what a client sends right before it closes is carried out", func(t *testing.T) {
		n := start(t)
		bob := n.connect(t, n.token("bob"))
		conn, _ := n.dial(t, n.token("ann"))
		var b []byte
		for i := range 3 {
			b = append(b, masked(0x1, fmt.Sprintf(`{"Action":"SEND_MESSAGE","RequestId":"%d","Content":"x"}`, i))...)
		}
		if _, err := conn.Write(append(b, masked(0x8, "\x03\xe8")...)); err != nil {
			t.Fatal(err)
		}
		for i := range 3 {
			if f := bob.next(); f.RequestID != fmt.Sprint(i) {
				t.Fatalf("message %d is %+v", i, f)
			}
		}
	})
	t.Run("a frame that comes with the handshake is not lost", func(t *testing.T) {
		n := start(t)
		_, r := n.dial(t, n.token("ann"), masked(0x1, `{"Action":"SEND_MESSAGE","RequestId":"early","Content":"x"}`)...)
		head := make([]byte, 2)
		if _, err := io.ReadFull(r, head); err != nil || head[0] != 0x81 {
			t.Fatalf("no text frame behind the 101: %x, %v", head, err)
		}
	})
}

func TestEndings(t *testing.T) {
	closed := func(c *client) error {
		for {
			if _, err := c.read(); err != nil {
				return err
			}
		}
	}
	t.Run("a kicked user gets the event, then Close 1000; others stay", func(t *testing.T) {
		n := start(t)
		ann, bob := n.connect(t, n.token("ann")), n.connect(t, n.token("bob"))
		bob.send(`{"Action":"DISCONNECT_USER","RequestId":"k","UserId":"ann","Reason":"spam"}`)
		for _, c := range []*client{ann, bob} {
			if f := c.next(); f.EventName != "aws:DISCONNECT_USER" || f.Attributes["UserId"] != "ann" || f.Attributes["Reason"] != "spam" || f.RequestID != "k" {
				t.Errorf("got %+v", f)
			}
		}
		if code := websocket.CloseStatus(closed(ann)); code != websocket.StatusNormalClosure {
			t.Errorf("close status %d", code)
		}
		bob.send(`{"Action":"SEND_MESSAGE","RequestId":"m","Content":"bye"}`)
		if f := bob.next(); f.RequestID != "m" {
			t.Errorf("got %+v", f)
		}
	})
	t.Run("at the session's end comes ERROR 401, then Close 1000", func(t *testing.T) {
		n := start(t)
		ann := n.connect(t, n.token("ann", func(t *chat.Token) { t.SessionExpires = time.Now().Add(300 * time.Millisecond) }))
		if f := ann.next(); f.Type != "ERROR" || f.ErrorCode != 401 || f.RequestID != "" || !chat.ValidID(f.ID) {
			t.Errorf("got %+v", f)
		}
		if code := websocket.CloseStatus(closed(ann)); code != websocket.StatusNormalClosure {
			t.Errorf("close status %d", code)
		}
	})
	for name, step := range map[string]time.Duration{"ahead": time.Hour, "back": -time.Hour} {
		t.Run("a session lasts as long after the wall clock was set "+name, func(t *testing.T) {
			n := start(t)
			n.step.Store(int64(step))
			begin := time.Now()
			ann := n.connect(t, n.token("ann", func(t *chat.Token) {
				t.SessionExpires = n.now().Add(500 * time.Millisecond).Round(0) // A token has no monotonic reading.
			}))
			if f := ann.next(); f.ErrorCode != 401 {
				t.Errorf("got %+v", f)
			}
			if took := time.Since(begin); took < 400*time.Millisecond {
				t.Errorf("it ended after %v", took)
			}
		})
	}
	t.Run("draining sends ERROR 401 and drops the connection without a Close", func(t *testing.T) {
		n := start(t)
		var clients []*client
		for range 10 {
			clients = append(clients, n.connect(t, n.token("ann")))
		}
		begin := time.Now()
		n.endpoint.Drain(t.Context(), 500*time.Millisecond)
		if took := time.Since(begin); took < 400*time.Millisecond {
			t.Errorf("all were ended within %v", took)
		}
		for _, c := range clients {
			if f := c.next(); f.Type != "ERROR" || f.ErrorCode != 401 {
				t.Errorf("got %+v", f)
			}
			if err := closed(c); websocket.CloseStatus(err) != -1 || !errors.Is(err, io.EOF) {
				t.Errorf("ended with %v", err)
			}
		}
	})
}

// away is the homes of a node that reaches no other.
type away struct{}

func (away) Home(string) messaging.Home { return away{} }

func (away) Do(context.Context, messaging.Operation) (string, error) {
	return "", chat.Errorf(chat.Unavailable, "The room's home cannot be reached right now; try again")
}

// The account's quota of connections, which is 50,000 on the service, is the
// answer to a handshake, and does not cost the token.
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
	// results is how many handshakes ended so.
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
		if took := time.Since(begin); took > 2*time.Second {
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
		n.mu.Lock()
		defer n.mu.Unlock()
		if len(n.spent) != 1 {
			t.Errorf("%d tokens are spent, want ann's", len(n.spent))
		}
	})
}

func TestPlaces(t *testing.T) {
	limits := map[string]struct {
		limit edge.Limits
		other bool // another user of the same room and address is refused, too
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
			n.mu.Lock()
			defer n.mu.Unlock()
			if taken := len(n.spent); taken > 4 {
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
	// The second handshake is held, not refused, until the first one leaves.
	first.conn.Close(websocket.StatusNormalClosure, "")
	if err := <-joined; err != nil {
		t.Errorf("the held handshake: %v", err)
	}
}
