package modes_test

import (
	"context"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"confab/internal/chat"
	"confab/internal/messaging"
	"confab/internal/messagingtest"
	"confab/internal/modes"
)

const roomID = "abcdefABCDEF"

// live is a room with modes on a single node, and its clock.
type live struct {
	*messagingtest.Store
	*messagingtest.Audience
	engine *messaging.Engine
	now    time.Time
}

func newLive(t *testing.T, tags map[string]string) *live {
	t.Helper()
	room := messagingtest.NewRoom(roomID)
	room.Tags = tags
	room.MessageReviewHandler = &chat.MessageReviewHandler{URI: "https://example.com", FallbackResult: chat.Deny}
	w := &live{Store: messagingtest.NewStore(room), Audience: &messagingtest.Audience{}, now: time.Now()}
	m := modes.New()
	w.engine = messaging.NewEngine(messaging.Options{
		Rooms: w, Tokens: w, Reviewer: w, Transcript: w, NewAudience: func() messaging.Audience { return w },
		Extensions: true, Rules: messaging.Rules{Modes: m, Said: m.Remember},
		Metrics: messaging.NewMetrics(nil), Log: slog.New(slog.DiscardHandler), Now: func() time.Time { return w.now },
	})
	t.Cleanup(w.engine.Close)
	w.ReviewWith(func(m *chat.Message) (*chat.Message, error) {
		if m.Content == "rejected" {
			return nil, chat.Errorf(chat.Rejected, "no")
		}
		return m, nil
	})
	return w
}

func (w *live) join(t *testing.T, user string, capabilities ...chat.Capability) *messagingtest.Client {
	t.Helper()
	token := messagingtest.Token(roomID, user, w.now)
	token.Capabilities = append([]chat.Capability{chat.SendMessage}, capabilities...)
	return messagingtest.Join(t, w.engine, token)
}

// say sends a message. want is what the refusal says, and "" for none.
func (w *live) say(t *testing.T, c *messagingtest.Client, content string, code chat.Code, want string) {
	t.Helper()
	err := c.SendMessage(t.Context(), messaging.Request{Received: w.now}, content, nil)
	switch {
	case err == nil && want == "":
	case err == nil || want == "" || chat.CodeOf(err) != code || !strings.Contains(err.Error(), want):
		t.Errorf("%q: got %v, want %q", content, err, want)
	}
}

