package nats

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/nats-io/nats-server/v2/server"
)

// The names with which nodes and this process log in to an embedded server.
const (
	localUser = "local"
	routeUser = "node"
)

// The limits of the embedded server. Packages above keep their payloads far below the
// largest one.
const (
	startWithin  = 10 * time.Second
	maxPayload   = 4 << 20
	routeTimeout = 5.0 // seconds for TLS and login
	// routePing is the time between two pings on a route. A route counts as lost if one was not
	// answered when the next is due: 2 s to 4 s after it was cut. The heartbeats of nodes find
	// that out sooner, but a lost route must be dialed anew. Each ping wakes up both servers
	// twice, so frequent ones would cost idle nodes more than everything else.
	routePing = 2 * time.Second
)

// startServer starts a NATS server in this process. It returns the password with which
// the process logs in: no other client can use the server's client port. failed is
// called with each error that the server logs.
func startServer(o Options, failed func(text string)) (*server.Server, string, error) {
	host, port, err := net.SplitHostPort(o.Listen)
	if err != nil {
		return nil, "", err
	}
	n, err := strconv.Atoi(port)
	if err != nil {
		return nil, "", fmt.Errorf("port %q: %w", port, err)
	}
	if n == 0 {
		n = server.RANDOM_PORT
	}
	password := rand.Text()
	so := &server.Options{
		ServerName: o.Name,
		// The server opens no routes without a port for clients.
		Host: "127.0.0.1", Port: server.RANDOM_PORT, NoAuthUser: "",
		Username: localUser, Password: password,
		NoSigs: true, MaxPayload: maxPayload,
		Cluster: server.ClusterOpts{
			Name: "confab", Host: host, Port: n,
			Username: routeUser, Password: o.Secret, AuthTimeout: routeTimeout,
			TLSConfig: o.TLS, TLSTimeout: routeTimeout,
			// One route to each node keeps the order of what a node publishes.
			PoolSize:     -1,
			PingInterval: routePing, MaxPingsOut: 1,
		},
	}
	if o.Secret == "" {
		so.Cluster.Username = ""
	}
	for _, p := range o.Peers {
		u, err := url.Parse(p)
		if err != nil {
			return nil, "", err
		}
		if o.Secret != "" {
			u.User = url.UserPassword(routeUser, o.Secret)
		}
		so.Routes = append(so.Routes, u)
	}
	s, err := server.NewServer(so)
	if err != nil {
		return nil, "", fmt.Errorf("start the NATS server inside: %w", err)
	}
	fatal := make(chan string, 1)
	s.SetLogger(serverLog{log: o.Log, secret: o.Secret, failed: failed, fatal: fatal}, false, false)
	s.Start()
	if s.ReadyForConnections(startWithin) {
		return s, password, nil
	}
	s.Shutdown()
	select {
	case why := <-fatal:
		return nil, "", errors.New(why)
	default:
		return nil, "", fmt.Errorf("the NATS server inside was not ready within %s", startWithin)
	}
}

// serverLog receives the log of the embedded server. Its notices are many, so their
// level is debug; refused routes are errors.
type serverLog struct {
	log    *slog.Logger
	secret string
	failed func(text string)
	fatal  chan<- string
}

func (l serverLog) write(level slog.Level, format string, args []any) string {
	text := fmt.Sprintf(format, args...)
	if l.secret != "" {
		text = strings.ReplaceAll(text, l.secret, "••••••••")
	}
	l.log.LogAttrs(context.Background(), level, "NATS server", slog.String("text", text))
	return text
}

func (l serverLog) Noticef(format string, args ...any) { l.write(slog.LevelDebug, format, args) }
func (l serverLog) Warnf(format string, args ...any)   { l.write(slog.LevelWarn, format, args) }
func (l serverLog) Debugf(format string, args ...any)  { l.write(slog.LevelDebug, format, args) }
func (l serverLog) Tracef(format string, args ...any)  { l.write(slog.LevelDebug, format, args) }

func (l serverLog) Errorf(format string, args ...any) {
	l.failed(l.write(slog.LevelError, format, args))
}

func (l serverLog) Fatalf(format string, args ...any) {
	text := l.write(slog.LevelError, format, args)
	select {
	case l.fatal <- text:
	default:
	}
}
