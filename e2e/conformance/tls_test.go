package conformance

import (
	"net/http"
	"testing"

	"confab/internal/testbed/process"
)

// TestTLS repeats over TLS what depends on how bytes reach a socket.
func TestTLS(t *testing.T) {
	t.Parallel()
	if own == nil {
		return
	}
	certificate, err := process.NewCertificate(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	s := process.Serve(t, process.Options{Args: process.NoConnectRates, Certificate: certificate})
	e := endpointOf(s)
	e.tls = certificate.Client
	e.http = &http.Client{Transport: &http.Transport{TLSClientConfig: certificate.Client}, Timeout: patience}
	check(t, "API calls", func(t *testing.T) { e.call(t, "ListRooms", m{}).want(t, http.StatusOK) })
	check(t, "messages and events", func(t *testing.T) {
		room := e.newRoom(t, nil)
		a, b := e.join(t, room, m{"userId": "a"}), e.join(t, room, m{"userId": "b"})
		a.say(t, "hello")
		if x, y := a.nextMessage(t, "hello"), b.nextMessage(t, "hello"); x.raw != y.raw {
			t.Errorf("frames %s and %s", x.raw, y.raw)
		}
		e.call(t, "SendEvent", m{"roomIdentifier": room.arn, "eventName": "e"}).want(t, http.StatusOK)
		a.nextEvent(t, "e")
		b.nextEvent(t, "e")
	})
	check(t, "a request sent along with the handshake", func(t *testing.T) {
		h := newHandshake(e.newToken(t, e.newRoom(t, nil), nil))
		h.behind = textFrame(`{"Action":"SEND_MESSAGE","RequestId":"early","Content":"early"}`).bytes()
		if res := e.handshake(t, h); res.StatusCode != http.StatusSwitchingProtocols {
			t.Fatalf("status %d", res.StatusCode)
		}
		h.conn.next(t, opText)
	})
	check(t, "a message of 32 KiB and a larger one", func(t *testing.T) {
		conn := e.raw(t, e.newRoom(t, nil))
		head, tail := `{"Action":"SEND_MESSAGE","Content":"big","X":"`, `"}`
		conn.send(t, textFrame(head+letters(32<<10-len(head)-len(tail))+tail))
		conn.next(t, opText)
		conn.send(t, textFrame(head+letters(32<<10)+tail))
		conn.wantClose(t, 1009)
	})
	check(t, "a kicked user sees the event and the Close", func(t *testing.T) {
		room := e.newRoom(t, nil)
		bad := e.join(t, room, m{"userId": "bad"})
		e.call(t, "DisconnectUser", m{"roomIdentifier": room.arn, "userId": "bad"}).want(t, http.StatusOK)
		bad.nextEvent(t, "aws:DISCONNECT_USER")
		bad.wantClosed(t, 1000)
	})
	check(t, "a client that closes is answered", func(t *testing.T) {
		conn := e.raw(t, e.newRoom(t, nil))
		conn.send(t, rawFrame{last: true, op: opClose, payload: []byte{3, 232}})
		conn.next(t, opClose)
		conn.wantEnd(t)
	})
	check(t, "a slow receiver is dropped", func(t *testing.T) { e.slowReceiver(t) })
}
