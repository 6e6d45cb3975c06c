package conformance

import (
	"crypto/sha1"
	"encoding/base64"
	"net"
	"net/http"
	"strings"
	"testing"
)

func TestHandshake(t *testing.T) {
	t.Parallel()
	// accept sends the handshake with a fresh token and expects a 101.
	accept := func(t *testing.T, change func(h *handshake)) (*handshake, answer) {
		t.Helper()
		h := newHandshake(subject.newToken(t, newRoom(t, nil), nil))
		change(h)
		res := subject.handshake(t, h)
		if res.StatusCode != http.StatusSwitchingProtocols {
			t.Fatalf("refused with %d: %s", res.StatusCode, h.body)
		}
		return h, res
	}
	header := func(h *handshake, name string) string {
		for _, line := range h.headers {
			if k, v, _ := strings.Cut(line, ": "); k == name {
				return v
			}
		}
		return ""
	}
	check(t, "the token is echoed exactly", func(t *testing.T) {
		h, res := accept(t, func(*handshake) {})
		if got := res.Header.Values("Sec-WebSocket-Protocol"); len(got) != 1 || got[0] != header(h, "Sec-WebSocket-Protocol") {
			t.Errorf("Sec-WebSocket-Protocol %q", got)
		}
	})
	check(t, "a token of full size is echoed exactly", func(t *testing.T) {
		token := subject.newToken(t, newRoom(t, nil), m{"userId": strings.Repeat("😀", 128), "attributes": m{"k": letters(1023)}})
		res := subject.handshake(t, newHandshake(token))
		if got := res.Header.Get("Sec-WebSocket-Protocol"); got != token {
			t.Errorf("status %d, Sec-WebSocket-Protocol %q, want %q", res.StatusCode, got, token)
		}
	})
	check(t, "the answer upgrades", func(t *testing.T) {
		_, res := accept(t, func(*handshake) {})
		if !strings.EqualFold(res.Header.Get("Upgrade"), "websocket") || !strings.EqualFold(res.Header.Get("Connection"), "Upgrade") {
			t.Errorf("Upgrade %q, Connection %q", res.Header.Get("Upgrade"), res.Header.Get("Connection"))
		}
	})
	check(t, "the key is answered", func(t *testing.T) {
		h, res := accept(t, func(*handshake) {})
		sum := sha1.Sum([]byte(header(h, "Sec-WebSocket-Key") + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"))
		if got, want := res.Header.Get("Sec-WebSocket-Accept"), base64.StdEncoding.EncodeToString(sum[:]); got != want {
			t.Errorf("Sec-WebSocket-Accept %q, want %q", got, want)
		}
	})
	check(t, "no extension is chosen that was not offered", func(t *testing.T) {
		_, res := accept(t, func(*handshake) {})
		if got := res.Header.Get("Sec-WebSocket-Extensions"); got != "" {
			t.Errorf("Sec-WebSocket-Extensions %q", got)
		}
	})
	for name, change := range map[string]func(h *handshake){
		"any path":                      func(h *handshake) { h.line = "GET /.amazonaws.com HTTP/1.1" },
		"a deep path with a query":      func(h *handshake) { h.line = "GET /a/b/c?x=y HTTP/1.1" },
		"the path of an operation":      func(h *handshake) { h.line = "GET /CreateRoom HTTP/1.1" },
		"any origin":                    func(h *handshake) { h.set("Origin", "https://somewhere.example.net") },
		"no origin":                     func(h *handshake) { h.set("Origin", "") },
		"the origin null":               func(h *handshake) { h.set("Origin", "null") },
		"another host":                  func(h *handshake) { h.set("Host", "edge.ivschat.us-west-2.amazonaws.com") },
		"Upgrade in capitals":           func(h *handshake) { h.set("Upgrade", "WebSocket") },
		"Connection as a list":          func(h *handshake) { h.set("Connection", "keep-alive, Upgrade") },
		"connection in small letters":   func(h *handshake) { h.set("Connection", "upgrade") },
		"header names in small letters": func(h *handshake) { lowerNames(h) },
		"permessage-deflate offered":    func(h *handshake) { h.set("Sec-WebSocket-Extensions", "permessage-deflate; client_max_window_bits") },
		"an unknown extension offered":  func(h *handshake) { h.set("Sec-WebSocket-Extensions", "x-unknown; a=b") },
		"cookies":                       func(h *handshake) { h.set("Cookie", "a=b; c=d") },
		"an Authorization header":       func(h *handshake) { h.set("Authorization", "Bearer x") },
	} {
		check(t, name+" is accepted", func(t *testing.T) { accept(t, change) })
	}
	for name, c := range map[string]struct {
		change func(h *handshake)
		want   int
	}{
		"version 8":                  {func(h *handshake) { h.set("Sec-WebSocket-Version", "8") }, http.StatusUpgradeRequired},
		"no version":                 {func(h *handshake) { h.set("Sec-WebSocket-Version", "") }, 0},
		"no key":                     {func(h *handshake) { h.set("Sec-WebSocket-Key", "") }, http.StatusBadRequest},
		"a key of 15 bytes":          {func(h *handshake) { h.set("Sec-WebSocket-Key", "AAAAAAAAAAAAAAAAAAAA") }, http.StatusBadRequest},
		"a key that is not base64":   {func(h *handshake) { h.set("Sec-WebSocket-Key", "!!!!!!!!!!!!!!!!!!!!!!==") }, http.StatusBadRequest},
		"POST":                       {func(h *handshake) { h.line = "POST / HTTP/1.1" }, 0},
		"HTTP 1.0":                   {func(h *handshake) { h.line = "GET / HTTP/1.0" }, 0},
		"Connection without Upgrade": {func(h *handshake) { h.set("Connection", "keep-alive") }, 0},
		"no Upgrade":                 {func(h *handshake) { h.set("Upgrade", "") }, http.StatusUpgradeRequired},
		"no Upgrade over HTTP 1.0, as nginx passes it": {func(h *handshake) {
			h.line = "GET / HTTP/1.0"
			h.set("Upgrade", "")
			h.set("Connection", "close")
		}, http.StatusUpgradeRequired},
	} {
		check(t, name+" is refused and spends no token", func(t *testing.T) {
			token := subject.newToken(t, newRoom(t, nil), nil)
			h := newHandshake(token)
			c.change(h)
			res := subject.handshake(t, h)
			if c.want != 0 && res.StatusCode != c.want || res.StatusCode < 400 || res.StatusCode > 499 {
				t.Errorf("status %d, want %d or another 4xx if that is 0", res.StatusCode, c.want)
			}
			if res.StatusCode == http.StatusUpgradeRequired && res.Header.Get("Sec-WebSocket-Version") != "13" {
				t.Error("426 without Sec-WebSocket-Version: 13")
			}
			if res.StatusCode == http.StatusUpgradeRequired && !strings.EqualFold(res.Header.Get("Upgrade"), "websocket") {
				t.Error("426 without Upgrade: websocket")
			}
			subject.connect(t, token)
		})
	}
	check(t, "a request sent along with the handshake is answered", func(t *testing.T) {
		h, _ := accept(t, func(h *handshake) {
			h.behind = textFrame(`{"Action":"SEND_MESSAGE","RequestId":"early","Content":"early"}`).bytes()
		})
		f := h.conn.next(t, opText)
		if !strings.Contains(string(f.payload), `"RequestId":"early"`) {
			t.Errorf("frame %s", f.payload)
		}
	})
	check(t, "a connection that was used for calls can be upgraded", func(t *testing.T) {
		conn := subject.dialTCP(t, &net.Dialer{Timeout: patience})
		first := &handshake{line: "POST /ListRooms HTTP/1.1", headers: []string{"Host: chat.example.com", "Content-Length: 2"}, behind: []byte("{}")}
		if res := handshakeOn(t, conn, first); res.StatusCode != http.StatusForbidden {
			t.Fatalf("status %d, want 403", res.StatusCode)
		}
		h := newHandshake(subject.newToken(t, newRoom(t, nil), nil))
		if res := handshakeOn(t, conn, h); res.StatusCode != http.StatusSwitchingProtocols {
			t.Fatalf("status %d: %s", res.StatusCode, h.body)
		}
		h.conn.send(t, textFrame(`{"Action":"SEND_MESSAGE","Content":"x"}`))
		h.conn.next(t, opText)
	})
	check(t, "a client that has the 101 gets what is sent from then on", func(t *testing.T) {
		room := newRoom(t, nil)
		for range 10 {
			s := subject.join(t, room, m{"capabilities": []string{}})
			sendEvent(t, room, "after")
			s.nextEvent(t, "after")
			s.conn.CloseNow()
		}
	})
	check(t, "no frame comes by itself", func(t *testing.T) {
		room := newRoom(t, nil)
		s := join(t, room, "u", all...)
		s.wantQuiet(t, room)
	})
	check(t, "a refusal says why in JSON", func(t *testing.T) {
		h := newHandshake("garbage")
		res := subject.handshake(t, h)
		if res.StatusCode != http.StatusUnauthorized || !strings.HasPrefix(res.Header.Get("Content-Type"), "application/json") {
			t.Errorf("status %d, Content-Type %q", res.StatusCode, res.Header.Get("Content-Type"))
		}
	})
	check(t, "a viewer may connect without capabilities", func(t *testing.T) {
		join(t, newRoom(t, nil), "viewer")
	})
	check(t, "a user may connect several times", func(t *testing.T) {
		room := newRoom(t, nil)
		a, b := join(t, room, "same", all...), join(t, room, "same", all...)
		a.say(t, "hello")
		if x, y := a.nextMessage(t, "hello"), b.nextMessage(t, "hello"); x.ID != y.ID {
			t.Errorf("one message with two ids: %s and %s", x.ID, y.ID)
		}
	})
}

// lowerNames writes all header names but Host in small letters.
func lowerNames(h *handshake) {
	for i, line := range h.headers {
		name, value, _ := strings.Cut(line, ":")
		h.headers[i] = strings.ToLower(name) + ":" + value
	}
}
