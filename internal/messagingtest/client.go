package messagingtest

import (
	"encoding/binary"
	"net/netip"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/go-json-experiment/json"

	"confab/internal/chat"
	"confab/internal/ending"
	"confab/internal/messaging"
)

var tokens atomic.Uint64

// Token returns a token that was not used before, issued now for an hour, with all
// capabilities.
func Token(room, user string, now time.Time) *chat.Token {
	t := &chat.Token{
		Room: ARN(room), IssuedAt: now, Expires: now.Add(time.Hour), SessionExpires: now.Add(time.Hour),
		Bearer: chat.Bearer{UserID: user, Capabilities: []chat.Capability{chat.SendMessage, chat.DeleteMessage, chat.DisconnectUser}},
	}
	binary.BigEndian.PutUint64(t.ID[:], tokens.Add(1))
	return t
}

// Client is a session, and a connection that records how it ended.
type Client struct {
	*messaging.Session

	mu    sync.Mutex
	ended []string
	sent  []string
}

// Join joins with the token, from 192.0.2.1. The session leaves when the test ends.
func Join(t testing.TB, engine *messaging.Engine, token *chat.Token) *Client {
	t.Helper()
	c := &Client{}
	s, err := engine.Join(t.Context(), token, c, messaging.Client{IP: netip.MustParseAddr("192.0.2.1")})
	if err != nil {
		t.Fatalf("join: %v", err)
	}
	t.Cleanup(s.Leave)
	c.Session = s
	return c
}

// Send implements members.Conn.
func (c *Client) Send(frame []byte) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.sent = append(c.sent, string(frame))
}

// SendIf implements members.Conn.
func (c *Client) SendIf(frame []byte, wanted func() bool) {
	if wanted() {
		c.Send(frame)
	}
}

// Sent returns the frames that only this connection got.
func (c *Client) Sent() []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return append([]string(nil), c.sent...)
}

// End implements members.Conn.
func (c *Client) End(why ending.Way) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.ended = append(c.ended, why.Name)
}

// Endings returns the names of the endings that the engine asked for.
func (c *Client) Endings() []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return append([]string(nil), c.ended...)
}

// Audience implements messaging.Audience with one member, who records the frames.
type Audience struct {
	mu     sync.Mutex
	frames []map[string]any
}

// Deliver implements messaging.Audience.
func (a *Audience) Deliver(frame []byte) int {
	var f map[string]any
	if err := json.Unmarshal(frame, &f); err != nil {
		panic("a frame that is no JSON: " + err.Error())
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	a.frames = append(a.frames, f)
	return 1
}

// Frames returns the frames so far, decoded, the oldest first.
func (a *Audience) Frames() []map[string]any {
	a.mu.Lock()
	defer a.mu.Unlock()
	return slices.Clip(a.frames)
}

// IDs returns the ids of the frames so far.
func (a *Audience) IDs() []string { return a.member("Id") }

// Contents returns the contents of the frames so far. Those of events are empty.
func (a *Audience) Contents() []string { return a.member("Content") }

func (a *Audience) member(name string) []string {
	var all []string
	for _, f := range a.Frames() {
		value, _ := f[name].(string)
		all = append(all, value)
	}
	return all
}
