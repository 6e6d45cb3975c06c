package messaging_test

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"confab/internal/chat"
	"confab/internal/messaging"
	"confab/internal/messagingtest"
	"confab/internal/quota"
)

func TestSendMessage(t *testing.T) {
	t.Run("everybody gets the frame with the sender and its request id", func(t *testing.T) {
		w := newLive(t)
		token := w.token("ann")
		token.Attributes = map[string]string{"name": "Ann"}
		c := w.join(t, token)
		now := w.clock()
		req := messaging.Request{ID: "req-1", Received: now}
		if err := c.SendMessage(t.Context(), req, " hello ", map[string]string{"k": "v"}); err != nil {
			t.Fatal(err)
		}
		frames := w.Frames()
		if len(frames) != 1 {
			t.Fatalf("%d frames", len(frames))
		}
		if id, _ := frames[0]["Id"].(string); !chat.ValidID(id) {
			t.Errorf("id %q", id)
		}
		delete(frames[0], "Id")
		want := map[string]any{
			"Type": "MESSAGE", "RequestId": "req-1", "Content": " hello ", "Attributes": map[string]any{"k": "v"},
			"SendTime": chat.FormatTime(now), "Sender": map[string]any{"UserId": "ann", "Attributes": map[string]any{"name": "Ann"}},
		}
		if d := cmp.Diff(want, frames[0]); d != "" {
			t.Error(d)
		}
	})

	long := strings.Repeat("x", 501)
	huge := map[string]string{"k": strings.Repeat("v", 1024)}
	for _, c := range []struct {
		name       string
		content    string
		attributes map[string]string
		prepare    func(*chat.Token, *messaging.Request)
		want       chat.Code
	}{
		{name: "content of white space is invalid", content: " \n\t ", want: chat.Invalid},
		{name: "content of invisible characters is invalid", content: "\u200b\u3164\u2800\u00ad\ufeff", want: chat.Invalid},
		{name: "content beyond the room's length is invalid", content: long, want: chat.Invalid},
		{name: "attributes beyond 1 KB are too large", content: "x", attributes: huge, want: chat.TooLarge},
		{
			name: "a request id beyond 256 bytes is too large", content: "x", want: chat.TooLarge,
			prepare: func(_ *chat.Token, r *messaging.Request) { r.ID = strings.Repeat("r", 257) },
		},
		{
			name: "without the capability it is denied, whatever else is wrong", content: long, want: chat.AccessDenied,
			prepare: func(tk *chat.Token, r *messaging.Request) { tk.Capabilities = nil; r.OverRate = true },
		},
		{
			name: "fields come before the rate", content: long, want: chat.Invalid,
			prepare: func(_ *chat.Token, r *messaging.Request) { r.OverRate = true },
		},
		{
			name: "over the rate it is throttled", content: "x", want: chat.Throttled,
			prepare: func(_ *chat.Token, r *messaging.Request) { r.OverRate = true },
		},
		{
			name: "after the session's end it is unauthenticated", content: "x", want: chat.Unauthenticated,
			prepare: func(tk *chat.Token, r *messaging.Request) { r.Received = tk.SessionExpires },
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := newLive(t)
			token := w.token("ann")
			req := messaging.Request{ID: "r", Received: w.clock()}
			if c.prepare != nil {
				c.prepare(token, &req)
			}
			wantCode(t, w.join(t, token).SendMessage(t.Context(), req, c.content, c.attributes), c.want)
			if n := len(w.Frames()); n != 0 {
				t.Errorf("%d frames were delivered", n)
			}
		})
	}

	t.Run("length counts code points after trimming", func(t *testing.T) {
		w := newLive(t)
		c := w.join(t, w.token("ann"))
		if err := w.send(t, c, "  "+strings.Repeat("😀", 500)+"\n"); err != nil {
			t.Error(err)
		}
		wantCode(t, w.send(t, c, strings.Repeat("😀", 501)), chat.Invalid)
	})
}

func TestRates(t *testing.T) {
	t.Run("a connection has ten requests a second, bad ones included", func(t *testing.T) {
		w := newLive(t)
		c := w.join(t, w.token("ann"))
		now := w.clock()
		for i := range 10 {
			if c.Count(now) {
				t.Fatalf("over the rate after %d", i)
			}
		}
		if !c.Count(now) {
			t.Error("the eleventh passed")
		}
		if c.Count(now.Add(100 * time.Millisecond)) {
			t.Error("a tenth of a second later nothing was refilled")
		}
	})
	t.Run("the room's rate is shared by all its clients and follows UpdateRoom", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			w := newLive(t)
			w.change(func(r *chat.Room) { r.MaximumMessageRatePerSecond = 3 })
			ann, bob := w.join(t, w.token("ann")), w.join(t, w.token("bob"))
			for i, c := range []*messagingtest.Client{ann, bob, ann} {
				if err := w.send(t, c, "x"); err != nil {
					t.Fatalf("message %d: %v", i, err)
				}
			}
			wantCode(t, w.send(t, bob, "x"), chat.Throttled)
			time.Sleep(1100 * time.Millisecond)
			w.change(func(r *chat.Room) { r.MaximumMessageRatePerSecond = 1 })
			if err := w.send(t, bob, "x"); err != nil {
				t.Fatal(err)
			}
			wantCode(t, w.send(t, ann, "x"), chat.Throttled)
		})
	})
	t.Run("what the account's rate refuses is not taken from the room's", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			w := newLive(t, func(o *messaging.Options, _ *live) {
				o.Quotas = quota.New(quota.Numbers{quota.SendMessage: 1}, time.Now)
			})
			w.change(func(r *chat.Room) { r.MaximumMessageRatePerSecond = 2 })
			c := w.join(t, w.token("ann"))
			if err := w.send(t, c, "x"); err != nil {
				t.Fatal(err)
			}
			for range 5 {
				wantCode(t, w.send(t, c, "x"), chat.Throttled)
			}
			time.Sleep(time.Second)
			if err := w.send(t, c, "x"); err != nil {
				t.Error(err)
			}
		})
	})
	t.Run("the account's rates of DeleteMessage and DisconnectUser count HTTP too", func(t *testing.T) {
		w := newLive(t, func(o *messaging.Options, w *live) {
			start := time.Now()
			w.clock = func() time.Time { return start }
			o.Quotas = quota.New(quota.Numbers{quota.DeleteMessage: 1, quota.DisconnectUser: 1}, w.clock)
		})
		c := w.join(t, w.token("ann"))
		if _, err := w.engine.DeleteMessage(t.Context(), roomID, "AAAAAAAAAAAA", "", ""); err != nil {
			t.Fatal(err)
		}
		wantCode(t, c.DeleteMessage(t.Context(), messaging.Request{Received: w.clock()}, "AAAAAAAAAAAA", ""), chat.Throttled)
		if err := c.DisconnectUser(t.Context(), messaging.Request{Received: w.clock()}, "nobody", ""); err != nil {
			t.Fatal(err)
		}
		wantCode(t, w.engine.DisconnectUser(t.Context(), roomID, "nobody", "", ""), chat.Throttled)
	})
}
