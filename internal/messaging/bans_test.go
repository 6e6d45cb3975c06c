package messaging_test

import (
	"net/netip"
	"sync"
	"testing"

	"confab/internal/chat"
	"confab/internal/messaging"
	"confab/internal/messagingtest"
)

// bans are users that are banned or muted in every room.
type bans struct {
	mu                    sync.Mutex
	banned, muted, hidden map[string]bool
}

func newBans() *bans {
	return &bans{banned: map[string]bool{}, muted: map[string]bool{}, hidden: map[string]bool{}}
}

func (b *bans) Banned(_, userID string, ip netip.Addr) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.banned[userID] || b.banned[ip.String()] {
		return chat.Errorf(chat.AccessDenied, "banned")
	}
	return nil
}

func (b *bans) Forbids(roomID, userID, ip string, sends bool) error {
	if err := b.Banned(roomID, userID, netip.MustParseAddr(ip)); err != nil {
		return err
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if sends && b.muted[userID] {
		return chat.Errorf(chat.AccessDenied, "You are muted")
	}
	return nil
}

func (b *bans) Hides(_, userID, _ string) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.hidden[userID]
}

func (b *bans) set(m map[string]bool, user string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	m[user] = true
}

func withBans(b *bans) option {
	return func(o *messaging.Options, _ *live) { o.Bans, o.Extensions = b, true }
}

func TestBans(t *testing.T) {
	t.Parallel()
	t.Run("a banned user or address does not join, and the token is not spent", func(t *testing.T) {
		b := newBans()
		w := newLive(t, withBans(b))
		b.set(b.banned, "ann")
		for user, who := range map[string]string{"ann": "ann", "bob": "192.0.2.1"} {
			b.set(b.banned, who)
			token := w.token(user)
			_, err := w.engine.Join(t.Context(), token, &messagingtest.Client{}, messaging.Client{IP: netip.MustParseAddr("192.0.2.1")})
			wantCode(t, err, chat.AccessDenied)
			if w.Spent() != 0 || w.engine.Connections() != 0 {
				t.Errorf("%s: %d tokens are spent, %d connections", user, w.Spent(), w.engine.Connections())
			}
		}
	})
	t.Run("a user who is banned while the token is spent does not stay", func(t *testing.T) {
		b := newBans()
		w := newLive(t, withBans(b), func(o *messaging.Options, _ *live) {
			o.Tokens = tokensFunc(func() { b.set(b.banned, "ann") })
		})
		_, err := w.engine.Join(t.Context(), w.token("ann"), &messagingtest.Client{}, messaging.Client{})
		wantCode(t, err, chat.AccessDenied)
		if n := w.engine.Connections(); n != 0 {
			t.Errorf("%d connections are left", n)
		}
	})
	t.Run("a muted user cannot send messages but can do everything else", func(t *testing.T) {
		b := newBans()
		w := newLive(t, withBans(b))
		ann := w.join(t, w.token("ann"))
		b.set(b.muted, "ann")
		err := w.send(t, ann, "hello")
		wantCode(t, err, chat.AccessDenied)
		if err.Error() != "You are muted" {
			t.Errorf("got %q", err)
		}
		if err := ann.DeleteMessage(t.Context(), messaging.Request{Received: w.clock()}, "abcdefABCDEF", ""); err != nil {
			t.Error(err)
		}
		if _, _, err := w.engine.SendMessage(t.Context(), roomID, &messaging.ServerMessage{UserID: "ann", Content: "as the server"}); err != nil {
			t.Error(err)
		}
	})
	t.Run("a banned user's requests are refused until the session has ended", func(t *testing.T) {
		b := newBans()
		w := newLive(t, withBans(b))
		ann := w.join(t, w.token("ann"))
		b.set(b.banned, "ann")
		wantCode(t, w.send(t, ann, "hello"), chat.AccessDenied)
		wantCode(t, ann.DisconnectUser(t.Context(), messaging.Request{Received: w.clock()}, "bob", ""), chat.AccessDenied)
		if n := len(w.Frames()); n != 0 {
			t.Errorf("%d frames were delivered", n)
		}
	})
}
