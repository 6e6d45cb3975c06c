package edge

import (
	"context"
	"errors"
	"log/slog"
	"maps"
	"net/http"
	"net/netip"
	"strconv"

	"github.com/go-json-experiment/json/jsontext"

	"confab/internal/chat"
	"confab/internal/rfc6455"
)

// refuse logs and counts a handshake that failed, and returns its answer. It adds the
// headers to h.
func (e *Endpoint) refuse(ctx context.Context, ip netip.Addr, h http.Header, err error) (status int, body []byte) {
	status, name, message := refusal(err)
	if bad, ok := errors.AsType[*rfc6455.HandshakeError](err); ok {
		maps.Copy(h, bad.Header)
	}
	e.handshake.refused.WithLabelValues(name).Inc()
	level := slog.LevelInfo
	if status >= http.StatusInternalServerError {
		level = slog.LevelWarn
	}
	e.o.Log.LogAttrs(ctx, level, "Handshake refused", slog.Int("status", status), slog.String("exception", name),
		slog.String("address", ip.String()), slog.Any("error", err))
	body = append([]byte(`{"message":`), jsontextQuote(message)...)
	body = append(body, '}')
	h.Set("Content-Type", "application/json")
	h.Set("Content-Length", strconv.Itoa(len(body)))
	h.Set("X-Amzn-Errortype", name)
	return status, body
}

// refusal returns the HTTP answer for an error.
func refusal(err error) (status int, name, message string) {
	if bad, ok := errors.AsType[*rfc6455.HandshakeError](err); ok {
		return bad.Status, "BadHandshake", bad.Error()
	}
	e, ok := errors.AsType[*chat.Error](err)
	if !ok || e.Code == chat.Internal || e.Code.Wire().HandshakeException == "" {
		internal := chat.Internal.Wire()
		return internal.HandshakeStatus, internal.HandshakeException, "Internal error"
	}
	wire := e.Code.Wire()
	return wire.HandshakeStatus, wire.HandshakeException, e.Message
}

func jsontextQuote(s string) []byte {
	b, _ := jsontext.AppendQuote(nil, s) // The error is about invalid UTF-8, which is replaced.
	return b
}
