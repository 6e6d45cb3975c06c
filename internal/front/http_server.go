package front

import (
	"context"
	stdlog "log"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"time"
)

// The limits of HTTP. A request's header carries the chat token as the WebSocket
// subprotocol: 2–4 KB, and up to 8.
const (
	headerTimeout = 10 * time.Second
	maxHeader     = 64 << 10
)

// NewHTTPServer returns a server of HTTP/1.1 only. A WebSocket handshake needs HTTP/1.1,
// and no SDK needs more. keepAlive is how long a connection may be idle between two
// requests.
func NewHTTPServer(h http.Handler, keepAlive time.Duration, log *slog.Logger) *http.Server {
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
	new(newConns).watch(server)
	follow(server)
	return server
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
