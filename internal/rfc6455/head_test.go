package rfc6455

import (
	"bufio"
	"bytes"
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// browserHead is the head that Chromium sends, with a shorter token.
const browserHead = "GET / HTTP/1.1\r\nHost: 127.0.0.1:8080\r\nConnection: Upgrade\r\nPragma: no-cache\r\nCache-Control: no-cache\r\n" +
	"User-Agent: Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) HeadlessChrome/150.0.0.0 Safari/537.36\r\n" +
	"Upgrade: websocket\r\nOrigin: http://127.0.0.1:3000\r\nSec-WebSocket-Version: 13\r\nAccept-Encoding: gzip, deflate, br, zstd\r\n" +
	"Accept-Language: en-US,en;q=0.9\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n" +
	"Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits\r\nSec-WebSocket-Protocol: AQ.x_y-z\r\n\r\n"

// requestHead is the head of a complete handshake.
const requestHead = "GET / HTTP/1.1\r\nHost: chat\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n" +
	"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"

// nodeHead is the head that ws on Node sends, behind two proxies.
const nodeHead = "GET /chat?x=1 HTTP/1.1\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nConnection: Upgrade\r\n" +
	"Upgrade: websocket\r\nSec-WebSocket-Protocol: AQ.x_y-z\r\nX-Forwarded-For: 192.0.2.1, 198.51.100.2\r\nX-Forwarded-For: 203.0.113.3\r\n" +
	"Host: chat.example.com\r\n\r\n"

func TestParseHead(t *testing.T) {
	for name, head := range map[string]string{"a browser's": browserHead, "Node's": nodeHead} {
		t.Run(name, func(t *testing.T) {
			u, forwarded, size := ParseHead([]byte(head + "early"))
			if size != len(head) {
				t.Fatalf("size %d, want %d", size, len(head))
			}
			checkHead(t, []byte(head), u, forwarded)
			for i := range head {
				if _, _, size := ParseHead([]byte(head[:i])); size != 0 {
					t.Fatalf("%d bytes of it are a head", i)
				}
				if !MayUpgrade([]byte(head[:i])) {
					t.Fatalf("%d bytes of it cannot become a head", i)
				}
			}
		})
	}
	for name, change := range map[string][2]string{
		"another method":         {"GET", "POST"},
		"another version":        {"HTTP/1.1", "HTTP/1.0"},
		"an escape":              {"/chat", "/ch%61t"},
		"an authority":           {"/chat", "//chat"},
		"no host":                {"Host: chat.example.com\r\n", ""},
		"two hosts":              {"Host", "Host: chat.example.com\r\nHost"},
		"an odd host":            {"chat.example.com", "chat/example"},
		"a folded line":          {"Host", "X: y\r\n z\r\nHost"},
		"a bare line feed":       {"Host", "X: y\nHost"},
		"a space before a colon": {"Host:", "Host :"},
		"a body":                 {"Host", "Content-Length: 3\r\nHost"},
		"a body in chunks":       {"Host", "Transfer-Encoding: chunked\r\nHost"},
		"an expectation":         {"Host", "Expect: 100-continue\r\nHost"},
		"a closing connection":   {"Connection: Upgrade", "Connection: close, Upgrade"},
		"no subprotocol":         {"Sec-WebSocket-Protocol: AQ.x_y-z\r\n", ""},
		"two subprotocols":       {"AQ.x_y-z", "AQ.x_y-z, chat"},
		"two subprotocol lines":  {"Sec-WebSocket-Protocol", "Sec-WebSocket-Protocol: a\r\nSec-WebSocket-Protocol"},
		"two keys":               {"Sec-WebSocket-Key", "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Key"},
		"a short key":            {"dGhlIHNhbXBsZSBub25jZQ==", "dGhlIHNhbXBsZSBub25j"},
		"version 12":             {"Version: 13", "Version: 12"},
		"bytes beyond ASCII":     {"192.0.2.1", "192.0.2.1\xff"},
	} {
		t.Run(name+" is left to net/http", func(t *testing.T) {
			head := strings.Replace(nodeHead, change[0], change[1], 1)
			if head == nodeHead {
				t.Fatalf("there is no %q", change[0])
			}
			if _, _, size := ParseHead([]byte(head)); size != 0 || MayUpgrade([]byte(head)) {
				t.Errorf("it is taken for a plain handshake, or for the beginning of one")
			}
		})
	}
}

// checkHead compares the result of ParseHead with net/http and CheckUpgrade.
func checkHead(t *testing.T, head []byte, u *Upgrade, forwarded string) {
	t.Helper()
	r, err := http.ReadRequest(bufio.NewReader(bytes.NewReader(head)))
	if err != nil {
		t.Fatalf("net/http refuses it: %v", err)
	}
	want, err := CheckUpgrade(r)
	if err != nil {
		t.Fatalf("CheckUpgrade refuses it: %v", err)
	}
	if diff := cmp.Diff(want, u, cmp.AllowUnexported(Upgrade{})); diff != "" {
		t.Errorf("upgrade (-net/http +ParseHead):\n%s", diff)
	}
	if want := strings.Join(r.Header.Values("X-Forwarded-For"), ","); forwarded != want {
		t.Errorf("X-Forwarded-For %q, want %q", forwarded, want)
	}
}

// FuzzParseHead checks that net/http and CheckUpgrade accept every head that ParseHead
// accepts, with the same result.
func FuzzParseHead(f *testing.F) {
	f.Add([]byte(browserHead))
	f.Add([]byte(nodeHead + "\x81\x80abcd"))
	f.Add([]byte(requestHead))
	f.Fuzz(func(t *testing.T, b []byte) {
		u, forwarded, size := ParseHead(b)
		if size == 0 {
			return
		}
		if !MayUpgrade(b[:size-1]) {
			t.Error("MayUpgrade gave it up")
		}
		checkHead(t, b[:size], u, forwarded)
	})
}

func BenchmarkParseHead(b *testing.B) {
	head := []byte(browserHead)
	b.ReportAllocs()
	for b.Loop() {
		if _, _, size := ParseHead(head); size == 0 {
			b.Fatal("it is not understood")
		}
	}
}

func BenchmarkCheckUpgrade(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		r, err := http.ReadRequest(bufio.NewReader(strings.NewReader(browserHead)))
		if err != nil {
			b.Fatal(err)
		}
		if _, err := CheckUpgrade(r); err != nil {
			b.Fatal(err)
		}
	}
}
