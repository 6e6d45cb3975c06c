// Package nats connects nodes: it publishes, subscribes and asks over NATS core,
// with subjects as strings and payloads as bytes. What they mean, package
// cluster knows.
//
// The nodes form a NATS cluster among themselves, each with a NATS server inside
// (Options.Listen), or all use one that is there already (Options.URL). Nothing
// is stored: a message that finds nobody is gone, and package cluster lives with
// that.
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

// Options say how to reach the other nodes: Listen and what goes with it, or
// URL and Credentials.
type Options struct {
	// Name is this node's; no other node may have it at the same time.
	Name string

	// Listen is where the server inside takes routes from other nodes, HOST:PORT.
	Listen string
	// Peers are nats://HOST:PORT of other nodes. One that is known is enough:
	// nodes tell each other.
	Peers []string
	// Secret admits to the cluster; nodes with another are refused. Empty
	// admits everybody who reaches the port.
	Secret string
	// TLS encrypts the routes, or the connection to URL. It serves both
	// directions; nil is plain TCP.
	TLS *tls.Config

	// URL is an existing NATS server or several, separated by commas.
	URL string
	// Credentials is the file with a NATS user's JWT and seed; empty is none.
	Credentials string

	Log *slog.Logger
}

// Conn is a connection to all other nodes. Its methods may be called from any
// goroutine.
type Conn struct {
	conn   *nats.Conn
	server *server.Server // nil with an existing NATS
	log    *slog.Logger
	// away is true from the loss of the connection until it is back. The library
	// dials with a lock held that all calls of it take, for as long as a NATS that
	// does not answer has it wait; so nobody asks the library meanwhile. A node
	// that waited for it could not go on alone.
	away atomic.Bool
	// regained receives whenever a lost connection is back.
	regained chan struct{}
	refusals refusals
	// forbidden is when NATS last said that a subject is forbidden, in Unix nanoseconds.
	forbidden atomic.Int64
}

// errAway is the answer to whatever cannot be said now.
var errAway = errors.New("NATS is lost")

// How fast a lost NATS is noticed and tried again, and how much may wait to be
// handled here: a node that falls behind further loses messages, notices and
// asks for them.
const (
	connectWithin = 5 * time.Second
	pingInterval  = time.Second
	pingsLost     = 2
	reconnectWait = 100 * time.Millisecond
	// writeWithin bounds how long Publish may block, which it does once: a NATS that
	// does not read counts as lost.
	writeWithin = 500 * time.Millisecond
	// forbiddenAgain is how long NATS must not have said so for it to be worth
	// another line: it says it of every message.
	forbiddenAgain  = 10 * time.Second
	pendingMessages = 1 << 20
	pendingBytes    = 256 << 20
)

// Open connects, or fails within seconds.
func Open(o Options) (*Conn, error) {
	c := &Conn{log: o.Log, regained: make(chan struct{}, 1)}
	options := []nats.Option{
		nats.Name("confab " + o.Name),
		nats.NoEcho(),
		nats.Timeout(connectWithin),
		nats.PingInterval(pingInterval),
		nats.MaxPingsOutstanding(pingsLost),
		nats.MaxReconnects(-1),
		nats.IgnoreAuthErrorAbort(), // Credentials are replaced, too, and the file is read at each try.
		nats.ReconnectWait(reconnectWait),
		nats.ReconnectJitter(reconnectWait, reconnectWait),
		nats.ReconnectBufSize(-1), // What could not be said in time is not said late.
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
	return c, nil
}

// hint says what to change when NATS does not let the node in.
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

// Close says goodbye. Nothing is handled any more when it returns.
func (c *Conn) Close() {
	if c.conn != nil {
		if !c.away.Load() {
			c.conn.FlushTimeout(time.Second) //nolint:errcheck // Whoever is gone hears no goodbye.
		}
		c.conn.Close()
	}
	if c.server != nil {
		c.server.Shutdown()
		c.server.WaitForShutdown()
	}
}

// Address is where other nodes reach the server inside; nil with an existing NATS.
func (c *Conn) Address() net.Addr {
	if c.server == nil {
		return nil
	}
	return c.server.ClusterAddr()
}

// Connected says whether NATS can be used right now.
func (c *Conn) Connected() bool { return !c.away.Load() }

// Regained receives after a lost connection came back: notices may have been
// missed.
func (c *Conn) Regained() <-chan struct{} { return c.regained }

// Publish sends data to all other nodes that subscribe to the subject. What one
// node publishes arrives in order at each other's subscription, or is lost.
func (c *Conn) Publish(subject string, data []byte) error {
	if c.away.Load() {
		return errAway
	}
	return c.conn.Publish(subject, data)
}

// Subscribe has messages of the subject handled one after another. reply is nil
// when no answer is awaited; it may be called later and from any goroutine.
func (c *Conn) Subscribe(subject string, handle func(subject string, data []byte, reply func([]byte))) error {
	s, err := c.conn.Subscribe(subject, func(m *nats.Msg) {
		var reply func([]byte)
		if m.Reply != "" {
			reply = func(data []byte) {
				if !c.away.Load() {
					m.Respond(data) //nolint:errcheck // Whoever asked asks again.
				}
			}
		}
		handle(m.Subject, m.Data, reply)
	})
	if err != nil {
		return err
	}
	if err := s.SetPendingLimits(pendingMessages, pendingBytes); err != nil {
		return err
	}
	// Subscribed means that the server knows; other servers learn of it next.
	return c.conn.FlushTimeout(connectWithin)
}

// Request sends data and returns the answer of the one node that subscribes to
// the subject. It fails at once when there is none.
func (c *Conn) Request(ctx context.Context, subject string, data []byte) ([]byte, error) {
	if c.away.Load() {
		return nil, errAway
	}
	// The library takes its lock again when the context has ended, and may not get it.
	type answer struct {
		message *nats.Msg
		err     error
	}
	answers := make(chan answer, 1)
	go func() {
		m, err := c.conn.RequestWithContext(ctx, subject, data)
		answers <- answer{m, err}
	}()
	select {
	case a := <-answers:
		if a.err != nil {
			return nil, a.err
		}
		return a.message.Data, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

func (c *Conn) lost(_ *nats.Conn, err error) {
	c.away.Store(true)
	if err != nil { // Nil when it was closed on purpose.
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
		return // It is tried, and refused, several times a second.
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
