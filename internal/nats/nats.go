// Package nats connects nodes: it publishes, subscribes and sends requests over NATS
// core. Subjects are strings and payloads are bytes. Package cluster gives them their
// meaning.
//
// The nodes form a NATS cluster, each with an embedded NATS server (Options.Listen), or
// all use an existing one (Options.URL). Nothing is stored: a message without a
// subscriber is lost. Package cluster handles such losses.
package nats

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"sync/atomic"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
)

// Options configure how to reach the other nodes: Listen and its settings, or URL and
// Credentials.
type Options struct {
	// Name is this node's name. No other node may use it at the same time.
	Name string

	// Listen is where the embedded server accepts routes from other nodes, HOST:PORT.
	Listen string
	// Peers are nats://HOST:PORT of other nodes. One known node is enough, because
	// nodes share their addresses.
	Peers []string
	// Secret authenticates nodes; those with another secret are refused. With an empty
	// one, every host that reaches the port can join.
	Secret string
	// TLS encrypts the routes, or the connection to URL. It is used in both directions;
	// nil is plain TCP.
	TLS *tls.Config

	// URL is one existing NATS server or several, separated by commas.
	URL string
	// Credentials is the file with a NATS user's JWT and seed; empty for a NATS without users.
	Credentials string

	Log *slog.Logger
}

// Conn is a connection to all other nodes. Its methods may be called from any
// goroutine.
type Conn struct {
	conn     *nats.Conn
	server   *server.Server // nil with an existing NATS
	outbox   *outbox
	requests *requests
	log      *slog.Logger
	// away is true while the connection is lost. The library dials with a lock held
	// that all its calls need, and holds it until an unresponsive NATS times out. So
	// the library must not be called meanwhile: a node that waits for the lock could
	// not serve its own connections.
	away atomic.Bool
	// regained receives a value whenever a lost connection is restored.
	regained chan struct{}
	refusals refusals
	// forbidden is when NATS last reported a forbidden subject, in Unix nanoseconds.
	forbidden atomic.Int64
}

// errAway is returned by calls while the connection is lost.
var errAway = errors.New("NATS is lost")

// These bound how fast a lost NATS is detected and retried, and how many messages may
// be queued here. A node that falls behind further loses messages, detects the loss and
// requests them again. The NATS inside this process is not asked whether it is there.
const (
	connectWithin = 5 * time.Second
	pingInterval  = time.Second
	pingsLost     = 2
	reconnectWait = 100 * time.Millisecond
	// writeWithin bounds how long the library may block. A NATS that does not read then counts
	// as lost.
	writeWithin = 500 * time.Millisecond
	// forbiddenAgain is how long NATS must report no forbidden subject before the next
	// one is logged: NATS reports it for every message.
	forbiddenAgain  = 10 * time.Second
	pendingMessages = 1 << 20
	pendingBytes    = 256 << 20
)

// Open connects, or fails within seconds.
func Open(o Options) (*Conn, error) {
	c := &Conn{outbox: newOutbox(), requests: newRequests(), log: o.Log, regained: make(chan struct{}, 1)}
	options := []nats.Option{
		nats.Name("confab " + o.Name),
		nats.NoEcho(),
		nats.Timeout(connectWithin),
		nats.MaxReconnects(-1),
		nats.IgnoreAuthErrorAbort(), // Credentials may be replaced; the file is read at each attempt.
		nats.ReconnectWait(reconnectWait),
		nats.ReconnectJitter(reconnectWait, reconnectWait),
		nats.ReconnectBufSize(-1), // A message that cannot be sent now is dropped, not sent late.
		nats.FlusherTimeout(writeWithin),
		nats.ReconnectOnFlusherError(),
		nats.DisconnectErrHandler(c.lost),
		nats.ReconnectHandler(c.back),
		nats.ErrorHandler(c.failed),
	}
	url := o.URL
	if o.Listen != "" {
		s, password, err := startServer(o, c.refusals.logged)
		if err != nil {
			return nil, err
		}
		c.server = s
		url = ""
		options = append(options, nats.InProcessServer(s), nats.UserInfo(localUser, password))
	} else {
		options = append(options, nats.PingInterval(pingInterval), nats.MaxPingsOutstanding(pingsLost))
		if o.TLS != nil {
			options = append(options, nats.Secure(o.TLS))
		}
		if o.Credentials != "" {
			options = append(options, nats.UserCredentials(o.Credentials))
		}
	}
	var err error
	if c.conn, err = nats.Connect(url, options...); err != nil {
		c.Close()
		return nil, fmt.Errorf("connect to NATS: %w%s", err, hint(o, err))
	}
	go c.outbox.run(c.publish)
	if err := c.subscribe(c.requests.inbox+".*", c.requests.answered); err != nil {
		c.Close()
		return nil, fmt.Errorf("subscribe to answers: %w", err)
	}
	return c, nil
}

