package front

import (
	"context"
	stdlog "log"
	"log/slog"
	"net/http"
	"strings"
	"time"
)

// The limits of HTTP. A request's header carries the chat token, 2–4 KB and up
// to 8, as the WebSocket subprotocol.
const (
	headerTimeout = 10 * time.Second
	idleTimeout   = 2 * time.Minute
	maxHeader     = 64 << 10
)

// NewHTTPServer returns a server of HTTP/1.1 and nothing else: a WebSocket
// handshake needs it, and no SDK asks for more.
func NewHTTPServer(h http.Handler, log *slog.Logger) *http.Server {
	protocols := new(http.Protocols)
	protocols.SetHTTP1(true)
	server := &http.Server{
		Handler:           h,
		Protocols:         protocols,
		ReadHeaderTimeout: headerTimeout,
		IdleTimeout:       idleTimeout,
		MaxHeaderBytes:    maxHeader,
		ErrorLog:          stdlog.New(serverErrors{log}, "", 0),
	}
	new(newConns).watch(server)
	return server
}

// serverErrors logs the messages of net/http. That connections cannot be accepted
// is an error of this server, as a panic is; the rest is about clients that break
// TLS or HTTP.
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