func TestModes(t *testing.T) {
	t.Run("slow mode makes a user wait, over all connections", func(t *testing.T) {
		w := newLive(t, map[string]string{"confab:slow-mode": "10s"})
		ann, other, bob := w.join(t, "ann"), w.join(t, "ann"), w.join(t, "bob")
		w.say(t, ann, "one", 0, "")
		w.now = w.now.Add(3 * time.Second)
		w.say(t, ann, "two", chat.Throttled, "Slow mode: wait 7 seconds")
		w.say(t, other, "two", chat.Throttled, "Slow mode: wait 7 seconds")
		w.say(t, bob, "two", 0, "")
		w.now = w.now.Add(6*time.Second + time.Millisecond)
		w.say(t, ann, "two", chat.Throttled, "Slow mode: wait 1 second")
		w.now = w.now.Add(time.Second)
		w.say(t, other, "two", 0, "")
		w.say(t, ann, "three", chat.Throttled, "Slow mode: wait 10 seconds")
	})
	t.Run("staff do not wait", func(t *testing.T) {
		w := newLive(t, map[string]string{"confab:slow-mode": "10s", "confab:send": "nobody", "confab:links": "nobody", "confab:repeat": "10s"})
		for _, c := range []chat.Capability{chat.DeleteMessage, chat.DisconnectUser} {
			moderator := w.join(t, "moderator", c)
			w.say(t, moderator, "https://example.com", 0, "")
			w.say(t, moderator, "https://example.com", 0, "")
		}
	})
	t.Run("a message that review rejects gives the turn back", func(t *testing.T) {
		w := newLive(t, map[string]string{"confab:slow-mode": "10s", "confab:repeat": "10s"})
		ann := w.join(t, "ann")
		w.say(t, ann, "rejected", chat.Rejected, "no")
		w.say(t, ann, "rejected", chat.Rejected, "no")
		w.say(t, ann, "hello", 0, "")
		w.say(t, ann, "again", chat.Throttled, "Slow mode")
	})
	t.Run("a message over the room's rate gives the turn back", func(t *testing.T) {
		w := newLive(t, map[string]string{"confab:slow-mode": "10s"})
		moderator, ann := w.join(t, "moderator", chat.DeleteMessage), w.join(t, "ann")
		for n := range 10 {
			w.say(t, moderator, fmt.Sprint(n), 0, "")
		}
		w.say(t, ann, "hello", chat.Throttled, "rate limit exceeded")
		w.now = w.now.Add(time.Second)
		w.say(t, ann, "hello", 0, "")
	})
	t.Run("send", func(t *testing.T) {
		for value, want := range map[string]string{"staff": "Only moderators can send", "nobody": "Nobody can send"} {
			w := newLive(t, map[string]string{"confab:send": value})
			w.say(t, w.join(t, "ann"), "hello", chat.AccessDenied, want)
		}
	})
	t.Run("links", func(t *testing.T) {
		w := newLive(t, map[string]string{"confab:links": "staff"})
		ann := w.join(t, "ann")
		w.say(t, ann, "see example.com", chat.Rejected, "Messages with links are not allowed")
		w.say(t, ann, "hello", 0, "")
	})
	t.Run("the same message waits for repeat", func(t *testing.T) {
		w := newLive(t, map[string]string{"confab:repeat": "2m"})
		ann, bob := w.join(t, "ann"), w.join(t, "bob")
		w.say(t, ann, "hello", 0, "")
		w.say(t, ann, "hello", chat.Rejected, "it can be sent again in 2 minutes")
		w.say(t, ann, "hello!", 0, "")
		w.say(t, bob, "hello", 0, "")
		w.now = w.now.Add(2 * time.Minute)
		w.say(t, ann, "hello", 0, "")
	})
	t.Run("a mode overrides the tag until it ends", func(t *testing.T) {
		w := newLive(t, map[string]string{"confab:slow-mode": "1h"})
		ann := w.join(t, "ann")
		w.say(t, ann, "one", 0, "")
		w.Change(roomID, func(r *chat.Room) {
			r.Modes = []chat.Mode{{Name: "slow-mode", Value: "off", Expires: w.now.Add(time.Minute)}}
		})
		w.engine.RoomChanged(t.Context(), roomID)
		w.say(t, ann, "two", 0, "")
		w.now = w.now.Add(time.Minute)
		w.say(t, ann, "three", chat.Throttled, "Slow mode: wait 59 minutes")
	})
}

// judge asks a node that has become the home of the room.
func judge(m *modes.Modes, user, content string, now time.Time) error {
	return m.Judge(context.Background(), &messaging.Judgement{
		Operation:  &messaging.Operation{ID: chat.NewID(), RoomID: roomID, UserID: user, Content: content},
		Extensions: chat.Extensions{Send: chat.All, Links: chat.All, SlowMode: 10 * time.Second, Repeat: time.Minute},
		Turn:       messaging.Turn{Epoch: 2}, Now: now, Content: content,
	})
}

