package front

import (
	"context"
	stdlog "log"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"sync"
	"time"
)

// The limits of HTTP. A request's header carries the chat token as the WebSocket
// subprotocol: 2–4 KB, and up to 8.
const (
	headerTimeout = 10 * time.Second
	maxHeader     = 64 << 10
)

// HTTPServer is an http.Server that also answers requests that are on their way when it
// shuts down.
type HTTPServer struct {
	*http.Server
	silent newConns
	grace  time.Duration // newConnGrace, except in tests

	// mu guards the fields below, which are nil before Serve.
	mu       sync.Mutex
	listener net.Listener
	taken    chan struct{} // closed when net/http has all connections of the listener
}

// Serve serves the connections of l, as http.Server does.
func (s *HTTPServer) Serve(l net.Listener) error {
	taken := make(chan struct{})
	defer close(taken)
	s.mu.Lock()
	s.listener, s.taken = l, taken
	s.mu.Unlock()
	return s.Server.Serve(l)
}

// Shutdown closes the listener and waits until the requests have ended, or ctx. net/http
// drops those whose heads it reads after its own Shutdown has begun. So connections first
// have a moment to send a request, or to finish their TLS handshake before it.
func (s *HTTPServer) Shutdown(ctx context.Context) error {
	s.mu.Lock()
	listener, taken := s.listener, s.taken
	s.mu.Unlock()
	if listener != nil {
		listener.Close()
		within, cancel := context.WithTimeout(ctx, s.grace)
		select {
		case <-taken:
			s.silent.wait(within)
		case <-within.Done():
		}
		cancel()
	}
	return s.Server.Shutdown(ctx)
}

// NewHTTPServer returns a server of HTTP/1.1 only. A WebSocket handshake needs HTTP/1.1,
// and no SDK needs more. keepAlive is how long a connection may be idle between two
// requests.
func NewHTTPServer(h http.Handler, keepAlive time.Duration, log *slog.Logger) *HTTPServer {
	protocols := new(http.Protocols)
	protocols.SetHTTP1(true)
	server := &http.Server{
		Handler:           onSocket(closeBehindFaultyFraming(h)),
		Protocols:         protocols,
		ReadHeaderTimeout: headerTimeout,
		IdleTimeout:       keepAlive,
		MaxHeaderBytes:    maxHeader,
		ErrorLog:          stdlog.New(serverErrors{log}, "", 0),
	}
	s := &HTTPServer{Server: server, grace: newConnGrace}
	s.silent.watch(server)
	follow(server)
	return s
}

// socketKey is the key of a request's *socket in its context.
type socketKey struct{}

// follow reports the states of net/http's connections to the sockets of LimitSockets.
func follow(server *http.Server) {
	others := server.ConnState
	server.ConnState = func(conn net.Conn, state http.ConnState) {
		others(conn, state)
		if c := socketOf(conn); c != nil {
			c.changed(conn, state)
		}
	}
	server.ConnContext = func(ctx context.Context, conn net.Conn) context.Context {
		if c := socketOf(conn); c != nil {
			return context.WithValue(ctx, socketKey{}, c)
		}
		return ctx
	}
}

// onSocket records what a request reveals about its socket, and closes the socket after
// the answer if there are too many.
func onSocket(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if c, ok := r.Context().Value(socketKey{}).(*socket); ok {
			if r.Header["X-Forwarded-For"] != nil {
				c.hides()
			}
			if c.sockets.full() {
				w.Header().Set("Connection", "close")
			}
		}
		next.ServeHTTP(w, r)
	})
}

// closeBehindFaultyFraming closes the connection after the answer where RFC 9112 (section
// 6.1) asks for it, because intermediaries may have seen the end of the request
// elsewhere: for a Content-Length beside Transfer-Encoding, and for a Transfer-Encoding
// in HTTP/1.0. net/http hides from handlers which headers were sent, so this applies to
// every request with a Transfer-Encoding and to all of HTTP/1.0.
func closeBehindFaultyFraming(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.TransferEncoding != nil || !r.ProtoAtLeast(1, 1) {
			w.Header().Set("Connection", "close")
		}
		next.ServeHTTP(w, r)
	})
}

// serverErrors logs the messages of net/http. A failed accept is an error of this server,
// as a panic is. The other messages are about clients that violate TLS or HTTP.
type serverErrors struct{ log *slog.Logger }

// Write logs one message.
func (e serverErrors) Write(p []byte) (int, error) {
	message, level := strings.TrimSpace(string(p)), slog.LevelDebug
	if strings.HasPrefix(message, "http: Accept error") || strings.HasPrefix(message, "http: panic") {
		level = slog.LevelError
	}
	e.log.LogAttrs(context.Background(), level, "HTTP server", slog.String("error", message))
	return len(p), nil
}