// hint describes what to change when NATS refuses the node.
func hint(o Options, err error) string {
	switch {
	case !refused(err):
		return ""
	case o.Credentials == "":
		return "; it wants credentials: set --nats-credentials"
	default:
		return fmt.Sprintf("; it refuses those in %q: change --nats-credentials", o.Credentials)
	}
}

// Close closes the connection. No handler runs after it returns.
func (c *Conn) Close() {
	if c.conn != nil {
		c.outbox.close()
		if !c.away.Load() {
			c.conn.FlushTimeout(time.Second) //nolint:errcheck // A node that is gone does not receive it.
		}
		c.conn.Close()
	}
	if c.server != nil {
		c.server.Shutdown()
		c.server.WaitForShutdown()
	}
}

// Address is where other nodes reach the embedded server; nil with an existing NATS.
func (c *Conn) Address() net.Addr {
	if c.server == nil {
		return nil
	}
	return c.server.ClusterAddr()
}

// Regained receives a value after a lost connection was restored. Notices may have been
// missed.
func (c *Conn) Regained() <-chan struct{} { return c.regained }

// Publish sends data to all other nodes that subscribe to the subject. Messages of one
// node arrive in order at each subscription, or are lost. It does not block. The data must not
// be changed afterwards.
func (c *Conn) Publish(subject string, data []byte) error {
	if c.away.Load() {
		return errAway
	}
	return c.outbox.put(message{subject: subject, data: data})
}

// publish passes a message to the library.
func (c *Conn) publish(m *message) {
	switch { // A message that cannot be sent now is lost.
	case c.away.Load():
	case m.reply == "":
		c.conn.Publish(m.subject, m.data) //nolint:errcheck // See above.
	default:
		c.conn.PublishRequest(m.subject, m.reply, m.data) //nolint:errcheck // See above.
	}
}

// Subscribe calls handle for the messages of the subject, one after another. reply is nil
// when no answer is expected; otherwise handle may call it later, and from any goroutine.
func (c *Conn) Subscribe(subject string, handle func(subject string, data []byte, reply func([]byte))) error {
	return c.subscribe(subject, func(m *nats.Msg) {
		var reply func([]byte)
		if to := m.Reply; to != "" {
			reply = func(data []byte) {
				c.Publish(to, data) //nolint:errcheck // The asking node asks again.
			}
		}
		handle(m.Subject, m.Data, reply)
	})
}

func (c *Conn) subscribe(subject string, handle nats.MsgHandler) error {
	s, err := c.conn.Subscribe(subject, handle)
	if err != nil {
		return err
	}
	if err := s.SetPendingLimits(pendingMessages, pendingBytes); err != nil {
		return err
	}
	// After the flush the server has the subscription. Other servers learn of it next.
	return c.conn.FlushTimeout(connectWithin)
}

func (c *Conn) lost(_ *nats.Conn, err error) {
	c.away.Store(true)
	if err != nil { // It is nil after Close.
		c.log.LogAttrs(context.Background(), slog.LevelError, "NATS is lost; this node serves its own connections until it is back", slog.Any("error", err))
	}
}

func (c *Conn) back(*nats.Conn) {
	c.refusals.loggedIn(nil)
	c.away.Store(false)
	c.log.LogAttrs(context.Background(), slog.LevelInfo, "NATS is back")
	select {
	case c.regained <- struct{}{}:
	default:
	}
}

func (c *Conn) failed(_ *nats.Conn, s *nats.Subscription, err error) {
	if refused(err) && !c.refusals.loggedIn(err) {
		return // A login is tried, and refused, several times a second.
	}
	if errors.Is(err, nats.ErrPermissionViolation) {
		if now := time.Now().UnixNano(); now-c.forbidden.Swap(now) > int64(forbiddenAgain) {
			c.log.LogAttrs(context.Background(), slog.LevelError,
				"NATS forbids subjects that nodes need; allow its user to publish and subscribe to all below the prefix of the cluster, and to _INBOX.>", slog.Any("error", err))
		}
		return
	}
	attrs := []slog.Attr{slog.Any("error", err)}
	if s != nil {
		attrs = append(attrs, slog.String("subject", s.Subject))
	}
	if errors.Is(err, nats.ErrSlowConsumer) {
		c.log.LogAttrs(context.Background(), slog.LevelError, "This node is too slow for what other nodes send; it asks again for what it lost", attrs...)
		return
	}
	c.log.LogAttrs(context.Background(), slog.LevelError, "NATS reports an error", attrs...)
}
