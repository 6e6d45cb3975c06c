package websocket

import (
	"bytes"
	"errors"
	"log/slog"
	"strings"
	"testing"

	"confab/internal/rfc6455"
)

func TestHandlerPanics(t *testing.T) {
	eachForm(t, func(t *testing.T, start func(Options, Handler) *peerServer) {
		var log bytes.Buffer
		causes := make(chan error, 10)
		s := start(Options{Loops: 1, Log: slog.New(slog.NewTextHandler(&log, nil))}, handler{
			message: func(c *Conn, _ rfc6455.Opcode, p []byte) {
				switch string(p) {
				case "runtime":
					_ = p[100]
				case "value":
					panic("secret words of a user")
				}
				c.Send(p)
			},
			closed: func(_ *Conn, cause error) {
				causes <- cause
				panic("in Closed")
			},
		})
		healthy := s.dialRaw(t)
		for _, p := range []string{"runtime", "value"} {
			peer := s.dialRaw(t)
			peer.write(t, text(p)...)
			if _, _, err := peer.frame(); err == nil {
				t.Error("read a frame")
			}
			if cause := receive(t, causes, "Closed"); !errors.Is(cause, ErrPanic) {
				t.Errorf("Closed with %v", cause)
			}
		}
		healthy.write(t, text("still here")...)
		if _, p, err := healthy.frame(); err != nil || string(p) != "still here" {
			t.Errorf("read %q, %v", p, err)
		}
		s.http.Close()
		s.stop()
		if text := log.String(); !strings.Contains(text, "index out of range") || strings.Contains(text, "secret") || !strings.Contains(text, "handler_test.go") {
			t.Errorf("log:\n%s", text)
		}
	})
}
