package conformance

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"confab/internal/testbed/process"
)

func TestConnectRates(t *testing.T) {
	t.Parallel()
	if own == nil {
		return
	}
	// connectAll opens n connections for the users at the same time and
	// returns the statuses and how long it took.
	connectAll := func(t *testing.T, e *endpoint, n int, user func(i int) string) (accepted, refused int, took time.Duration) {
		t.Helper()
		room := e.newRoom(t, nil)
		tokens := make([]string, n)
		for i := range tokens {
			tokens[i] = e.newToken(t, room, m{"userId": user(i)})
		}
		statuses := make(chan int, n)
		start := time.Now()
		for _, token := range tokens {
			go func() { statuses <- e.handshake(t, newHandshake(token)).StatusCode }()
		}
		for range n {
			switch s := <-statuses; s {
			case http.StatusSwitchingProtocols:
				accepted++
			case http.StatusTooManyRequests:
				refused++
			default:
				t.Errorf("status %d, want 101 or 429", s)
			}
		}
		return accepted, refused, time.Since(start)
	}
	start := func(t *testing.T, args ...string) *endpoint {
		t.Helper()
		return endpointOf(process.Serve(t, process.Options{Args: args}))
	}
	check(t, "one user who connects too often is held back or refused", func(t *testing.T) {
		e := start(t, "--connect-rate-per-user", "5/s", "--connect-rate-per-address", "0")
		accepted, refused, took := connectAll(t, e, 15, func(int) string { return "one" })
		if refused == 0 && took < time.Second {
			t.Errorf("%d connections in %s at 5/s", accepted, took)
		}
		if accepted < 5 {
			t.Errorf("%d accepted, want at least 5", accepted)
		}
	})
	check(t, "many users are not held back by the rate of one", func(t *testing.T) {
		e := start(t, "--connect-rate-per-user", "5/s", "--connect-rate-per-address", "0")
		accepted, _, _ := connectAll(t, e, 30, func(i int) string { return strings.Repeat("u", i+1) })
		if accepted != 30 {
			t.Errorf("%d of 30 accepted", accepted)
		}
	})
	check(t, "an address that connects too often is held back or refused", func(t *testing.T) {
		e := start(t, "--connect-rate-per-address", "5/s")
		accepted, refused, took := connectAll(t, e, 15, func(i int) string { return strings.Repeat("u", i+1) })
		if refused == 0 && took < time.Second {
			t.Errorf("%d connections in %s at 5/s", accepted, took)
		}
	})
	check(t, "the four tries of an official client pass at the usual rate", func(t *testing.T) {
		accepted, _, _ := connectAll(t, start(t), 4, func(int) string { return "one" })
		if accepted != 4 {
			t.Errorf("%d of 4 accepted", accepted)
		}
	})
}

func TestMaxConnections(t *testing.T) {
	t.Parallel()
	if own == nil {
		return
	}
	check(t, "one more connection than allowed is refused with 429 and spends no token", func(t *testing.T) {
		e := endpointOf(startServer(t, "--max-connections", "2"))
		room := e.newRoom(t, nil)
		// At the limit the server closes idle connections, also one on which a call is on its way.
		first, second, token := e.newToken(t, room, nil), e.newToken(t, room, nil), e.newToken(t, room, nil)
		a := e.connect(t, first)
		e.connect(t, second)
		e.wantRefused(t, token, http.StatusTooManyRequests)
		a.conn.CloseNow()
		e.dialUntilTaken(t, token)
	})
	for _, of := range []string{"room", "user", "address"} {
		check(t, "one more connection of a "+of+" than allowed is refused with 429 and spends no token", func(t *testing.T) {
			e := endpointOf(startServer(t, "--max-connections-per-"+of, "1"))
			room := e.newRoom(t, nil)
			body := m{"userId": "ann"}
			first, token := e.newToken(t, room, body), e.newToken(t, room, body)
			a := e.connect(t, first)
			e.wantRefused(t, token, http.StatusTooManyRequests)
			a.conn.CloseNow()
			e.dialUntilTaken(t, token)
		})
	}
}
