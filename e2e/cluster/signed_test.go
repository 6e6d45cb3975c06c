package cluster_test

import (
	"context"
	"crypto/ed25519"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/coder/websocket"
	"github.com/golang-jwt/jwt/v5"

	"confab/internal/pgtest"
	"confab/internal/testbed/cluster"
	"confab/internal/testbed/crowd"
)

// TestSignedTokensOverNodes uses tokens that an application signed on all nodes at the same
// time, several times on each, and pairs of tokens that share a jti: of all uses of a jti,
// exactly one connects.
func TestSignedTokensOverNodes(t *testing.T) {
	t.Parallel()
	database := pgtest.Shared(t).Database(t)
	c := start(t, cluster.Options{Database: database})
	room := newRoom(t, c.Nodes[0], nil)
	public, private, err := ed25519.GenerateKey(nil)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.MarshalPKIXPublicKey(public)
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "app.pub")
	if err := os.WriteFile(file, pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der}), 0o600); err != nil {
		t.Fatal(err)
	}
	signer := func(name string, more ...string) (secret []byte) {
		t.Helper()
		args := append([]string{
			"keys", "create-signer", "--database", database, "--name", name, "--rooms", "arn:aws:ivschat:*:*:room/*",
			"--capabilities", "SEND_MESSAGE", "-o", "json",
		}, more...)
		out, err := c.Nodes[0].Server().Run(t.Context(), args...)
		var s struct{ Secret string }
		if err == nil {
			err = json.Unmarshal(out, &s)
		}
		if err != nil {
			t.Fatal(err)
		}
		return []byte(s.Secret)
	}
	secret := signer("hmac")
	signer("ed25519", "--public-key", file)
	for _, alg := range []struct {
		kid    string
		method jwt.SigningMethod
		key    any
	}{
		{"hmac", jwt.SigningMethodHS256, secret},
		{"ed25519", jwt.SigningMethodEdDSA, private},
	} {
		t.Run(alg.kid, func(t *testing.T) {
			sign := func(jti, user string) string {
				now := time.Now().Unix()
				token := jwt.NewWithClaims(alg.method, jwt.MapClaims{
					"sub": user, "room": room, "caps": []string{"SEND_MESSAGE"}, "iat": now, "exp": now + 60, "jti": jti,
				})
				token.Header["kid"] = alg.kid
				s, err := token.SignedString(alg.key)
				if err != nil {
					t.Error(err)
				}
				return s
			}
			for i, n := range c.Clients() { // Each node learns of the signer within two seconds.
				for end := time.Now().Add(30 * time.Second); ; time.Sleep(50 * time.Millisecond) {
					status := use(t.Context(), n, sign(fmt.Sprint("first ", i, time.Now()), "ann"))
					if status == http.StatusSwitchingProtocols {
						break
					}
					if time.Now().After(end) {
						t.Fatalf("%s answers %d", n.Name, status)
					}
				}
			}
			const tokens, tries = 200, 3
			for i := range tokens {
				jti := fmt.Sprint("race ", i)
				same := []string{sign(jti, "ann")}
				if i%2 == 1 { // Another token with the same jti.
					same = append(same, sign(jti, "bob"))
				}
				statuses := make(chan int)
				begin := make(chan struct{})
				var all sync.WaitGroup
				for _, n := range c.Clients() {
					for try := range tries {
						all.Go(func() {
							<-begin
							statuses <- use(t.Context(), n, same[try%len(same)])
						})
					}
				}
				close(begin)
				count := map[int]int{}
				for range tries * len(c.Nodes) {
					count[<-statuses]++
				}
				all.Wait()
				if count[http.StatusSwitchingProtocols] != 1 || count[http.StatusUnauthorized] != tries*len(c.Nodes)-1 {
					t.Errorf("token %d: answers %v", i, count)
				}
			}
		})
	}
}

// use connects with a token and returns the status of the answer; 0 without one.
func use(ctx context.Context, n crowd.Node, token string) int {
	//nolint:bodyclose // The library closes it itself.
	conn, res, err := websocket.Dial(ctx, n.WebSocket, &websocket.DialOptions{Subprotocols: []string{token}, HTTPClient: &http.Client{}})
	if err == nil {
		conn.CloseNow()
	}
	if res == nil {
		return 0
	}
	return res.StatusCode
}
