package messaging_test

import (
	"context"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"confab/internal/chat"
	"confab/internal/messaging"
	"confab/internal/quota"
	"confab/internal/traces"
)

// tracing lets the engine remember what came of messages.
func tracing(m *traces.Memory) option {
	return func(o *messaging.Options, _ *live) { o.Rules.Traces = m }
}

// listed returns what came of the messages in the room, the newest first.
func listed(t *testing.T, m *traces.Memory) []traces.Trace {
	t.Helper()
	page, _ := m.List(t.Context(), &traces.Query{RoomID: roomID, Limit: 1000})
	return page
}

// mute is Bans of one muted user.
type mute string

func (mute) Banned(string, string, netip.Addr) error { return nil }

func (mute) Hides(string, string, string) bool { return false }

func (m mute) Forbids(_, userID, _ string, sends bool) error {
	if sends && userID == string(m) {
		return chat.Errorf(chat.AccessDenied, "You are muted").By("mute")
	}
	return nil
}

// TestTraces holds what is remembered of each way in which a message ends.
func TestTraces(t *testing.T) {
	reviewed := func(w *live, review func(*chat.Message) (*chat.Message, error)) {
		w.change(func(r *chat.Room) {
			r.MessageReviewHandler = &chat.MessageReviewHandler{URI: "https://example.com", FallbackResult: chat.Deny}
		})
		w.ReviewWith(review)
	}
	send := func(content string) func(*testing.T, *live) error {
		return func(t *testing.T, w *live) error { return w.send(t, w.join(t, w.token("ann")), content) }
	}
	judge := func(f func(*messaging.Judgement) error) option {
		return func(o *messaging.Options, _ *live) { o.Rules.Filters = &rule{"filters", new([]string), f} }
	}
	for _, c := range []struct {
		name   string
		option option
		do     func(t *testing.T, w *live) error
		result traces.Result
		rule   string
		code   int
	}{
		{name: "delivered", do: send("hello"), result: traces.Delivered},
		{name: "empty", do: send(" "), result: traces.Refused, rule: "content", code: 400},
		{name: "too long", do: send(strings.Repeat("x", 501)), result: traces.Refused, rule: "length", code: 400},
		{name: "attributes that are too large", do: func(t *testing.T, w *live) error {
			t.Helper()
			return w.join(t, w.token("ann")).SendMessage(t.Context(), messaging.Request{Received: w.clock()}, "hello", map[string]string{"a": strings.Repeat("x", 1<<15)})
		}, result: traces.Refused, rule: "attributes", code: 413},
		{name: "a request id that is too long", do: func(t *testing.T, w *live) error {
			t.Helper()
			return w.join(t, w.token("ann")).SendMessage(t.Context(), messaging.Request{ID: strings.Repeat("x", 300), Received: w.clock()}, "hello", nil)
		}, result: traces.Refused, rule: "request-id", code: 413},
		{name: "no valid frame", do: func(t *testing.T, w *live) error {
			t.Helper()
			return w.join(t, w.token("ann")).RefuseMessage(messaging.Request{Received: w.clock()}, chat.InvalidField("Attributes", "it must be an object of strings"))
		}, result: traces.Refused, rule: "frame", code: 400},
		{name: "no capability", do: func(t *testing.T, w *live) error {
			t.Helper()
			token := w.token("ann")
			token.Capabilities = nil
			return w.send(t, w.join(t, token), "hello")
		}, result: traces.Refused, rule: "capability", code: 403},
		{name: "a session that is over", do: func(t *testing.T, w *live) error {
			t.Helper()
			ann := w.join(t, w.token("ann"))
			return ann.SendMessage(t.Context(), messaging.Request{Received: w.clock().Add(2 * time.Hour)}, "hello", nil)
		}, result: traces.Refused, rule: "session", code: 401},
		{name: "over the connection's rate", do: func(t *testing.T, w *live) error {
			t.Helper()
			return w.join(t, w.token("ann")).SendMessage(t.Context(), messaging.Request{Received: w.clock(), OverRate: true}, "hello", nil)
		}, result: traces.Refused, rule: "connection-rate", code: 429},
		{name: "over the room's rate", do: func(t *testing.T, w *live) error {
			t.Helper()
			w.change(func(r *chat.Room) { r.MaximumMessageRatePerSecond = 1 })
			ann := w.join(t, w.token("ann"))
			if err := w.send(t, ann, "first"); err != nil {
				t.Fatal(err)
			}
			return w.send(t, ann, "hello")
		}, result: traces.Refused, rule: "room-rate", code: 429},
		{name: "over the account's rate", option: func(o *messaging.Options, _ *live) {
			o.Quotas = quota.New(quota.Numbers{quota.SendMessage: 1}, time.Now)
		}, do: func(t *testing.T, w *live) error {
			t.Helper()
			ann := w.join(t, w.token("ann"))
			if err := w.send(t, ann, "first"); err != nil {
				t.Fatal(err)
			}
			return w.send(t, ann, "hello")
		}, result: traces.Refused, rule: "account-rate", code: 429},
		{name: "muted", option: func(o *messaging.Options, _ *live) { o.Bans = mute("ann") }, do: send("hello"), result: traces.Refused, rule: "mute", code: 403},
		{name: "a rule that refuses", option: judge(func(*messaging.Judgement) error {
			return &chat.Error{Code: chat.Rejected, Message: "no", Rule: "filter:insults"}
		}), do: send("hello"), result: traces.Refused, rule: "filter:insults", code: 406},
		{name: "a rule that masks", option: judge(func(j *messaging.Judgement) error { j.Content, j.Rule = "h***o", "filter:mask"; return nil }), do: send("hello"), result: traces.Changed, rule: "filter:mask"},
		{name: "a rule that hides", option: judge(func(j *messaging.Judgement) error { j.Hidden, j.Rule = true, "filter:hide"; return nil }), do: send("hello"), result: traces.Hidden, rule: "filter:hide"},
		{name: "allowed by review", do: func(t *testing.T, w *live) error {
			t.Helper()
			reviewed(w, func(m *chat.Message) (*chat.Message, error) { return m, nil })
			return send("hello")(t, w)
		}, result: traces.Delivered},
		{name: "changed by review", do: func(t *testing.T, w *live) error {
			t.Helper()
			reviewed(w, func(m *chat.Message) (*chat.Message, error) { m.Content = "bye"; return m, nil })
			return send("hello")(t, w)
		}, result: traces.Changed, rule: "review"},
		{name: "denied by review", do: func(t *testing.T, w *live) error {
			t.Helper()
			reviewed(w, func(*chat.Message) (*chat.Message, error) { return nil, chat.Errorf(chat.Rejected, "no") })
			return send("hello")(t, w)
		}, result: traces.Refused, rule: "review", code: 406},
		{name: "denied by the fallback result", do: func(t *testing.T, w *live) error {
			t.Helper()
			w.FallBack()
			reviewed(w, func(*chat.Message) (*chat.Message, error) { return nil, chat.Errorf(chat.Rejected, "no") })
			return send("hello")(t, w)
		}, result: traces.Refused, rule: "review:fallback", code: 406},
		{name: "allowed by the fallback result", do: func(t *testing.T, w *live) error {
			t.Helper()
			w.FallBack()
			reviewed(w, func(m *chat.Message) (*chat.Message, error) { return m, nil })
			return send("hello")(t, w)
		}, result: traces.Delivered, rule: "review:fallback"},
		{name: "not stored", do: func(t *testing.T, w *live) error {
			t.Helper()
			w.FailAppends()
			w.change(func(r *chat.Room) { r.LoggingConfigurations = []string{"arn"} })
			return send("hello")(t, w)
		}, result: traces.Delivered, rule: "transcript:unavailable"},
		{name: "a room that was deleted", do: func(t *testing.T, w *live) error {
			t.Helper()
			ann := w.join(t, w.token("ann"))
			w.remove()
			return w.send(t, ann, "hello")
		}, result: traces.Refused, rule: "room", code: 404},
		{name: "a user who was disconnected", do: func(t *testing.T, w *live) error {
			t.Helper()
			ann := w.join(t, w.token("ann"))
			reviewed(w, func(m *chat.Message) (*chat.Message, error) {
				return m, w.engine.DisconnectUser(context.Background(), roomID, "ann", "", "")
			})
			return w.send(t, ann, "hello")
		}, result: traces.Refused, rule: "disconnected"},
		{name: "over HTTP", do: func(t *testing.T, w *live) error {
			t.Helper()
			w.join(t, w.token("bob"))
			_, _, err := w.engine.SendMessage(t.Context(), roomID, &messaging.ServerMessage{UserID: "ann", Content: "hello"})
			return err
		}, result: traces.Delivered},
		{name: "over HTTP, and too long", do: func(t *testing.T, w *live) error {
			t.Helper()
			_, _, err := w.engine.SendMessage(t.Context(), roomID, &messaging.ServerMessage{UserID: "ann", Content: strings.Repeat("x", 501)})
			return err
		}, result: traces.Refused, rule: "length", code: 400},
	} {
		t.Run(c.name, func(t *testing.T) {
			m := traces.New(0)
			options := []option{tracing(m)}
			if c.option != nil {
				options = append(options, c.option)
			}
			w := newLive(t, options...)
			err := c.do(t, w)
			all := listed(t, m)
			if len(all) == 0 {
				t.Fatal("nothing is remembered")
			}
			got := all[0]
			if got.Result != c.result || got.Rule != c.rule || got.ErrorCode != c.code || got.UserID != "ann" || got.Unsure {
				t.Errorf("got %+v", got)
			}
			if (err != nil) != (c.result == traces.Refused) {
				t.Errorf("it ends with %v", err)
			}
			if c.code != 0 && err != nil && got.ErrorMessage != err.Error() {
				t.Errorf("the sender reads %q, the trace says %q", err, got.ErrorMessage)
			}
			if c.result != traces.Refused && (got.ID == "" || got.Deliveries != 1) {
				t.Errorf("got the id %q and %d deliveries", got.ID, got.Deliveries)
			}
			w.engine.DeleteMessage(t.Context(), roomID, chat.NewID(), "", "") //nolint:errcheck // It is no attempt to send.
			if n := len(listed(t, m)); n != len(all) {
				t.Errorf("%d attempts, not %d", n, len(all))
			}
		})
	}
}

