package conformance

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"

	"confab/internal/config"
)

func TestTokenLifetime(t *testing.T) {
	t.Parallel()
	if own == nil {
		return
	}
	e := endpointOf(startServer(t, "--token-lifetime", "2s"))
	room := e.newRoom(t, nil)
	t.Run("TokenLifetime", func(t *testing.T) {
		check(t, "tokenExpirationTime follows the flag, sessionExpirationTime does not", func(t *testing.T) {
			o := e.tokenAnswer(t, room, nil)
			if left := time.Until(instant(t, o, "tokenExpirationTime")); left > 3*time.Second {
				t.Errorf("the token expires in %s", left)
			}
			if left := time.Until(instant(t, o, "sessionExpirationTime")); left < 59*time.Minute {
				t.Errorf("the session ends in %s", left)
			}
		})
		check(t, "an expired token is refused", func(t *testing.T) {
			o := e.tokenAnswer(t, room, nil)
			<-time.After(time.Until(instant(t, o, "tokenExpirationTime").Add(100 * time.Millisecond)))
			e.wantRefused(t, text(t, o, "token"), http.StatusUnauthorized)
		})
		check(t, "a session outlives its token", func(t *testing.T) {
			quiet := e.newRoom(t, nil)
			o := e.tokenAnswer(t, quiet, nil)
			s := e.connect(t, text(t, o, "token"))
			select {
			case f := <-s.frames:
				t.Fatalf("frame %s", f.raw)
			case <-s.ended:
				t.Fatalf("ended: %v", s.err)
			case <-time.After(time.Until(instant(t, o, "tokenExpirationTime").Add(time.Second))):
			}
			s.say(t, "x")
			s.nextMessage(t, "x")
		})
	})
}

func TestTrustedProxies(t *testing.T) {
	t.Parallel()
	if own == nil {
		return
	}
	check(t, "X-Forwarded-For counts from a trusted proxy only", func(t *testing.T) {
		const policy = `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"ivschat:*","Resource":"*","Condition":{"IpAddress":{"aws:SourceIp":"203.0.113.7/32"}}}]}`
		for _, c := range []struct {
			trusted string
			want    int
		}{{"127.0.0.0/8", http.StatusOK}, {"198.51.100.0/24", http.StatusForbidden}} {
			s := startServer(t, "--trusted-proxies", c.trusted)
			made, err := s.CreateCredentials(t.Context(), "behind", policy)
			if err != nil {
				t.Fatal(err)
			}
			e := endpointOf(s)
			call := &call4{
				path: "/ListRooms", body: `{}`, header: http.Header{"X-Forwarded-For": {"192.0.2.1, 203.0.113.7"}},
				creds: aws.Credentials{AccessKeyID: made.AccessKeyID, SecretAccessKey: made.SecretAccessKey},
			}
			r := e.send(t, call)
			for deadline := time.Now().Add(patience); r.errorName() == "UnrecognizedClientException" && time.Now().Before(deadline); {
				r = e.send(t, call)
			}
			if r.status != c.want {
				t.Errorf("status %d with %s trusted, want %d: %s", r.status, c.trusted, c.want, r.body)
			}
		}
	})
}

func TestFlags(t *testing.T) {
	t.Parallel()
	if own == nil {
		return
	}
	check(t, "events may carry 4 KB where that is allowed", func(t *testing.T) {
		e := endpointOf(startServer(t, "--event-attributes-max", "4096"))
		room := e.newRoom(t, nil)
		send := func(n int) *reply {
			return e.call(t, "SendEvent", m{"roomIdentifier": room.arn, "eventName": "e", "attributes": m{"k": letters(n - 1)}})
		}
		send(4096).want(t, http.StatusOK)
		send(4097).wantInvalid(t, "attributes")
	})
	check(t, "rooms that are deleted may close their connections", func(t *testing.T) {
		e := endpointOf(startServer(t, "--close-on-room-delete"))
		room := e.newRoom(t, nil)
		s := e.join(t, room, nil)
		e.call(t, "DeleteRoom", m{"identifier": room.arn}).want(t, http.StatusNoContent)
		s.wantClosed(t, 1000)
	})
	check(t, "--dev refuses chat of web pages of other origins", func(t *testing.T) {
		e := endpointOf(startServer(t, "--dev"))
		e.root = aws.Credentials{AccessKeyID: config.DevAccessKeyID, SecretAccessKey: config.DevSecretAccessKey}
		room := e.newRoom(t, nil)
		for _, c := range []struct {
			header string
			status int
		}{
			{"Origin: https://page.example", http.StatusForbidden},
			{"Origin: null", http.StatusForbidden},
			{"Origin: http://localhost.page.example", http.StatusForbidden},
			{"Host: rebound.example", http.StatusForbidden},
			{"Origin: http://localhost:3000", http.StatusSwitchingProtocols},
			{"", http.StatusSwitchingProtocols},
		} {
			h := newHandshake(e.newToken(t, room, nil)).set("Host", "localhost:8080")
			if name, value, ok := strings.Cut(c.header, ": "); ok {
				h.set(name, value)
			}
			if got := e.handshake(t, h).StatusCode; got != c.status {
				t.Errorf("%q: status %d, want %d", c.header, got, c.status)
			}
		}
	})
	check(t, "CORS may be kept to one origin", func(t *testing.T) {
		e := endpointOf(startServer(t, "--cors-origins", "https://app.example.com"))
		for origin, want := range map[string]string{"https://app.example.com": "https://app.example.com", "https://evil.example.net": ""} {
			r := e.send(t, &call4{path: "/ListRooms", body: `{}`, header: http.Header{"Origin": {origin}}})
			if got := r.header.Get("Access-Control-Allow-Origin"); got != want {
				t.Errorf("Access-Control-Allow-Origin %q for %s, want %q", got, origin, want)
			}
		}
	})
}
