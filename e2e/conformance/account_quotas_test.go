package conformance

import (
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

// TestAccountQuotas holds servers whose account has a quota of five against it.
func TestAccountQuotas(t *testing.T) {
	t.Parallel()
	if own == nil {
		return
	}
	const quota = 5
	// within says how many may pass when the first of them began at start.
	within := func(t *testing.T, passed, refused int, start time.Time) {
		t.Helper()
		if most := quota + 1 + int(quota*time.Since(start).Seconds()); passed < quota || passed > most || refused == 0 {
			t.Errorf("%d passed and %d were refused, want %d to %d to pass", passed, refused, quota, most)
		}
	}
	check(t, "a sixth connection is refused with 429 and spends no token", func(t *testing.T) {
		e := quotaServer(t, "Concurrent chat connections", quota)
		one, other := e.newRoom(t, nil), e.newRoom(t, nil)
		first := e.join(t, one, nil)
		for range quota - 1 {
			e.join(t, other, nil)
		}
		token := e.newToken(t, one, nil)
		h := newHandshake(token)
		answer := e.handshake(t, h)
		if name := answer.Header.Get("X-Amzn-Errortype"); answer.StatusCode != http.StatusTooManyRequests || name != "ServiceQuotaExceededException" {
			t.Errorf("refused with %d %s, want 429 ServiceQuotaExceededException", answer.StatusCode, name)
		}
		if want := `{"message":"The account has as many concurrent connections as its quota allows"}`; h.body != want {
			t.Errorf("body %s, want %s", h.body, want)
		}
		first.conn.CloseNow()
		e.dialUntilTaken(t, token)
	})
	check(t, "messages to all rooms together are throttled with ERROR 429, and recover", func(t *testing.T) {
		e := quotaServer(t, "Rate of SendMessage requests across all your rooms", quota)
		var clients []*session
		for range 2 {
			room := e.newRoom(t, m{"maximumMessageRatePerSecond": 100})
			clients = append(clients, e.join(t, room, nil), e.join(t, room, nil))
		}
		start := time.Now()
		passed, refused := ask(t, clients, m{"Action": "SEND_MESSAGE", "Content": "x"})
		within(t, passed, refused, start)
		clients[0].askUntilPassed(t, m{"Action": "SEND_MESSAGE", "Content": "x"})
	})
	for operation, c := range map[string]struct{ request, members m }{
		"DeleteMessage":  {m{"Action": "DELETE_MESSAGE", "Id": noID}, m{"id": noID}},
		"DisconnectUser": {m{"Action": "DISCONNECT_USER", "UserId": "absent"}, m{"userId": "absent"}},
	} {
		check(t, operation+" over WebSocket and HTTP together is throttled, and recovers", func(t *testing.T) {
			e := quotaServer(t, "Rate of "+operation+" requests across all your rooms", quota)
			room := e.newRoom(t, nil)
			c.members["roomIdentifier"] = room.arn
			client := e.join(t, e.newRoom(t, nil), nil)
			start := time.Now()
			replies := make(chan []*reply)
			go func() { replies <- e.burst(t, 4*quota, operation, c.members) }()
			passed, refused := ask(t, []*session{client}, c.request)
			for _, r := range <-replies {
				if r.status == http.StatusOK {
					passed++
					continue
				}
				refused++
				o := r.wantError(t, "ThrottlingException", http.StatusTooManyRequests)
				wantMembers(t, o, "message", "resourceId", "resourceType", "limit")
				wantValue(t, o, "message", "rate limit exceeded")
				wantValue(t, o, "resourceId", room.id)
				wantValue(t, o, "resourceType", "ROOM")
				wantValue(t, o, "limit", float64(quota))
			}
			within(t, passed, refused, start)
			client.askUntilPassed(t, c.request)
		})
	}
	check(t, "calls of an operation are throttled with 429, and recover", func(t *testing.T) {
		e := quotaServer(t, "Rate of CreateChatToken API calls", quota)
		members := m{"roomIdentifier": e.newRoom(t, nil).arn, "userId": "u"}
		start := time.Now()
		accepted, throttled := 0, 0
		for _, r := range e.burst(t, 6*quota, "CreateChatToken", members) {
			if r.status == http.StatusOK {
				accepted++
				continue
			}
			r.wantError(t, "ThrottlingException", http.StatusTooManyRequests)
			throttled++
		}
		within(t, accepted, throttled, start)
		for deadline := time.Now().Add(patience); e.call(t, "CreateChatToken", members).status != http.StatusOK; {
			if time.Now().After(deadline) {
				t.Fatal("the rate did not recover")
			}
		}
	})
	check(t, "a sixth room is refused with 402, until one is deleted", func(t *testing.T) {
		e := quotaServer(t, "Rooms", quota)
		var room resource
		for range quota {
			room = created(t, e.callKept(t, "CreateRoom", m{}))
		}
		o := e.callKept(t, "CreateRoom", m{}).wantError(t, "ServiceQuotaExceededException", http.StatusPaymentRequired)
		wantMembers(t, o, "message", "resourceId", "resourceType", "limit")
		wantValue(t, o, "resourceType", "ROOM")
		wantValue(t, o, "limit", float64(quota))
		e.call(t, "DeleteRoom", m{"identifier": room.arn}).want(t, http.StatusNoContent)
		e.callKept(t, "CreateRoom", m{}).want(t, http.StatusOK)
	})
}

// quotaServer starts a server with one quota and no other.
func quotaServer(t *testing.T, name string, limit int) *endpoint {
	t.Helper()
	file := filepath.Join(t.TempDir(), "confab.yaml")
	if err := os.WriteFile(file, fmt.Appendf(nil, "serviceQuotas:\n  %s: %d\n", name, limit), 0o600); err != nil {
		t.Fatal(err)
	}
	return endpointOf(startServer(t, "--config", file))
}

// burst does n calls at the same time and returns the answers.
func (e *endpoint) burst(t *testing.T, n int, operation string, members m) []*reply {
	t.Helper()
	replies := make([]*reply, n)
	var wait sync.WaitGroup
	for i := range n {
		wait.Go(func() { replies[i] = e.callKept(t, operation, members) })
	}
	wait.Wait()
	return replies
}

// dialUntilTaken connects with a token that was refused, as soon as there is a
// place for it.
func (e *endpoint) dialUntilTaken(t *testing.T, token string) {
	t.Helper()
	for deadline := time.Now().Add(patience); ; {
		if s, err := e.dial(t, token); err == nil {
			s.say(t, "x")
			s.nextMessage(t, "x")
			return
		}
		if time.Now().After(deadline) {
			t.Fatal("the place of a lost connection was not freed, or the token was spent")
		}
	}
}

// ask has every client make nine requests, which a connection's own rate lets
// pass, and counts how they were answered.
func ask(t *testing.T, clients []*session, request m) (passed, throttled int) {
	t.Helper()
	const requests = 9
	for n := range requests {
		for i, s := range clients {
			request["RequestId"] = fmt.Sprintf("%d.%d", i, n)
			s.do(t, request)
		}
	}
	for i, s := range clients {
		for answered := 0; answered < requests; {
			f := s.next(t)
			switch {
			case !strings.HasPrefix(f.RequestID, fmt.Sprint(i, ".")): // Another client's.
				continue
			case f.Type != "ERROR":
				passed++
			default:
				if f.ErrorCode != 429 || f.ErrorMessage != "rate limit exceeded" {
					t.Errorf("frame %s, want ERROR 429", f.raw)
				}
				f.wantForm(t)
				throttled++
			}
			answered++
		}
	}
	return passed, throttled
}

// askUntilPassed makes the request until it passes, as a client with patience
// would.
func (s *session) askUntilPassed(t *testing.T, request m) {
	t.Helper()
	request["RequestId"] = "again"
	for deadline := time.Now().Add(patience); ; {
		s.do(t, request)
		f := s.next(t)
		for f.RequestID != "again" {
			f = s.next(t)
		}
		if f.Type != "ERROR" {
			return
		}
		if time.Now().After(deadline) {
			t.Fatal("the rate did not recover")
		}
		<-time.After(200 * time.Millisecond) // A client's own pace; nothing is waited for.
	}
}
