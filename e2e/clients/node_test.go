package clients

import (
	"testing"
	"time"

	"confab/internal/testbed/official"
	"confab/internal/testbed/process"
)

// TestJavaScriptSDK does all 17 operations with the AWS SDK for JavaScript.
func TestJavaScriptSDK(t *testing.T) {
	t.Parallel()
	s := process.Serve(t, process.Options{})
	nodeTest(t, 2*time.Minute, official.Environment(s.Endpoint, s.WebSocket), "control.test.mjs")
}

// TestChatClient runs the official chat client in Node, at the usual connect rates.
func TestChatClient(t *testing.T) {
	t.Parallel()
	s := process.Serve(t, process.Options{})
	nodeTest(t, 4*time.Minute, official.Environment(s.Endpoint, s.WebSocket), "messaging.test.mjs")
}

// TestRefreshLosesNothing has official clients renew their tokens 50 times in the
// middle of delivery windows.
func TestRefreshLosesNothing(t *testing.T) {
	t.Parallel()
	s := process.Serve(t, process.Options{Args: []string{"--delivery-window", "100ms"}})
	nodeTest(t, 2*time.Minute, official.Environment(s.Endpoint, s.WebSocket), "refresh.test.mjs")
}

// TestHistory runs the official chat client in rooms with history.
func TestHistory(t *testing.T) {
	t.Parallel()
	s := process.Serve(t, process.Options{})
	nodeTest(t, 4*time.Minute, official.Environment(s.Endpoint, s.WebSocket), "history.test.mjs")
}

// TestBans runs the official chat client where people are banned, muted, hidden, slowed down or filtered.
func TestBans(t *testing.T) {
	t.Parallel()
	s := process.Serve(t, process.Options{})
	nodeTest(t, 2*time.Minute, official.Environment(s.Endpoint, s.WebSocket), "bans.test.mjs")
}

// TestPresence runs the official chat client in rooms that push who is there.
func TestPresence(t *testing.T) {
	t.Parallel()
	s := process.Serve(t, process.Options{Args: []string{"--presence-interval", "1s"}})
	nodeTest(t, 3*time.Minute, official.Environment(s.Endpoint, s.WebSocket), "presence.test.mjs")
}

// TestCatchUp runs the official chat client in rooms in which clients catch up.
func TestCatchUp(t *testing.T) {
	t.Parallel()
	s := process.Serve(t, process.Options{})
	nodeTest(t, 6*time.Minute, official.Environment(s.Endpoint, s.WebSocket), "catch-up.test.mjs")
}

// TestEndings ends sessions of the official chat client in Node.
func TestEndings(t *testing.T) {
	t.Parallel()
	s := process.Serve(t, process.Options{})
	nodeTest(t, 4*time.Minute, official.Environment(s.Endpoint, s.WebSocket), "ending.test.mjs")
}
