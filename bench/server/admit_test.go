package server

import (
	"crypto/ed25519"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"confab/internal/chat"
	"confab/internal/testbed/process"
)

// BenchmarkAdmit has an application admit b.N viewers at once, who all stay: with tokens of
// CreateChatToken, and with tokens that it signs itself, which need no call of the API. It
// shows the processor time of the server for a viewer, from the token to the 101.
func BenchmarkAdmit(b *testing.B) {
	for _, c := range []struct {
		name  string
		signs func(b *testing.B, s *server) func(user string) (string, error)
	}{
		{"CreateChatToken", nil},
		{"HS256", func(b *testing.B, s *server) func(string) (string, error) {
			return s.signer(b, "app", jwt.SigningMethodHS256, []byte(s.createSigner(b, "app")))
		}},
		{"EdDSA", func(b *testing.B, s *server) func(string) (string, error) {
			public, private, err := ed25519.GenerateKey(nil)
			if err != nil {
				b.Fatal(err)
			}
			der, err := x509.MarshalPKIXPublicKey(public)
			if err != nil {
				b.Fatal(err)
			}
			file := filepath.Join(b.TempDir(), "app.pub")
			if err := os.WriteFile(file, pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der}), 0o600); err != nil {
				b.Fatal(err)
			}
			s.createSigner(b, "app", "--public-key", file)
			return s.signer(b, "app", jwt.SigningMethodEdDSA, private)
		}},
	} {
		b.Run(c.name, func(b *testing.B) { admit(b, c.signs) })
	}
}

func admit(b *testing.B, signs func(b *testing.B, s *server) func(user string) (string, error)) {
	s := start(b, process.Options{Args: []string{"--log-level", "info", "--max-connections", "0", "--max-connections-per-address", "0"}})
	var sign func(user string) (string, error)
	if signs != nil {
		sign = signs(b, s)
	}
	calls := s.apiCalls(b)
	before, err := s.CPU()
	if err != nil {
		b.Fatal(err)
	}
	b.ResetTimer()
	var tokens []string
	if sign == nil {
		tokens = s.tokens(b, b.N)
	}
	for i := len(tokens); i < b.N; i++ {
		token, err := sign(fmt.Sprintf("user-%d", i))
		if err != nil {
			b.Fatal(err)
		}
		tokens = append(tokens, token)
	}
	const each = 5000 // A process may hold 20,000 files.
	var clients []*stormProcess
	for begin := 0; begin < b.N; begin += each {
		clients = append(clients, s.stormProcess(b, tokens[begin:min(begin+each, b.N)]))
	}
	for _, c := range clients {
		c.begin(b)
	}
	connected, longest := 0, time.Duration(0)
	for _, c := range clients {
		n, took := c.result(b)
		connected += n
		longest = max(longest, took)
	}
	b.StopTimer()
	after, err := s.CPU()
	if err != nil {
		b.Fatal(err)
	}
	if n := int(s.Metric(b, "confab_concurrent_chat_connections")); connected != b.N || n != b.N {
		b.Errorf("%d of %d viewers are in, and the server has %d", connected, b.N, n)
	}
	calls = s.apiCalls(b) - calls
	if sign != nil && calls != 0 {
		b.Errorf("%v calls of the API were made", calls)
	}
	b.ReportMetric(float64((after-before).Microseconds())/float64(b.N), "server-cpu-µs/viewer")
	b.ReportMetric(longest.Seconds(), "last-in-s")
	b.ReportMetric(calls, "API-calls")
	for _, c := range clients {
		c.End(b)
	}
}

// apiCalls returns how many calls of the API the server has answered.
func (s *server) apiCalls(b *testing.B) (n float64) {
	b.Helper()
	values, err := process.Scrape(b.Context(), s.Admin(b))
	if err != nil {
		b.Fatal(err)
	}
	for series, v := range values {
		if strings.HasPrefix(series, "confab_api_requests_total") {
			n += v
		}
	}
	return n
}

// createSigner creates a signer and returns its secret, if it has one.
func (s *server) createSigner(b *testing.B, name string, more ...string) (secret string) {
	b.Helper()
	args := append([]string{"keys", "create-signer", "--name", name, "--rooms", "arn:aws:ivschat:*:*:room/*", "--capabilities", "SEND_MESSAGE", "-o", "json"}, more...)
	out, err := s.Run(b.Context(), args...)
	var signer struct{ Secret string }
	if err == nil {
		err = json.Unmarshal(out, &signer)
	}
	if err != nil {
		b.Fatal(err)
	}
	return signer.Secret
}

// signer returns a function that signs tokens for the server's room, when the server knows
// their signer.
func (s *server) signer(b *testing.B, kid string, method jwt.SigningMethod, key any) func(user string) (string, error) {
	b.Helper()
	sign := func(user string) (string, error) {
		now := time.Now().Unix()
		token := jwt.NewWithClaims(method, jwt.MapClaims{
			"sub": user, "room": s.room, "caps": []string{"SEND_MESSAGE"}, "iat": now, "exp": now + 600, "jti": chat.NewID(),
		})
		token.Header["kid"] = kid
		return token.SignedString(key)
	}
	for deadline := time.Now().Add(30 * time.Second); ; time.Sleep(50 * time.Millisecond) {
		token, err := sign("first")
		if err != nil {
			b.Fatal(err)
		}
		conn, err := connect(s.Endpoint, token)
		if err == nil {
			conn.Close()
			break
		}
		if time.Now().After(deadline) {
			b.Fatal(err)
		}
	}
	for deadline := time.Now().Add(30 * time.Second); s.Metric(b, "confab_concurrent_chat_connections") > 0; time.Sleep(50 * time.Millisecond) {
		if time.Now().After(deadline) {
			b.Fatal("the first viewer does not leave")
		}
	}
	return sign
}
