package edge_test

import (
	"bytes"
	"context"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"

	"confab/internal/chat"
	"confab/internal/edge"
)

func TestHandshakeRefusals(t *testing.T) {
	for name, c := range map[string]struct {
		prepare func(n *node, r *http.Request)
		status  int
		name    string
	}{
		"no token":                 {func(_ *node, r *http.Request) { r.Header.Del("Sec-WebSocket-Protocol") }, 401, "UnauthorizedException"},
		"two values":               {func(_ *node, r *http.Request) { r.Header.Set("Sec-WebSocket-Protocol", "a, b") }, 401, "UnauthorizedException"},
		"garbage":                  {func(_ *node, r *http.Request) { r.Header.Set("Sec-WebSocket-Protocol", "garbage") }, 401, "UnauthorizedException"},
		"an old token":             {func(n *node, r *http.Request) { r.Header.Set("Sec-WebSocket-Protocol", n.token("ann", expired)) }, 401, "UnauthorizedException"},
		"a room gone":              {func(n *node, _ *http.Request) { n.Remove(roomID) }, 404, "ResourceNotFoundException"},
		"draining":                 {func(n *node, _ *http.Request) { n.endpoint.Drain(context.Background(), 0) }, 503, "ServiceUnavailableException"},
		"no upgrade":               {func(_ *node, r *http.Request) { r.Header.Del("Upgrade") }, 426, "BadHandshake"},
		"no Upgrade in Connection": {func(_ *node, r *http.Request) { r.Header.Set("Connection", "close") }, 426, "BadHandshake"},
		"wrong version":            {func(_ *node, r *http.Request) { r.Header.Set("Sec-WebSocket-Version", "8") }, 426, "BadHandshake"},
		"no key":                   {func(_ *node, r *http.Request) { r.Header.Del("Sec-WebSocket-Key") }, 400, "BadHandshake"},
	} {
		t.Run(name, func(t *testing.T) {
			n := start(t)
			r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, n.server.URL+"/any/path", nil)
			if err != nil {
				t.Fatal(err)
			}
			r.Header.Set("Connection", "Upgrade")
			r.Header.Set("Upgrade", "websocket")
			r.Header.Set("Sec-WebSocket-Version", "13")
			r.Header.Set("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ==")
			r.Header.Set("Sec-WebSocket-Protocol", n.token("ann"))
			c.prepare(n, r)
			res, err := http.DefaultClient.Do(r)
			if err != nil {
				t.Fatal(err)
			}
			defer res.Body.Close()
			body, err := io.ReadAll(res.Body)
			if err != nil {
				t.Fatal(err)
			}
			if res.StatusCode != c.status || res.Header.Get("X-Amzn-ErrorType") != c.name || !strings.Contains(string(body), `"message":"`) {
				t.Errorf("%d %s %s", res.StatusCode, res.Header.Get("X-Amzn-ErrorType"), body)
			}
			if n.Spent() != 0 {
				t.Error("the token was spent")
			}
		})
	}
}

func expired(t *chat.Token) { t.Expires = time.Now().Add(-time.Second) }

// TestUpgradeDroppedWarning holds that a proxy that drops Upgrade is one line in the log
// a minute, and that other refusals are none.
func TestUpgradeDroppedWarning(t *testing.T) {
	log := new(bytes.Buffer)
	n := start(t, func(o *edge.Options) { o.Log = slog.New(slog.NewTextHandler(log, nil)) })
	for _, change := range []func(*http.Request){
		func(r *http.Request) { r.Header.Set("Upgrade", "websocket"); r.Header.Set("Connection", "Upgrade") }, // No version.
		func(r *http.Request) { r.Header.Del("Sec-WebSocket-Key") },                                           // No handshake.
		func(r *http.Request) { r.Proto, r.ProtoMinor = "HTTP/1.0", 0; r.Header.Set("Connection", "close") },  // nginx by default.
		func(r *http.Request) { r.Header.Set("Upgrade", "websocket") },
		func(*http.Request) {},
	} {
		r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "http://chat.example.com/", nil)
		r.Header.Set("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ==")
		r.Header.Set("Via", "1.1 cdn")
		r.RemoteAddr = "10.0.0.1:5000"
		change(r)
		w := httptest.NewRecorder()
		n.endpoint.ServeHTTP(w, r)
		if w.Code != http.StatusUpgradeRequired {
			t.Errorf("answered %d", w.Code)
		}
	}
	want := `level=WARN msg="A proxy drops the Upgrade header of WebSocket handshakes, so clients cannot connect; configure it to pass Upgrade and Connection, over HTTP/1.1" ` +
		`peer=10.0.0.1:5000 host=chat.example.com via="1.1 cdn" protocol=HTTP/1.0`
	if strings.Count(log.String(), "level=WARN") != 1 || !strings.Contains(log.String(), want) {
		t.Errorf("logged %s, want one warning: %s", log, want)
	}
}

func TestTokenWorksOnce(t *testing.T) {
	n := start(t)
	token := n.token("ann")
	n.connect(t, token)
	_, res, err := websocket.Dial(t.Context(), n.url(), &websocket.DialOptions{Subprotocols: []string{token}})
	if err == nil || res.StatusCode != http.StatusUnauthorized {
		t.Errorf("second use: %v, %v", res, err)
	}
}