// TestTraceTimes checks that the time of each stage is that of its part of the way.
func TestTraceTimes(t *testing.T) {
	m := traces.New(0)
	now := time.Now()
	w := newLive(t, tracing(m), func(o *messaging.Options, w *live) {
		w.clock = func() time.Time { return now }
		o.Rules.Filters = &rule{"filters", new([]string), func(*messaging.Judgement) error { now = now.Add(time.Millisecond); return nil }}
	})
	w.change(func(r *chat.Room) {
		r.MessageReviewHandler = &chat.MessageReviewHandler{URI: "https://example.com", FallbackResult: chat.Deny}
	})
	w.ReviewWith(func(m *chat.Message) (*chat.Message, error) { now = now.Add(20 * time.Millisecond); return m, nil })
	if err := w.send(t, w.join(t, w.token("ann")), "hello"); err != nil {
		t.Fatal(err)
	}
	got := listed(t, m)[0]
	if d := cmp.Diff([traces.Stages]uint32{traces.Filter: 1000, traces.Review: 20_000}, got.Spent); d != "" || got.Total != 21_000 {
		t.Errorf("%s; %d in all", d, got.Total)
	}
}

// TestTracesErased checks that EraseUser removes what is remembered of a user, also of a
// message that is under way.
func TestTracesErased(t *testing.T) {
	m := traces.New(0)
	w := newLive(t, tracing(m))
	ann, bob := w.join(t, w.token("ann")), w.join(t, w.token("bob"))
	w.change(func(r *chat.Room) {
		r.MessageReviewHandler = &chat.MessageReviewHandler{URI: "https://example.com", FallbackResult: chat.Deny}
	})
	w.ReviewWith(func(msg *chat.Message) (*chat.Message, error) {
		if msg.Content == "under way" {
			messaging.EraseUser(w.engine, roomID, "ann", w.clock())
		}
		return msg, nil
	})
	for _, content := range []string{"hello", "under way"} {
		for _, c := range []interface {
			SendMessage(ctx context.Context, req messaging.Request, content string, attributes map[string]string) error
		}{bob, ann} {
			if err := c.SendMessage(t.Context(), messaging.Request{Received: w.clock()}, content, nil); err != nil {
				t.Fatal(err)
			}
		}
	}
	var users []string
	for _, one := range listed(t, m) {
		users = append(users, one.UserID)
	}
	if d := cmp.Diff([]string{"bob", "bob"}, users); d != "" {
		t.Error(d)
	}
}
