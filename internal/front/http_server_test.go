package front

import (
	"log/slog"
	"strings"
	"testing"
)

func TestServerErrors(t *testing.T) {
	var b strings.Builder
	log := NewHTTPServer(nil, 0, slog.New(slog.NewJSONHandler(&b, nil))).ErrorLog
	log.Print("http: TLS handshake error from 192.0.2.1:1: EOF")
	if b.Len() != 0 {
		t.Errorf("a client's mistake is in the log: %s", b.String())
	}
	log.Print("http: Accept error: accept tcp: too many open files; retrying in 5ms")
	if !strings.Contains(b.String(), `"level":"ERROR"`) || !strings.Contains(b.String(), "too many open files") {
		t.Errorf("the log is %q", b.String())
	}
}
