package commands

import (
	"bytes"
	"context"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os/exec"
	"strings"
	"testing"
	"time"

	"confab/internal/testbed/process"
)

// TestDoctor has proxies that are wrong in usual ways between client and server: the
// doctor names each, and its fix.
func TestDoctor(t *testing.T) {
	server := process.Serve(t, process.Options{})
	target, err := url.Parse(server.Endpoint)
	if err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		name     string
		request  func(*httputil.ProxyRequest)
		response func(*http.Response) error
		holds    time.Duration // how long the first frame for the client is held back
		flags    []string
		finding  string // "" is none
		fix      string
	}{
		{name: "a proxy that is right"},
		{name: "Upgrade is removed", request: func(r *httputil.ProxyRequest) {
			r.Out.Header.Del("Upgrade")
			r.Out.Header.Del("Connection")
		}, finding: "FIX   WebSocket: the handshake was answered with 426", fix: "proxy_set_header Upgrade"},
		{name: "the subprotocol is removed from the answer", response: func(r *http.Response) error {
			r.Header.Del("Sec-WebSocket-Protocol")
			return nil
		}, finding: "FIX   WebSocket: the handshake came back without the chat token", fix: "Sec-WebSocket-Protocol both ways"},
		{name: "the subprotocol is removed from the request", request: func(r *httputil.ProxyRequest) {
			r.Out.Header.Del("Sec-WebSocket-Protocol")
		}, finding: "FIX   WebSocket: ", fix: "the chat token did not arrive whole"},
		{name: "Host is changed", request: func(r *httputil.ProxyRequest) {
			r.Out.Host = "backend.internal"
		}, finding: "FIX   signature: ", fix: "let the proxy pass Host and the path unchanged"},
		{name: "the path is changed", request: func(r *httputil.ProxyRequest) {
			r.Out.URL.Path = "/chat" + r.Out.URL.Path
		}, finding: "FIX   signature: ", fix: "let the proxy pass"},
		{name: "Authorization is removed", request: func(r *httputil.ProxyRequest) {
			r.Out.Header.Del("Authorization")
		}, finding: "FIX   signature: ", fix: "the Authorization header"},
		{name: "bodies are limited", request: func(r *httputil.ProxyRequest) {
			if r.In.ContentLength > 1<<20 {
				r.Out.URL.Host = "127.0.0.1:1"
			}
		}, finding: "FIX   large calls: a call of 4 MiB was answered with 502", fix: "client_max_body_size 4m"},
		{name: "headers are limited", request: func(r *httputil.ProxyRequest) {
			if len(r.In.Header.Get("Sec-WebSocket-Protocol")) > 1000 {
				r.Out.URL.Host = "127.0.0.1:1"
			}
		}, finding: "FIX   large tokens: a chat token with large attributes is refused", fix: "large_client_header_buffers"},
		{name: "encoded slashes are refused", request: func(r *httputil.ProxyRequest) {
			if strings.Contains(r.In.URL.EscapedPath(), "%2F") {
				r.Out.URL.Path, r.Out.URL.RawPath = "/none", ""
			}
		}, finding: "FIX   encoded paths: ", fix: "AllowEncodedSlashes"},
		{
			name: "frames are held back", holds: 4 * time.Second,
			finding: "FIX   messages: a message came back only after 4", fix: "without buffering",
		},
		{name: "the clock differs", response: func(r *http.Response) error {
			r.Header.Set("Date", time.Now().Add(-time.Hour).UTC().Format(http.TimeFormat))
			return nil
		}, finding: "FIX   clock: this machine and the server differ by 1h0m", fix: "set the clocks by NTP"},
		{name: "OPTIONS loses its headers", response: func(r *http.Response) error {
			r.Header.Del("Access-Control-Allow-Origin")
			return nil
		}, flags: []string{"--origin", "https://app.example"}, finding: "FIX   CORS: pages of https://app.example may not call the API", fix: "--cors-origins"},
	} {
		t.Run(test.name, func(t *testing.T) {
			proxy := httptest.NewServer(&httputil.ReverseProxy{
				Rewrite: func(r *httputil.ProxyRequest) {
					r.SetURL(target)
					r.Out.Host = r.In.Host
					if test.request != nil {
						test.request(r)
					}
				},
				ModifyResponse: test.response,
				Transport: &http.Transport{DialContext: func(ctx context.Context, network, address string) (net.Conn, error) {
					conn, err := new(net.Dialer).DialContext(ctx, network, address)
					return &holding{Conn: conn, held: test.holds}, err
				}},
			})
			defer proxy.Close()
			ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
			defer cancel()
			cmd := exec.CommandContext(ctx, "confab", append([]string{"doctor"}, test.flags...)...)
			cmd.Env = environment(t, proxy.URL)
			cmd.Path = strings.TrimPrefix(strings.SplitN(cmd.Env[0], ":", 2)[0], "PATH=") + "/confab"
			cmd.Err = nil
			out, err := cmd.CombinedOutput()
			if test.finding == "" {
				if err != nil || strings.Contains(string(out), "FIX") || !strings.Contains(string(out), "OK    messages: a message came back in") {
					t.Errorf("%v\n%s", err, out)
				}
				return
			}
			if err == nil || !strings.Contains(string(out), test.finding) || !strings.Contains(string(out), test.fix) {
				t.Errorf("%v, want %q and %q\n%s", err, test.finding, test.fix, out)
			}
		})
	}
}

// holding is a connection to a server that holds back what follows the answer to a handshake.
type holding struct {
	net.Conn
	held     time.Duration
	upgraded bool
}

// Read reads.
func (h *holding) Read(b []byte) (int, error) {
	n, err := h.Conn.Read(b)
	if h.upgraded {
		time.Sleep(h.held)
		h.held = 0
	}
	h.upgraded = h.upgraded || bytes.HasPrefix(b[:n], []byte("HTTP/1.1 101"))
	return n, err
}