// TestNextHome: what a room's home knew is known to the next one, from any node that had
// the messages, also if there are more than one answer holds.
func TestNextHome(t *testing.T) {
	now := time.Now()
	home, kept := modes.New(), modes.New()
	const users = 20_000
	for n := range users {
		j := &messaging.Judgement{
			Operation:  &messaging.Operation{ID: chat.NewID(), RoomID: roomID, UserID: fmt.Sprintf("user %d", n), Content: "hello"},
			Extensions: chat.Extensions{Send: chat.All, Links: chat.All, SlowMode: 10 * time.Second, Repeat: time.Minute}, Now: now,
		}
		if err := home.Judge(t.Context(), j); err != nil {
			t.Fatal(err)
		}
		kept.Remember(&chat.Frame{RoomID: roomID, ID: j.Operation.ID, UserID: j.Operation.UserID, Said: j.Said})
	}
	next := modes.New()
	asked := 0
	next.Ask = func(ctx context.Context, body []byte) map[string][]byte {
		asked++
		a, err := kept.Answer(ctx, body)
		if err != nil || len(a) > 1<<20 {
			t.Errorf("an answer of %d bytes, %v", len(a), err)
		}
		return map[string][]byte{"kept": a, "other": []byte("{"), "silent": nil}
	}
	for n := range users {
		if err := judge(next, fmt.Sprintf("user %d", n), "another", now); chat.CodeOf(err) != chat.Throttled {
			t.Fatalf("user %d: %v", n, err)
		}
	}
	if err := judge(next, "new", "hello", now); err != nil {
		t.Error(err)
	}
	// The last 10,000 hashes are kept.
	if err := judge(next, fmt.Sprintf("user %d", users-1), "hello", now.Add(20*time.Second)); chat.CodeOf(err) != chat.Rejected {
		t.Errorf("a repeated message: %v", err)
	}
	if asked < 3 || asked > 100 {
		t.Errorf("asked %d times", asked)
	}
}

func TestHasLink(t *testing.T) {
	for content, want := range map[string]bool{
		"see https://example.com/a?b": true, "HTTP://1.2.3.4": true, "ftp://x": true, "example.com": true, "(Example.COM!)": true,
		"www.example.co.uk": true, "ann@example.org": true, "example.com.": true, "visit example.com/path": true, "mailto:ann": true,
		"ｅｘａｍｐｌｅ．ｃｏｍ": true, "example。com": true, "exam\u200bple.c\u00adom": true, "пример.рф": true, "例え.jp": true, "example.com.then": true, "a.b.c.de": true,
		"": false, "hello": false, "e.g.this": false, "i.e. this": false, "1.2.3": false, "3.50": false, "end.Then": false, "wait...what": false,
		"node.js": false, ".com": false, "dot com": false, "a: b": false, "://": false, "12:30": false, "note: see below": false, "hotel:x": false,
		"日本語。次の文": false, "-.com": false,
	} {
		if got := modes.HasLink(content); got != want {
			t.Errorf("%q: %t", content, got)
		}
	}
}

func FuzzHasLink(f *testing.F) {
	for _, s := range []string{"https://example.com", "a.b.c", "mailto:", "tel:x tel:", "://://", "x。xn--", "\xff.com"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		if modes.HasLink(s) && len(s) < 4 {
			t.Errorf("%q is no link", s)
		}
		if !modes.HasLink(s + " https://example.com") {
			t.Errorf("%q hides a link", s)
		}
	})
}

func FuzzAnswer(f *testing.F) {
	f.Add([]byte(`{"room":"abcdefABCDEF","part":0,"parts":1}`))
	f.Add([]byte(`{"room":"abcdefABCDEF","part":7,"parts":0}`))
	f.Fuzz(func(_ *testing.T, data []byte) {
		m := modes.New()
		m.Remember(&chat.Frame{RoomID: roomID, UserID: "ann", ID: chat.NewID(), Said: &chat.Said{At: 1, Until: 1 << 62, Hash: [16]byte{1}}})
		answer, _ := m.Answer(context.Background(), data)
		m.Ask = func(context.Context, []byte) map[string][]byte { return map[string][]byte{"a": data, "b": answer} }
		judge(m, "bob", "hello", time.Now()) //nolint:errcheck // It must not panic.
	})
}
