package app

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"confab/internal/config"
	"confab/internal/rfc6455"
)

// TestBasePath_restore shows what the API and the health paths see of a request,
// whether the proxy passed the base path on or removed it.
func TestBasePath_restore(t *testing.T) {
	const arn = "arn%3Aaws%3Aivschat%3Aus-west-2%3A123456789012%3Aroom%2Fabc"
	for _, tt := range []struct{ base, target, sent, path string }{
		{"", "/CreateRoom", "/CreateRoom", "/CreateRoom"},
		{"", "//CreateRoom", "//CreateRoom", "//CreateRoom"},
		{"/chat", "/chat/CreateRoom", "/chat/CreateRoom", "/CreateRoom"},
		{"/chat", "/CreateRoom", "/chat/CreateRoom", "/CreateRoom"},
		{"/chat", "//CreateRoom", "/chat/CreateRoom", "/CreateRoom"},
		{"/chat", "/chat/tags/" + arn, "/chat/tags/" + arn, "/tags/" + arn},
		{"/chat", "/tags/" + arn, "/chat/tags/" + arn, "/tags/" + arn},
		{"/chat", "//tags/" + arn, "/chat/tags/" + arn, "/tags/" + arn},
		{"/chat", "/chatter", "/chat/chatter", "/chatter"},
		{"/chat", "/ch%61t/CreateRoom", "/chat/ch%61t/CreateRoom", "/ch%61t/CreateRoom"},
		{"/chat", "/CHAT/CreateRoom", "/chat/CHAT/CreateRoom", "/CHAT/CreateRoom"},
		{"/chat", "/", "/chat/", "/"},
		{"/a/b", "/a/b/GetRoom", "/a/b/GetRoom", "/GetRoom"},
		{"/a/b", "/b/GetRoom", "/a/b/b/GetRoom", "/b/GetRoom"},
	} {
		t.Run(tt.base+" "+tt.target, func(t *testing.T) {
			r := httptest.NewRequest(http.MethodGet, "http://h/?q=1", nil)
			// As net/http reads a request line.
			u, err := r.URL.Parse("http://h" + tt.target + "?q=1")
			if err != nil {
				t.Fatal(err)
			}
			r.URL = u
			sent, path := basePath(tt.base).restore(r)
			if got := sent.URL.EscapedPath(); got != tt.sent || path != tt.path || sent.URL.RawQuery != "q=1" {
				t.Errorf("sent as %s?%s, for %s; want %s?q=1, for %s", got, sent.URL.RawQuery, path, tt.sent, tt.path)
			}
			if r.URL != u || u.EscapedPath() != tt.target {
				t.Errorf("the request itself has changed: %s", r.URL)
			}
		})
	}
}

// TestBasePath_socket holds the two ways to read a handshake against each other.
func TestBasePath_socket(t *testing.T) {
	for _, tt := range []struct {
		base, target string
		want         bool
	}{
		{"", "/", true},
		{"", "/anything", true},
		{"/chat", "/", true},
		{"/chat", "/chat", true},
		{"/chat", "/chat/", true},
		{"/chat", "/chat/anything", true},
		{"/chat", "/chat?confab=1", true},
		{"/chat", "/?confab=1", true},
		{"/chat", "/chatter", false},
		{"/chat", "/other", false},
		{"/chat", "/other/chat", false},
		{"/chat", "/other?/chat", false},
		{"/chat", "/CHAT", false},
	} {
		t.Run(tt.base+" "+tt.target, func(t *testing.T) {
			head := "GET " + tt.target + " HTTP/1.1\r\nHost: h\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n" +
				"Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\nSec-WebSocket-Protocol: token\r\n\r\n"
			if _, _, size := rfc6455.ParseHead([]byte(head)); size != len(head) {
				t.Fatalf("ParseHead reads %d bytes of %d", size, len(head))
			}
			if got := basePath(tt.base).handshake([]byte(head)); got != tt.want {
				t.Errorf("the door says %v, want %v", got, tt.want)
			}
			served := false
			sockets := http.HandlerFunc(func(http.ResponseWriter, *http.Request) { served = true })
			h := (&Server{cfg: &config.Config{BasePath: tt.base}}).mainHandler(sockets, http.NotFoundHandler(), nil, nil)
			r := httptest.NewRequest(http.MethodGet, tt.target, nil)
			r.Header.Set("Upgrade", "websocket")
			w := httptest.NewRecorder()
			h.ServeHTTP(w, r)
			if served != tt.want {
				t.Errorf("the handler says %v, want %v", served, tt.want)
			}
			if body, _ := io.ReadAll(w.Result().Body); !served && (w.Code != http.StatusNotFound || !strings.Contains(string(body), tt.base)) {
				t.Errorf("refused with %d %s, want 404 that names %s", w.Code, body, tt.base)
			}
		})
	}
}

func TestCheckBasePath(t *testing.T) {
	for path, ok := range map[string]bool{"": true, "/chat": true, "/CreateRoom": false, "/GetRoom/x": true} {
		if err := checkBasePath(&config.Config{BasePath: path}); (err == nil) != ok {
			t.Errorf("%q: %v", path, err)
		}
	}
}
