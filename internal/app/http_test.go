package app

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"confab/internal/config"
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

// patience is a ResponseWriter that notes how long it is waited for a client.
type patience struct {
	*httptest.ResponseRecorder
	read, write time.Time
}

func (p *patience) SetReadDeadline(t time.Time) error  { p.read = t; return nil }
func (p *patience) SetWriteDeadline(t time.Time) error { p.write = t; return nil }

func TestMainHandler_deadlines(t *testing.T) {
	nothing := http.HandlerFunc(func(http.ResponseWriter, *http.Request) {})
	h := (&Server{cfg: &config.Config{}}).mainHandler(nothing, nothing, nil, nil)
	for name, tt := range map[string]struct {
		path, upgrade, body string
		bounded             bool
	}{
		"a call":                     {"/GetRoom", "", "{}", true},
		"health":                     {"/healthz", "", "", true},
		"health with a body":         {"/healthz", "", "unread", true},
		"a handshake":                {"/", "websocket", "", false},
		"what is none, for its body": {"/", "websocket", "unread", true},
	} {
		t.Run(name, func(t *testing.T) {
			r := httptest.NewRequest(http.MethodGet, tt.path, strings.NewReader(tt.body))
			r.Header.Set("Upgrade", tt.upgrade)
			w := &patience{ResponseRecorder: httptest.NewRecorder()}
			h.ServeHTTP(w, r)
			if w.read.IsZero() == tt.bounded || w.write.IsZero() == tt.bounded {
				t.Errorf("deadlines %v and %v", w.read, w.write)
			}
		})
	}
}
