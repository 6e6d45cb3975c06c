package messaging_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"confab/internal/messaging"
	"confab/internal/messagingtest"
)

func TestEvents(t *testing.T) {
	t.Run("DeleteMessage carries both spellings and an id of its own", func(t *testing.T) {
		w := newLive(t)
		if _, err := w.engine.DeleteMessage(t.Context(), roomID, "AAAAAAAAAAAA", "spam", ""); err != nil {
			t.Fatal(err)
		}
		// Nobody is in the room, so nothing was delivered. A session makes the room live.
		w.join(t, w.token("ann"))
		id, err := w.engine.DeleteMessage(t.Context(), roomID, "AAAAAAAAAAAA", "spam", "")
		if err != nil {
			t.Fatal(err)
		}
		f := w.Frames()
		last := f[len(f)-1]
		want := map[string]any{"MessageId": "AAAAAAAAAAAA", "MessageID": "AAAAAAAAAAAA", "Reason": "spam"}
		if d := cmp.Diff(want, last["Attributes"]); d != "" || last["Id"] != id || last["EventName"] != "aws:DELETE_MESSAGE" || last["RequestId"] != "" {
			t.Errorf("%v\n%s", last, d)
		}
	})
	t.Run("DisconnectUser tells everybody and ends all sessions of that user only", func(t *testing.T) {
		w := newLive(t)
		ann1, ann2, bob := w.join(t, w.token("ann")), w.join(t, w.token("ann")), w.join(t, w.token("bob"))
		if err := bob.DisconnectUser(t.Context(), messaging.Request{ID: "q", Received: w.clock()}, "ann", ""); err != nil {
			t.Fatal(err)
		}
		for _, c := range []*messagingtest.Client{ann1, ann2} {
			if d := cmp.Diff([]string{"kicked"}, c.Endings()); d != "" {
				t.Error(d)
			}
		}
		if len(bob.Endings()) != 0 {
			t.Errorf("the requester ended: %v", bob.Endings())
		}
		f := w.Frames()[0]
		if d := cmp.Diff(map[string]any{"UserId": "ann", "Reason": ""}, f["Attributes"]); d != "" || f["RequestId"] != "q" {
			t.Errorf("%v\n%s", f, d)
		}
	})
	t.Run("a session that left is not ended", func(t *testing.T) {
		w := newLive(t)
		var clients []*messagingtest.Client
		for range 4 {
			c := &messagingtest.Client{}
			var err error
			if c.Session, err = w.engine.Join(t.Context(), w.token("ann"), c, messaging.Client{}); err != nil {
				t.Fatal(err)
			}
			clients = append(clients, c)
		}
		for _, i := range []int{1, 3, 0} {
			clients[i].Leave()
		}
		if err := w.engine.DisconnectUser(t.Context(), roomID, "ann", "", ""); err != nil {
			t.Fatal(err)
		}
		for i, c := range clients {
			if got := len(c.Endings()); (got == 1) != (i == 2) {
				t.Errorf("client %d has %d endings", i, got)
			}
		}
		clients[2].Leave()
	})
}
