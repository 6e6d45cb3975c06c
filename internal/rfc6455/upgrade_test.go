package rfc6455

import (
	"bufio"
	"errors"
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestCheckUpgrade(t *testing.T) {
	const valid = "GET /any/path?q HTTP/1.1\nHost: chat\nConnection: keep-alive, Upgrade\nUpgrade: websocket\n" +
		"Sec-WebSocket-Version: 13\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\n"
	for _, c := range []struct {
		name      string
		from, to  string // from is replaced by to in the valid request
		status    int    // 0 means accepted
		protocols []string
	}{
		{name: "a valid request"},
		{name: "names in any case", from: "keep-alive, Upgrade\nUpgrade: websocket", to: "UPGRADE\nUpgrade: WebSocket"},
		{name: "headers in several lines", from: "keep-alive, Upgrade", to: "keep-alive\nConnection: ,upgrade,"},
		{name: "another upgrade beside it", from: "Upgrade: websocket", to: "Upgrade: h2c, websocket"},
		{name: "any origin", from: "Host: chat", to: "Host: chat\nOrigin: https://elsewhere.example"},
		{name: "an extension, which is ignored", from: "Host: chat", to: "Host: chat\nSec-WebSocket-Extensions: permessage-deflate"},
		{name: "a protocol", from: "Host: chat", to: "Host: chat\nSec-WebSocket-Protocol: AQ.x_y-z", protocols: []string{"AQ.x_y-z"}},
		{name: "protocols in several lines", from: "Host: chat", to: "Host: chat\nSec-WebSocket-Protocol: a, b ,,\nSec-WebSocket-Protocol: c", protocols: []string{"a", "b", "c"}},
		{name: "a protocol twice", from: "Host: chat", to: "Host: chat\nSec-WebSocket-Protocol: a, a", status: 400},
		{name: "a protocol that is no token", from: "Host: chat", to: "Host: chat\nSec-WebSocket-Protocol: a b", status: 400},
		{name: "a protocol in quotes", from: "Host: chat", to: "Host: chat\nSec-WebSocket-Protocol: \"a\"", status: 400},
		{name: "POST", from: "GET", to: "POST", status: 405},
		{name: "HEAD", from: "GET", to: "HEAD", status: 405},
		{name: "HTTP/1.0", from: "HTTP/1.1", to: "HTTP/1.0", status: 400},
		{name: "no host", from: "Host: chat", to: "Host:", status: 400},
		{name: "no Connection", from: "Connection: keep-alive, Upgrade\n", status: 426},
		{name: "Connection without upgrade", from: ", Upgrade", status: 426},
		{name: "Connection with a longer word", from: "Upgrade\n", to: "Upgraded\n", status: 426},
		{name: "no Upgrade", from: "Upgrade: websocket\n", status: 426},
		{name: "another Upgrade", from: "Upgrade: websocket", to: "Upgrade: h2c", status: 426},
		{name: "no version", from: "Sec-WebSocket-Version: 13\n", status: 426},
		{name: "version 8", from: "Version: 13", to: "Version: 8", status: 426},
		{name: "version 013", from: "Version: 13", to: "Version: 013", status: 426},
		{name: "two versions", from: "Version: 13", to: "Version: 13\nSec-WebSocket-Version: 13", status: 426},
		{name: "no key", from: "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\n", status: 400},
		{name: "an empty key", from: "dGhlIHNhbXBsZSBub25jZQ==", status: 400},
		{name: "a short key", from: "dGhlIHNhbXBsZSBub25jZQ==", to: "dGhlIHNhbXBsZSBub25j", status: 400},
		{name: "a long key", from: "dGhlIHNhbXBsZSBub25jZQ==", to: "dGhlIHNhbXBsZSBub25jZWU=", status: 400},
		{name: "a key that is not base64", from: "dGhlIHNhbXBsZSBub25jZQ==", to: "dGhlIHNhbXBsZSBub25jZ!==", status: 400},
		{name: "two keys", from: "Sec-WebSocket-Key", to: "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\nSec-WebSocket-Key", status: 400},
		{name: "a body", from: "Host: chat", to: "Host: chat\nContent-Length: 3", status: 400},
		{name: "a body of unknown length", from: "Host: chat", to: "Host: chat\nTransfer-Encoding: chunked", status: 400},
	} {
		t.Run(c.name, func(t *testing.T) {
			text := strings.Replace(valid, c.from, c.to, 1)
			if c.from != "" && text == valid {
				t.Fatalf("the request has no %q", c.from)
			}
			r, err := http.ReadRequest(bufio.NewReader(strings.NewReader(strings.ReplaceAll(text, "\n", "\r\n") + "\r\nabc")))
			if err != nil {
				t.Fatal(err)
			}
			u, err := CheckUpgrade(r)
			if c.status == 0 {
				if err != nil {
					t.Fatal(err)
				}
				if diff := cmp.Diff(c.protocols, u.Protocols); diff != "" {
					t.Errorf("protocols (-want +got):\n%s", diff)
				}
				return
			}
			var e *HandshakeError
			if !errors.As(err, &e) || e.Status != c.status {
				t.Fatalf("error %#v, want a HandshakeError with %d", err, c.status)
			}
			if c.status == 426 && (e.Header.Get("Sec-WebSocket-Version") != "13" || e.Header.Get("Upgrade") != "websocket") {
				t.Errorf("a 426 with %v, want the version and the protocol that are accepted", e.Header)
			}
		})
	}
}

func TestUpgradeResponse(t *testing.T) {
	r, err := http.ReadRequest(bufio.NewReader(strings.NewReader(strings.Replace(requestHead, "Host", "Sec-WebSocket-Protocol: one, two\r\nHost", 1))))
	if err != nil {
		t.Fatal(err)
	}
	u, err := CheckUpgrade(r)
	if err != nil {
		t.Fatal(err)
	}
	// The accept value is the example of RFC 6455, section 1.3.
	const head = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n"
	for protocol, want := range map[string]string{
		"two":                   head + "Sec-WebSocket-Protocol: two\r\n\r\n",
		"":                      head + "\r\n",
		"three":                 head + "\r\n",
		"one\r\nSet-Cookie: x=": head + "\r\n",
	} {
		if diff := cmp.Diff(want, string(u.Response(protocol))); diff != "" {
			t.Errorf("Response(%q) (-want +got):\n%s", protocol, diff)
		}
	}
}
