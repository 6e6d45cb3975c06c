package edge_test

import (
	"errors"
	"io"
	"testing"
	"time"

	"github.com/coder/websocket"

	"confab/internal/chat"
)

func TestEndings(t *testing.T) {
	closed := func(c *client) error {
		for {
			if _, err := c.read(); err != nil {
				return err
			}
		}
	}
	t.Run("a kicked user gets the event, then Close 1000; others stay", func(t *testing.T) {
		n := start(t)
		ann, bob := n.connect(t, n.token("ann")), n.connect(t, n.token("bob"))
		bob.send(`{"Action":"DISCONNECT_USER","RequestId":"k","UserId":"ann","Reason":"spam"}`)
		for _, c := range []*client{ann, bob} {
			if f := c.next(); f.EventName != "aws:DISCONNECT_USER" || f.Attributes["UserId"] != "ann" || f.Attributes["Reason"] != "spam" || f.RequestID != "k" {
				t.Errorf("got %+v", f)
			}
		}
		if e, ok := errors.AsType[websocket.CloseError](closed(ann)); !ok || e.Code != websocket.StatusNormalClosure || e.Reason != "spam" {
			t.Errorf("closed with %+v", e)
		}
		bob.send(`{"Action":"SEND_MESSAGE","RequestId":"m","Content":"bye"}`)
		if f := bob.next(); f.RequestID != "m" {
			t.Errorf("got %+v", f)
		}
	})
	t.Run("a user whose kick is not delivered on this node gets the event all the same, and no other user does", func(t *testing.T) {
		n := start(t)
		ann, bob := n.connect(t, n.token("ann")), n.connect(t, n.token("bob"))
		event := (&chat.Event{ID: "abcdefabcdef", Name: "aws:DISCONNECT_USER", Attributes: map[string]string{"UserId": "ann", "Reason": "spam"}}).AppendJSON(nil)
		n.engine.Kick(&chat.Frame{RoomID: roomID, Epoch: 1 << 40, JSON: event, DisconnectUser: "ann"})
		if f := ann.next(); f.EventName != "aws:DISCONNECT_USER" || f.ID != "abcdefabcdef" {
			t.Errorf("got %+v", f)
		}
		if e, ok := errors.AsType[websocket.CloseError](closed(ann)); !ok || e.Code != websocket.StatusNormalClosure || e.Reason != "spam" {
			t.Errorf("closed with %+v", e)
		}
		bob.send(`{"Action":"SEND_MESSAGE","RequestId":"m","Content":"bye"}`)
		if f := bob.next(); f.RequestID != "m" {
			t.Errorf("got %+v", f)
		}
	})
	t.Run("at the session's end comes ERROR 401, then Close 1000", func(t *testing.T) {
		n := start(t)
		ann := n.connect(t, n.token("ann", func(t *chat.Token) { t.SessionExpires = time.Now().Add(300 * time.Millisecond) }))
		if f := ann.next(); f.Type != "ERROR" || f.ErrorCode != 401 || f.RequestID != "" || !chat.ValidID(f.ID) {
			t.Errorf("got %+v", f)
		}
		e, ok := errors.AsType[websocket.CloseError](closed(ann))
		if want := `{"Type":"ERROR","ErrorCode":401,"ErrorMessage":"Session has expired"}`; !ok || e.Code != websocket.StatusNormalClosure || e.Reason != want {
			t.Errorf("closed with %+v", e)
		}
	})
	t.Run("when one of a user's sessions ends, and a second one right after it, both get ERROR 401 and no Close", func(t *testing.T) {
		n := start(t)
		ends := time.Now().Add(300 * time.Millisecond)
		brief := func(t *chat.Token) { t.SessionExpires = ends }
		first, second, other := n.connect(t, n.token("ann", brief)), n.connect(t, n.token("ann", brief)), n.connect(t, n.token("bob", brief))
		for _, c := range []*client{first, second, other} {
			if f := c.next(); f.ErrorCode != 401 {
				t.Errorf("got %+v", f)
			}
		}
		for _, c := range []*client{first, second} {
			if code := websocket.CloseStatus(closed(c)); code != -1 {
				t.Errorf("close status %d", code)
			}
		}
		if code := websocket.CloseStatus(closed(other)); code != websocket.StatusNormalClosure {
			t.Errorf("another user's close status %d", code)
		}
	})
	for name, step := range map[string]time.Duration{"ahead": time.Hour, "back": -time.Hour} {
		t.Run("a session lasts as long after the wall clock was set "+name, func(t *testing.T) {
			n := start(t)
			n.step.Store(int64(step))
			begin := time.Now()
			ann := n.connect(t, n.token("ann", func(t *chat.Token) {
				t.SessionExpires = n.now().Add(500 * time.Millisecond).Round(0) // A token has no monotonic reading.
			}))
			if f := ann.next(); f.ErrorCode != 401 {
				t.Errorf("got %+v", f)
			}
			if took := time.Since(begin); took < 400*time.Millisecond {
				t.Errorf("it ended after %v", took)
			}
		})
	}
	t.Run("draining sends ERROR 401 and drops the connection without a Close", func(t *testing.T) {
		n := start(t)
		var clients []*client
		for range 10 {
			clients = append(clients, n.connect(t, n.token("ann")))
		}
		begin := time.Now()
		n.endpoint.Drain(t.Context(), 500*time.Millisecond)
		if took := time.Since(begin); took < 400*time.Millisecond {
			t.Errorf("all were ended within %v", took)
		}
		for _, c := range clients {
			if f := c.next(); f.Type != "ERROR" || f.ErrorCode != 401 {
				t.Errorf("got %+v", f)
			}
			if err := closed(c); websocket.CloseStatus(err) != -1 || !errors.Is(err, io.EOF) {
				t.Errorf("ended with %v", err)
			}
		}
	})
}
