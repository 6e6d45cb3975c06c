package conformance

import (
	"encoding/base64"
	"net/http"
	"regexp"
	"strings"
	"testing"
	"time"
)

// tokenForm are the characters that a WebSocket subprotocol may have (RFC 9110, token).
var tokenForm = regexp.MustCompile("^[A-Za-z0-9!#$%&'*+.^_`|~-]+$")

func TestCreateChatToken(t *testing.T) {
	t.Parallel()
	check(t, "the answer has three members", func(t *testing.T) {
		wantMembers(t, subject.tokenAnswer(t, newRoom(t, nil), nil), "token", "tokenExpirationTime", "sessionExpirationTime")
	})
	for name, c := range map[string]struct {
		minutes any
		want    time.Duration
	}{"60 minutes unless given": {nil, time.Hour}, "1 minute": {1, time.Minute}, "180 minutes": {180, 3 * time.Hour}} {
		check(t, "the session lasts/"+name, func(t *testing.T) {
			o := subject.tokenAnswer(t, newRoom(t, nil), m{"sessionDurationInMinutes": c.minutes})
			got := time.Until(instant(t, o, "sessionExpirationTime"))
			if got > c.want+10*time.Second || got < c.want-time.Minute/2 {
				t.Errorf("the session ends in %s, want %s", got, c.want)
			}
		})
	}
	check(t, "the token expires no later than its session", func(t *testing.T) {
		o := subject.tokenAnswer(t, newRoom(t, nil), nil)
		token, session := instant(t, o, "tokenExpirationTime"), instant(t, o, "sessionExpirationTime")
		if token.After(session) || time.Until(token) < 10*time.Second {
			t.Errorf("the token expires at %s, its session at %s", token, session)
		}
	})
	check(t, "the token is legal as a subprotocol", func(t *testing.T) {
		token := subject.newToken(t, newRoom(t, nil), m{"userId": "ü /=,:", "attributes": m{"k": strings.Repeat("ü", 500)}})
		if !tokenForm.MatchString(token) {
			t.Errorf("token %q", token)
		}
	})
	check(t, "a token with everything in it stays below 8 KB", func(t *testing.T) {
		token := subject.newToken(t, newRoom(t, nil), m{
			"userId": strings.Repeat("😀", 128), "attributes": m{"k": letters(1023)},
		})
		if len(token) > 8000 {
			t.Errorf("%d bytes: proxies would refuse the header", len(token))
		}
	})
	check(t, "the token hides what is in it", func(t *testing.T) {
		token := subject.newToken(t, newRoom(t, nil), m{"userId": "visible-user", "attributes": m{"secret-key": "secret-value"}})
		plain := token
		for _, part := range strings.FieldsFunc(token, func(r rune) bool { return r == '.' || r == '#' }) {
			if b, err := base64.RawURLEncoding.DecodeString(part); err == nil {
				plain += string(b)
			}
		}
		for _, s := range []string{"visible-user", "secret-key", "secret-value", "SEND_MESSAGE"} {
			if strings.Contains(plain, s) {
				t.Errorf("%q can be read in the token", s)
			}
		}
	})
	check(t, "two tokens for the same are different", func(t *testing.T) {
		room := newRoom(t, nil)
		if a, b := subject.newToken(t, room, nil), subject.newToken(t, room, nil); a == b {
			t.Error("one token twice")
		}
	})
	check(t, "it may be connected with once", func(t *testing.T) {
		token := subject.newToken(t, newRoom(t, nil), nil)
		subject.connect(t, token)
		subject.wantRefused(t, token, http.StatusUnauthorized)
	})
	check(t, "it is spent also when its session is over", func(t *testing.T) {
		token := subject.newToken(t, newRoom(t, nil), nil)
		s := subject.connect(t, token)
		s.conn.CloseNow()
		<-s.ended
		subject.wantRefused(t, token, http.StatusUnauthorized)
	})
	check(t, "of two at the same time one connects", func(t *testing.T) {
		token := subject.newToken(t, newRoom(t, nil), nil)
		const tries = 8
		statuses := make(chan int, tries)
		for range tries {
			go func() {
				h := newHandshake(token)
				statuses <- subject.handshake(t, h).StatusCode
			}()
		}
		accepted := 0
		for range tries {
			if s := <-statuses; s == http.StatusSwitchingProtocols {
				accepted++
			} else if s != http.StatusUnauthorized {
				t.Errorf("status %d, want 101 once and 401", s)
			}
		}
		if accepted != 1 {
			t.Errorf("%d of %d connected with one token", accepted, tries)
		}
	})
}

// wantRefused checks that the handshake is refused with the status, plainly and with a name for the reason.
func (e *endpoint) wantRefused(t *testing.T, token string, status int) {
	t.Helper()
	got, body := e.refusedWith(t, token)
	if got != status {
		t.Errorf("refused with %d, want %d: %s", got, status, body)
	}
	if !strings.HasPrefix(strings.TrimSpace(body), "{") {
		t.Errorf("body %q, want a JSON object", body)
	}
}

func TestRefusedTokens(t *testing.T) {
	t.Parallel()
	check(t, "none", func(t *testing.T) { subject.wantRefused(t, "", http.StatusUnauthorized) })
	for name, token := range map[string]string{
		"garbage":                "garbage",
		"one character":          "x",
		"of the form of samples": "AQICAHzdbIhZ5vZ3Z1r0eA.eyJhIjoiYiJ9",
		"a JWT":                  "eyJhbGciOiJub25lIn0.eyJ1c2VySWQiOiJ1In0.",
		"6000 characters":        letters(6000),
		"every sign":             "!#$%&'*+-.^_`|~",
	} {
		check(t, name, func(t *testing.T) { subject.wantRefused(t, token, http.StatusUnauthorized) })
	}
	check(t, "one character changed", func(t *testing.T) {
		good := subject.newToken(t, newRoom(t, nil), nil)
		step := max(1, len(good)/12)
		for i := 0; i < len(good); i += step {
			bad := []byte(good)
			bad[i] = map[bool]byte{true: 'B', false: 'A'}[bad[i] == 'A']
			subject.wantRefused(t, string(bad), http.StatusUnauthorized)
		}
		subject.connect(t, good) // None of these spent it.
	})
	check(t, "cut off", func(t *testing.T) {
		good := subject.newToken(t, newRoom(t, nil), nil)
		subject.wantRefused(t, good[:len(good)-1], http.StatusUnauthorized)
		subject.wantRefused(t, good[:len(good)/2], http.StatusUnauthorized)
		subject.wantRefused(t, good[1:], http.StatusUnauthorized)
	})
	check(t, "something behind it", func(t *testing.T) {
		subject.wantRefused(t, subject.newToken(t, newRoom(t, nil), nil)+"A", http.StatusUnauthorized)
	})
	check(t, "halves of two", func(t *testing.T) {
		room := newRoom(t, nil)
		a, b := subject.newToken(t, room, nil), subject.newToken(t, room, nil)
		subject.wantRefused(t, a[:len(a)/2]+b[len(b)/2:], http.StatusUnauthorized)
	})
	check(t, "of a room that is gone", func(t *testing.T) {
		room := newRoom(t, nil)
		token := subject.newToken(t, room, nil)
		call(t, "DeleteRoom", m{"identifier": room.arn}).wantEmpty(t, http.StatusNoContent)
		subject.wantRefused(t, token, http.StatusNotFound)
	})
}
