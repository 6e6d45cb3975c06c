package conformance

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"confab/internal/chat"
)

// signed signs a token for the room as an application does. A claim of change that is nil
// is left out.
func signed(t *testing.T, secret string, room resource, change m) string {
	t.Helper()
	now := time.Now()
	claims := jwt.MapClaims{
		"sub": "ann", "room": room.arn, "caps": []string{"SEND_MESSAGE"}, "attrs": m{"name": "Ann"},
		"iat": now.Unix(), "exp": now.Unix() + 60, "session": 30, "jti": chat.NewID(),
	}
	maps.Copy(claims, change)
	maps.DeleteFunc(claims, func(_ string, v any) bool { return v == nil })
	token := jwt.NewWithClaims(jwt.SigningMethodHS256, claims)
	token.Header["kid"] = "app"
	s, err := token.SignedString([]byte(secret))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestSigners(t *testing.T) {
	t.Parallel()
	if own == nil {
		return
	}
	server := startServer(t)
	out, err := server.Run(t.Context(), "keys", "create-signer", "--name", "app", "--rooms", "arn:aws:ivschat:*:*:room/*", "--capabilities", "SEND_MESSAGE", "-o", "json")
	if err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	var signer struct{ Secret string }
	if err := json.Unmarshal(out, &signer); err != nil {
		t.Fatal(err)
	}
	e := endpointOf(server)
	room := e.newRoom(t, nil)
	untilStatus(t, e, http.StatusSwitchingProtocols, func() string { return signed(t, signer.Secret, room, nil) })
	t.Run("Signers", func(t *testing.T) {
		check(t, "a signed token joins with its user, capabilities and attributes", func(t *testing.T) {
			s := e.connect(t, signed(t, signer.Secret, room, nil))
			s.say(t, "hello")
			if f := s.nextMessage(t, "hello"); f.Sender.UserID != "ann" || f.Sender.Attributes["name"] != "Ann" {
				t.Errorf("frame %s", f.raw)
			}
			s.do(t, m{"Action": "DELETE_MESSAGE", "Id": "abc", "RequestId": "1"})
			s.nextError(t, http.StatusForbidden)
		})
		check(t, "of two uses at the same time one connects", func(t *testing.T) {
			token := signed(t, signer.Secret, room, nil)
			statuses := make(chan int)
			for range 8 {
				go func() { statuses <- e.handshake(t, newHandshake(token)).StatusCode }()
			}
			count := map[int]int{}
			for range 8 {
				count[<-statuses]++
			}
			if count[http.StatusSwitchingProtocols] != 1 || count[http.StatusUnauthorized] != 7 {
				t.Errorf("answers: %v", count)
			}
		})
		check(t, "a jti is good for one token", func(t *testing.T) {
			e.connect(t, signed(t, signer.Secret, room, m{"jti": "one"}))
			e.wantRefused(t, signed(t, signer.Secret, room, m{"jti": "one", "sub": "bob"}), http.StatusUnauthorized)
		})
		check(t, "the session counts from iat", func(t *testing.T) {
			iat := time.Now().Unix() - 58
			s := e.connect(t, signed(t, signer.Secret, e.newRoom(t, nil), m{"iat": iat, "exp": iat + 120, "session": 1}))
			s.nextError(t, http.StatusUnauthorized)
		})
		check(t, "a token of before a disconnect reads no history, also if its clock is ahead", func(t *testing.T) {
			kept := e.newRoom(t, m{"tags": m{"confab:history": "1h", "confab:history-read": "all"}})
			reads := func(token string) int {
				return e.send(t, &call4{
					method: http.MethodGet, path: "/_confab/v1/rooms/" + kept.id + "/messages", unsigned: true,
					header: http.Header{"Authorization": {"Bearer " + token}},
				}).status
			}
			now := time.Now().Unix()
			var ahead []string
			for _, seconds := range []int64{0, 30, 58} {
				token := signed(t, signer.Secret, kept, m{"iat": now + seconds, "exp": now + 120})
				if status := reads(token); status != http.StatusOK {
					t.Errorf("%d s ahead: status %d before the disconnect", seconds, status)
				}
				ahead = append(ahead, token)
			}
			(&caller{e, e.root, ""}).do(t, "DisconnectUser", m{"roomIdentifier": kept.arn, "userId": "ann"}).want(t, http.StatusOK)
			for i, token := range ahead {
				if status := reads(token); status != http.StatusForbidden {
					t.Errorf("token %d: status %d after the disconnect", i, status)
				}
			}
			if status := reads(signed(t, signer.Secret, kept, m{"sub": "bob"})); status != http.StatusOK {
				t.Errorf("another user: status %d", status)
			}
		})
		for name, change := range map[string]m{
			"without jti": {"jti": nil}, "without iat": {"iat": nil}, "without exp": {"exp": nil},
			"for a year":                       {"exp": time.Now().Unix() + 365*86400},
			"with a capability that it lacks":  {"caps": []string{"DELETE_MESSAGE"}},
			"for a room of another account":    {"room": "arn:aws:ivschat:us-west-2:999999999999:room/abcDEF123456"},
			"of an hour ago":                   {"iat": time.Now().Unix() - 3600, "exp": time.Now().Unix() - 3000},
			"whose session is over":            {"iat": time.Now().Unix() - 600, "exp": time.Now().Unix() + 600, "session": 5},
			"with attributes that are too big": {"attrs": m{"a": letters(1024)}},
		} {
			check(t, "refused is a token "+name, func(t *testing.T) {
				token := signed(t, signer.Secret, room, change)
				status, body := e.refusedWith(t, token)
				if status != http.StatusUnauthorized || !strings.Contains(body, "chat token") {
					t.Errorf("status %d: %s", status, body)
				}
			})
		}
		check(t, "refused is a token that someone else signed", func(t *testing.T) {
			e.wantRefused(t, signed(t, "0123456789abcdef0123456789abcdef", room, nil), http.StatusUnauthorized)
		})
		check(t, "a room that does not exist is not found", func(t *testing.T) {
			token := signed(t, signer.Secret, room, m{"room": fmt.Sprintf("%s/%s", room.arn[:strings.IndexByte(room.arn, '/')], noID)})
			e.wantRefused(t, token, http.StatusNotFound)
		})
	})
	t.Run("Signers deleted", func(t *testing.T) {
		check(t, "a signer that was deleted admits no one within seconds", func(t *testing.T) {
			if out, err := server.Run(t.Context(), "keys", "delete-signer", "--name", "app"); err != nil {
				t.Fatalf("%v: %s", err, out)
			}
			untilStatus(t, e, http.StatusUnauthorized, func() string { return signed(t, signer.Secret, room, nil) })
		})
	})
}

// untilStatus connects with new tokens until the answer is the status. The server notices
// changes of signers within seconds.
func untilStatus(t *testing.T, e *endpoint, status int, token func() string) {
	t.Helper()
	for deadline := time.Now().Add(patience); ; time.Sleep(50 * time.Millisecond) {
		h := newHandshake(token())
		got := e.handshake(t, h).StatusCode
		if got == status {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("status %d, want %d", got, status)
		}
	}
}
