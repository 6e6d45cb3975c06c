package conformance

import (
	"crypto/ed25519"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"confab/internal/chat"
	"confab/internal/testbed/process"
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
			room := e.newRoom(t, nil)
			iat := time.Now().Unix() - 52 // So the session ends in 8 s.
			s := e.connect(t, signed(t, signer.Secret, room, m{"iat": iat, "exp": iat + 120, "session": 1}))
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
		forgeries(t, server, e, room, signer.Secret)
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

// forgeries has tokens for whose signature an application's key was not used as it must be.
func forgeries(t *testing.T, server *process.Server, e *endpoint, room resource, secret string) {
	t.Helper()
	public, private, err := ed25519.GenerateKey(nil)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.MarshalPKIXPublicKey(public)
	if err != nil {
		t.Fatal(err)
	}
	file, key := filepath.Join(t.TempDir(), "app.pub"), pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der})
	if err := os.WriteFile(file, key, 0o600); err != nil {
		t.Fatal(err)
	}
	if out, err := server.Run(t.Context(), "keys", "create-signer", "--name", "narrow", "--rooms", room.arn, "--capabilities", "SEND_MESSAGE", "--public-key", file); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	token := func(kid string, method jwt.SigningMethod, key any, change m) string {
		now := time.Now().Unix()
		claims := jwt.MapClaims{"sub": "ann", "room": room.arn, "caps": []string{"SEND_MESSAGE"}, "iat": now, "exp": now + 60, "jti": chat.NewID()}
		maps.Copy(claims, change)
		token := jwt.NewWithClaims(method, claims)
		token.Header["kid"] = kid
		s, err := token.SignedString(key)
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	untilStatus(t, e, http.StatusSwitchingProtocols, func() string { return token("narrow", jwt.SigningMethodEdDSA, private, nil) })
	for name, forged := range map[string]string{
		"with alg none": token("app", jwt.SigningMethodNone, jwt.UnsafeAllowNoneSignatureType, nil),
		"with alg none and the kid of a public key":           token("narrow", jwt.SigningMethodNone, jwt.UnsafeAllowNoneSignatureType, nil),
		"with the kid of another key":                         token("app", jwt.SigningMethodEdDSA, private, nil),
		"with the kid of a public key and another secret":     token("narrow", jwt.SigningMethodHS256, []byte(secret), nil),
		"by HMAC with a public key, as PEM":                   token("narrow", jwt.SigningMethodHS256, key, nil),
		"by HMAC with a public key, as DER":                   token("narrow", jwt.SigningMethodHS256, der, nil),
		"by HMAC with a public key, as its bytes":             token("narrow", jwt.SigningMethodHS256, []byte(public), nil),
		"by the right secret with another hash":               token("app", jwt.SigningMethodHS512, []byte(secret), nil),
		"for another room than the signer's":                  token("narrow", jwt.SigningMethodEdDSA, private, m{"room": e.newRoom(t, nil).arn}),
		"for every room, by a signer of one":                  token("narrow", jwt.SigningMethodEdDSA, private, m{"room": roomARN("*")}),
		"with capabilities that the signer lacks, among good": token("narrow", jwt.SigningMethodEdDSA, private, m{"caps": []string{"SEND_MESSAGE", "DISCONNECT_USER"}}),
	} {
		check(t, "refused is a token "+name, func(t *testing.T) {
			status, body := e.refusedWith(t, forged)
			if status != http.StatusUnauthorized || !strings.Contains(body, "The signed chat token is not valid: ") {
				t.Errorf("status %d: %s", status, body)
			}
		})
	}
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
