package conformance

import (
	"net/http"
	"testing"
	"time"

	"confab/internal/testbed/process"
)

func TestRestart(t *testing.T) {
	t.Parallel()
	if own == nil {
		return
	}
	dir := t.TempDir()
	first := startServerOn(t, dir)
	e := endpointOf(first)
	kept := created(t, e.callKept(t, "CreateRoom", m{"name": "kept", "tags": m{"a": "b"}}))
	logging := created(t, e.callKept(t, "CreateLoggingConfiguration", m{"destinationConfiguration": m{"s3": m{"bucketName": "chat-logs"}}}))
	before := e.call(t, "GetRoom", m{"identifier": kept.arn}).want(t, http.StatusOK)
	used, unused := e.newToken(t, kept, nil), e.newToken(t, kept, nil)
	session := e.connect(t, used)
	if err := first.Terminate(); err != nil {
		t.Fatal(err)
	}
	t.Run("Restart", func(t *testing.T) {
		t.Run("the old server ends its sessions", func(t *testing.T) {
			check(t, "with ERROR 401 and then without a Close", func(t *testing.T) {
				f := session.nextError(t, 401)
				f.wantForm(t)
				if f.RequestID != "" {
					t.Errorf("RequestId %q", f.RequestID)
				}
				session.wantDropped(t)
			})
			check(t, "with exit status 0", func(t *testing.T) {
				if err := first.Wait(); err != nil {
					t.Error(err)
				}
			})
		})
		e := endpointOf(startServerOn(t, dir))
		check(t, "rooms are there as they were", func(t *testing.T) {
			after := e.call(t, "GetRoom", m{"identifier": kept.arn}).want(t, http.StatusOK)
			for k, v := range before {
				wantValue(t, after, k, v)
			}
		})
		check(t, "logging configurations are there", func(t *testing.T) {
			e.call(t, "GetLoggingConfiguration", m{"identifier": logging.arn}).want(t, http.StatusOK)
		})
		check(t, "a token that was used is still used", func(t *testing.T) {
			e.wantRefused(t, used, http.StatusUnauthorized)
		})
		check(t, "a token that was not used works once", func(t *testing.T) {
			s := e.connect(t, unused)
			s.say(t, "x")
			s.nextMessage(t, "x")
			e.wantRefused(t, unused, http.StatusUnauthorized)
		})
		check(t, "tokens of another server are refused", func(t *testing.T) {
			subject.wantRefused(t, e.newToken(t, kept, nil), http.StatusUnauthorized)
		})
	})
}

// callKept is call without the deletion at the end of the case.
func (e *endpoint) callKept(t *testing.T, operation string, members m) *reply {
	t.Helper()
	return e.send(t, &call4{path: "/" + operation, body: jsonText(t, members)})
}

func TestStop(t *testing.T) {
	t.Parallel()
	if own == nil {
		return
	}
	check(t, "a server on its own ends all sessions at once and stops within a second", func(t *testing.T) {
		process.Within(t, time.Second, func() time.Duration {
			s := startServer(t, "--drain-time", "1m")
			e := endpointOf(s)
			room := e.newRoom(t, nil)
			const n = 12
			sessions := make([]*session, n)
			for i := range sessions {
				sessions[i] = e.join(t, room, nil)
			}
			began := time.Now()
			if err := s.Terminate(); err != nil {
				t.Fatal(err)
			}
			for _, session := range sessions {
				session.nextError(t, 401)
				session.wantDropped(t)
			}
			if err := s.Wait(); err != nil {
				t.Error(err)
			}
			return time.Since(began)
		})
	})
	check(t, "a client that does not read does not hold up the stop", func(t *testing.T) {
		process.Within(t, time.Second, func() time.Duration {
			s := startServer(t)
			e := endpointOf(s)
			room := e.newRoom(t, nil)
			e.joinUnread(t, room)
			for s.Metric(t, "confab_pending_bytes") == 0 {
				e.call(t, "SendEvent", largeEvent(room)).want(t, http.StatusOK)
			}
			began := time.Now()
			if err := s.Stop(); err != nil {
				t.Error(err)
			}
			return time.Since(began)
		})
	})
}
