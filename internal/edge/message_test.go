package edge_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"

	"github.com/coder/websocket"

	"confab/internal/chat"
	"confab/internal/messaging"
)

func TestMessages(t *testing.T) {
	t.Run("everybody gets a message, the sender included, in one order", func(t *testing.T) {
		n := start(t)
		ann, bob := n.connect(t, n.token("ann")), n.connect(t, n.token("bob"))
		for i := range 9 {
			ann.send(fmt.Sprintf(`{"Action":"SEND_MESSAGE","RequestId":"%d","Content":"hello"}`, i))
		}
		for i := range 9 {
			a, b := ann.next(), bob.next()
			if a.Type != "MESSAGE" || a.RequestID != fmt.Sprint(i) || a.ID != b.ID {
				t.Fatalf("message %d: ann got %+v, bob got %+v", i, a, b)
			}
		}
	})
	t.Run("bad frames get ERROR frames of their own and change nothing else", func(t *testing.T) {
		n := start(t)
		ann := n.connect(t, n.token("ann"))
		viewer := n.connect(t, n.token("vic", func(t *chat.Token) { t.Capabilities = nil }))
		if err := ann.conn.Write(t.Context(), websocket.MessageBinary, []byte(`{"Action":"SEND_MESSAGE","Content":"x"}`)); err != nil {
			t.Fatal(err)
		}
		ids := map[string]bool{}
		expect := func(c *client, code int, requestID, text string) {
			t.Helper()
			f := c.next()
			if f.Type != "ERROR" || f.ErrorCode != code || f.RequestID != requestID || !strings.Contains(f.ErrorMessage, text) {
				t.Errorf("got %+v, want %d for %q saying %q", f, code, requestID, text)
			}
			if !chat.ValidID(f.ID) || ids[f.ID] {
				t.Errorf("id %q is not fresh", f.ID)
			}
			ids[f.ID] = true
		}
		expect(ann, 400, "", "text frame")
		ann.send(`{"RequestId":"1","Action":"NOPE"}`)
		expect(ann, 400, "1", "Action")
		ann.send(`{"RequestId":"2","Action":"SEND_MESSAGE","Content":"` + strings.Repeat("x", 501) + `"}`)
		expect(ann, 400, "2", "Message exceeds maximum length")
		ann.send(`{"RequestId":"3","Action":"SEND_MESSAGE","Content":"x","Attributes":{"k":"` + strings.Repeat("x", 1024) + `"}}`)
		expect(ann, 413, "3", "Attributes")
		viewer.send(`{"RequestId":"4","Action":"SEND_MESSAGE","Content":"x"}`)
		expect(viewer, 403, "4", "SEND_MESSAGE")
		ann.send(`{"RequestId":"5","Action":"SEND_MESSAGE","Content":"x"}`)
		if f := viewer.next(); f.RequestID != "5" {
			t.Errorf("the viewer got %+v", f)
		}
	})
	t.Run("a flood is answered request by request", func(t *testing.T) {
		n := start(t)
		ann := n.connect(t, n.token("ann"))
		const flood = 200
		go func() {
			for range flood {
				if ann.conn.Write(t.Context(), websocket.MessageText, []byte(`{"Action":"SEND_MESSAGE","Content":"x"}`)) != nil {
					return
				}
			}
		}()
		delivered, refused := 0, 0
		for range flood {
			switch f := ann.next(); {
			case f.Type == "MESSAGE":
				delivered++
			case f.ErrorCode == 429 && f.ErrorMessage == "rate limit exceeded":
				refused++
			default:
				t.Fatalf("got %+v", f)
			}
		}
		if delivered < messaging.RequestsPerSecond || refused == 0 {
			t.Errorf("%d delivered, %d refused", delivered, refused)
		}
	})
	t.Run("a panic is the ERROR 500 of one request", func(t *testing.T) {
		n := start(t)
		n.Change(roomID, func(r *chat.Room) {
			r.MessageReviewHandler = &chat.MessageReviewHandler{URI: "arn:aws:lambda:us-west-2:123456789012:function:f"}
		})
		n.ReviewWith(func(*chat.Message) (*chat.Message, error) { panic(errors.New("no handler can be asked")) })
		ann := n.connect(t, n.token("ann"))
		ann.send(`{"Action":"SEND_MESSAGE","RequestId":"1","Content":"x"}`) // No home is reachable.
		if f := ann.next(); f.ErrorCode != 500 || f.RequestID != "1" || f.ErrorMessage != "Internal error" {
			t.Errorf("got %+v", f)
		}
		ann.send(`{"Action":"DELETE_MESSAGE","RequestId":"2","Id":"abcdefABCDEF"}`)
		if f := ann.next(); f.EventName != "aws:DELETE_MESSAGE" || f.RequestID != "2" {
			t.Errorf("got %+v", f)
		}
	})
	t.Run("a home that cannot be reached is ERROR 500, and the session continues", func(t *testing.T) {
		n := startEngine(t, func(o *messaging.Options) {
			o.Connect = func(*messaging.Engine) (messaging.Broker, messaging.Home) { return alone{}, away{} }
		})
		ann := n.connect(t, n.token("ann"))
		for _, id := range []string{"1", "2"} {
			ann.send(`{"Action":"SEND_MESSAGE","RequestId":"` + id + `","Content":"x"}`)
			if f := ann.next(); f.Type != "ERROR" || f.ErrorCode != 500 || f.RequestID != id || !chat.ValidID(f.ID) || f.ErrorMessage == "" {
				t.Errorf("got %+v", f)
			}
		}
	})
	t.Run("what a client sends right before it closes is carried out", func(t *testing.T) {
		n := start(t)
		bob := n.connect(t, n.token("bob"))
		conn, _ := n.dial(t, n.token("ann"))
		var b []byte
		for i := range 3 {
			b = append(b, masked(0x1, fmt.Sprintf(`{"Action":"SEND_MESSAGE","RequestId":"%d","Content":"x"}`, i))...)
		}
		if _, err := conn.Write(append(b, masked(0x8, "\x03\xe8")...)); err != nil {
			t.Fatal(err)
		}
		for i := range 3 {
			if f := bob.next(); f.RequestID != fmt.Sprint(i) {
				t.Fatalf("message %d is %+v", i, f)
			}
		}
	})
	t.Run("a frame that comes with the handshake is not lost", func(t *testing.T) {
		n := start(t)
		_, r := n.dial(t, n.token("ann"), masked(0x1, `{"Action":"SEND_MESSAGE","RequestId":"early","Content":"x"}`)...)
		head := make([]byte, 2)
		if _, err := io.ReadFull(r, head); err != nil || head[0] != 0x81 {
			t.Fatalf("no text frame behind the 101: %x, %v", head, err)
		}
	})
}

// away is the home of a node that reaches no other.
type away struct{}

func (away) Do(context.Context, messaging.Operation) (string, error) {
	return "", chat.Errorf(chat.Unavailable, "The room's home cannot be reached right now; try again")
}
