package edge_test

import (
	"bufio"
	"context"
	"fmt"
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

	"confab/internal/chat"
	"confab/internal/edge"
	"confab/internal/messaging"
	"confab/internal/messagingtest"
)

const roomID = "abcdefABCDEF"

// node is an endpoint on loopback, with a store in memory whose only room is roomID.
type node struct {
	*messagingtest.Store
	endpoint *edge.Endpoint
	engine   *messaging.Engine
	metrics  *edge.Metrics
	server   *httptest.Server
	// step is how far the wall clock was set forward.
	step atomic.Int64

	mu     sync.Mutex
	tokens map[string]*chat.Token
}

// reviewed turns on review of the room's messages, and returns the function that lets
// them pass.
func (n *node) reviewed() (pass func()) {
	answer := make(chan struct{})
	n.ReviewWith(func(m *chat.Message) (*chat.Message, error) {
		<-answer
		return m, nil
	})
	n.Change(roomID, func(r *chat.Room) {
		r.MessageReviewHandler = &chat.MessageReviewHandler{URI: "arn:aws:lambda:us-west-2:123456789012:function:review", FallbackResult: chat.Allow}
	})
	return sync.OnceFunc(func() { close(answer) })
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

// startEngine is start with changed options of the engine.
func startEngine(t *testing.T, engine func(*messaging.Options), change ...func(*edge.Options)) *node {
	t.Helper()
	n := &node{
		Store:  messagingtest.NewStore(messagingtest.NewRoom(roomID)),
		tokens: make(map[string]*chat.Token),
	}
	n.Change(roomID, func(r *chat.Room) { r.MaximumMessageRatePerSecond = 100 })
	metrics, log := edge.NewMetrics(nil), slog.New(slog.DiscardHandler)
	sockets := edge.NewSockets(0, 0, true, true, metrics, log)
	options := messaging.Options{
		Rooms: n, Tokens: n, Reviewer: n, NewAudience: sockets.NewAudience, Metrics: messaging.NewMetrics(nil), Log: log, Now: n.now,
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
		n.endpoint.Close(context.Background())
		if left := n.engine.Connections(); left != 0 {
			t.Errorf("%d sessions were left behind", left)
		}
		n.engine.Close()
	})
	return n
}

// now returns the node's wall clock.
func (n *node) now() time.Time { return time.Now().Add(time.Duration(n.step.Load())) }

// token issues a token with all capabilities that is valid for an hour.
func (n *node) token(user string, change ...func(*chat.Token)) string {
	t := messagingtest.Token(roomID, user, n.now())
	for _, c := range change {
		c(t)
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	text := fmt.Sprintf("%s.token#%d", user, len(n.tokens))
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

// dial connects without a client library. It sends early together with the handshake. The
// reader has everything after the 101.
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

// masked returns a final frame of a client with the masking key 0 and up to 125 bytes.
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
