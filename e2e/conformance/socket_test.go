package conformance

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"testing"
	"time"

	"github.com/coder/websocket"
)

// all are the three capabilities.
var all = []string{"SEND_MESSAGE", "DELETE_MESSAGE", "DISCONNECT_USER"}

// newToken returns a chat token for the room.
func (e *endpoint) newToken(t *testing.T, room resource, members m) string {
	t.Helper()
	return text(t, e.tokenAnswer(t, room, members), "token")
}

// tokenAnswer calls CreateChatToken. A user "u" with all capabilities is what it asks for unless told.
func (e *endpoint) tokenAnswer(t *testing.T, room resource, members m) m {
	t.Helper()
	request := m{"roomIdentifier": room.arn, "userId": "u", "capabilities": all}
	maps.Copy(request, members)
	return e.call(t, "CreateChatToken", request).want(t, http.StatusOK)
}

// session is a chat client: a WebSocket of another implementation than the server's.
type session struct {
	conn   *websocket.Conn
	frames chan frame
	// ended is closed when the connection is over; then err says how.
	ended chan struct{}
	err   error
}

// join connects a user of the shared server to the room.
func join(t *testing.T, room resource, user string, capabilities ...string) *session {
	t.Helper()
	return subject.join(t, room, m{"userId": user, "capabilities": capabilities})
}

func (e *endpoint) join(t *testing.T, room resource, members m) *session {
	t.Helper()
	return e.connect(t, e.newToken(t, room, members))
}

// connect opens a session with the token.
func (e *endpoint) connect(t *testing.T, token string) *session {
	t.Helper()
	s, err := e.dial(t, token)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// dial is connect for those who expect to be refused.
func (e *endpoint) dial(t *testing.T, token string) (*session, error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	//nolint:bodyclose // The library closes it itself.
	conn, res, err := websocket.Dial(ctx, e.websocket, &websocket.DialOptions{
		Subprotocols: []string{token}, HTTPClient: &http.Client{Transport: e.http.Transport},
	})
	if err != nil {
		if res != nil {
			return nil, fmt.Errorf("handshake refused with %d: %w", res.StatusCode, err)
		}
		return nil, err
	}
	conn.SetReadLimit(1 << 20)
	// The buffer is larger than any case's traffic: the reader never waits.
	s := &session{conn: conn, frames: make(chan frame, 1<<14), ended: make(chan struct{})}
	t.Cleanup(func() {
		conn.CloseNow()
		<-s.ended
	})
	go s.read()
	return s, nil
}

func (s *session) read() {
	defer close(s.ended)
	for {
		kind, b, err := s.conn.Read(context.Background())
		if err != nil {
			s.err = err
			return
		}
		f, err := parseFrame(string(b))
		if err == nil && kind != websocket.MessageText {
			err = fmt.Errorf("a frame of kind %v, want text", kind)
		}
		if err != nil {
			s.err = err
			return
		}
		s.frames <- f
	}
}

// next returns the next frame.
func (s *session) next(t *testing.T) frame {
	t.Helper()
	select {
	case f := <-s.frames:
		return f
	default:
	}
	select {
	case f := <-s.frames:
		return f
	case <-s.ended:
		select {
		case f := <-s.frames:
			return f
		default:
		}
		t.Fatalf("the connection ended: %v", s.err)
	case <-time.After(patience):
		t.Fatalf("no frame within %s", patience)
	}
	panic("unreachable")
}

// nextError returns the next frame, an ERROR of the code.
func (s *session) nextError(t *testing.T, code int) frame {
	t.Helper()
	f := s.next(t)
	if f.Type != "ERROR" || f.ErrorCode != code {
		t.Fatalf("frame %s, want ERROR %d", f.raw, code)
	}
	return f
}

// nextMessage returns the next frame, a MESSAGE with the content.
func (s *session) nextMessage(t *testing.T, content string) frame {
	t.Helper()
	f := s.next(t)
	if f.Type != "MESSAGE" || f.Content != content {
		t.Fatalf("frame %s, want a MESSAGE with content %q", f.raw, content)
	}
	return f
}

// nextEvent returns the next frame, an EVENT of the name.
func (s *session) nextEvent(t *testing.T, name string) frame {
	t.Helper()
	f := s.next(t)
	if f.Type != "EVENT" || f.EventName != name {
		t.Fatalf("frame %s, want an EVENT %s", f.raw, name)
	}
	return f
}

// write sends text as it is.
func (s *session) write(t *testing.T, text string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	if err := s.conn.Write(ctx, websocket.MessageText, []byte(text)); err != nil {
		t.Fatal(err)
	}
}

// do sends an object.
func (s *session) do(t *testing.T, members m) {
	t.Helper()
	s.write(t, jsonText(t, members))
}

// say sends a message.
func (s *session) say(t *testing.T, content string) {
	t.Helper()
	s.do(t, m{"Action": "SEND_MESSAGE", "Content": content})
}

// wantClosed checks that the server closes with the status, and that no frame goes before.
func (s *session) wantClosed(t *testing.T, status websocket.StatusCode) {
	t.Helper()
	s.waitEnd(t)
	if got := websocket.CloseStatus(s.err); got != status {
		t.Errorf("ended by %v, want a Close frame with status %d", s.err, status)
	}
}

// wantReason checks the text of the Close frame.
func (s *session) wantReason(t *testing.T, want string) {
	t.Helper()
	if closed, ok := errors.AsType[websocket.CloseError](s.err); !ok || closed.Reason != want {
		t.Errorf("ended by %v, want the reason %q", s.err, want)
	}
}

// wantDropped checks that the connection is lost without a Close frame.
func (s *session) wantDropped(t *testing.T) {
	t.Helper()
	s.waitEnd(t)
	if status := websocket.CloseStatus(s.err); status != -1 {
		t.Errorf("a Close frame with status %d, want none", status)
	}
}

func (s *session) waitEnd(t *testing.T) {
	t.Helper()
	select {
	case f := <-s.frames:
		t.Fatalf("frame %s, want the end of the connection", f.raw)
	case <-s.ended:
	case <-time.After(patience):
		t.Fatalf("the connection did not end within %s", patience)
	}
	select {
	case f := <-s.frames:
		t.Fatalf("frame %s, want the end of the connection", f.raw)
	default:
	}
}

// wantQuiet checks that nothing came before what others sent meanwhile: it
// sends an event to the room, which must be the next frame.
func (s *session) wantQuiet(t *testing.T, room resource) {
	t.Helper()
	sendEvent(t, room, "quiet")
	s.nextEvent(t, "quiet")
}

// sendEvent sends an event over HTTP and returns its id.
func sendEvent(t *testing.T, room resource, name string) string {
	t.Helper()
	o := call(t, "SendEvent", m{"roomIdentifier": room.arn, "eventName": name}).want(t, http.StatusOK)
	return text(t, o, "id")
}

// refusedWith returns the status of a refused handshake and its body.
func (e *endpoint) refusedWith(t *testing.T, token string) (int, string) {
	t.Helper()
	h := newHandshake(token)
	res := e.handshake(t, h)
	if res.StatusCode == http.StatusSwitchingProtocols {
		t.Fatal("the handshake was accepted")
	}
	return res.StatusCode, h.body
}
