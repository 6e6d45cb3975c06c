package app

import (
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

func TestUpgrades(t *testing.T) {
	for _, tt := range []struct {
		upgrade []string
		want    bool
	}{
		{nil, false},
		{[]string{"websocket"}, true},
		{[]string{"WebSocket"}, true},
		{[]string{"h2c, websocket"}, true},
		{[]string{"h2c", "websocket"}, true},
		{[]string{"h2c"}, false},
		{[]string{"websockets"}, false},
	} {
		r := httptest.NewRequest(http.MethodGet, "/", nil)
		r.Header["Upgrade"] = tt.upgrade
		if got := upgrades(r); got != tt.want {
			t.Errorf("Upgrade: %q is %v, want %v", tt.upgrade, got, tt.want)
		}
	}
}

func TestServerErrors(t *testing.T) {
	var b strings.Builder
	log := newHTTPServer(nil, slog.New(slog.NewJSONHandler(&b, nil))).ErrorLog
	log.Print("http: TLS handshake error from 192.0.2.1:1: EOF")
	if b.Len() != 0 {
		t.Errorf("a client's mistake is in the log: %s", b.String())
	}
	log.Print("http: Accept error: accept tcp: too many open files; retrying in 5ms")
	if !strings.Contains(b.String(), `"level":"ERROR"`) || !strings.Contains(b.String(), "too many open files") {
		t.Errorf("the log is %q", b.String())
	}
}
