package cluster_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/nats-io/jwt/v2"
	"github.com/nats-io/nkeys"

	"confab/internal/pgtest"
	"confab/internal/testbed/cluster"
	"confab/internal/testbed/crowd"
	"confab/internal/testbed/process"
)

// TestNATSCredentials has three nodes use an existing nats-server that
// refuses connections without credentials.
func TestNATSCredentials(t *testing.T) {
	t.Parallel()
	operator := newOperator(t)
	server, err := process.StartNATS(t.Context(), process.NATSOptions{ConfigFile: operator.config})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := server.Kill(); err != nil {
			t.Error(err)
		}
	})
	database := pgtest.Shared(t).Database(t)
	c := start(t, cluster.Options{Database: database, NATS: server.URL(), Args: []string{"--nats-credentials", operator.credentials}})
	t.Run("nodes with credentials are one cluster", func(t *testing.T) {
		run(t, c, cluster.Trial{Seed: 1, Writers: 1}, func(ctx context.Context, _ *cluster.Trial) error {
			cluster.Pause(ctx, 2*crowd.Warm)
			return nil
		})
	})
	t.Run("nodes whose credentials are revoked say so, and are ready again with others", func(t *testing.T) {
		reload := func(revoked bool) {
			operator.write(t, revoked)
			if err := server.Signal(syscall.SIGHUP); err != nil {
				t.Fatal(err)
			}
		}
		reload(true)
		for _, n := range c.Nodes {
			awaitReadiness(t, n, http.StatusServiceUnavailable, "change --nats-credentials")
		}
		reload(false)
		for _, n := range c.Nodes {
			awaitReadiness(t, n, http.StatusOK, "ok")
		}
	})
	empty := filepath.Join(t.TempDir(), "empty.creds")
	if err := os.WriteFile(empty, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	others := newOperator(t).credentials
	for name, test := range map[string]struct{ credentials, says string }{
		"a node without credentials is refused":                      {"", "set --nats-credentials"},
		"a node with credentials of another operator is refused":     {others, others},
		"a node whose file of credentials is empty is refused":       {empty, empty},
		"a node whose file of credentials is not there does not run": {filepath.Join(t.TempDir(), "none.creds"), "none.creds: no such file"},
	} {
		t.Run(name, func(t *testing.T) {
			args := []string{"--database", database, "--nats", server.URL(), "--node-name", "stranger"}
			if test.credentials != "" {
				args = append(args, "--nats-credentials", test.credentials)
			}
			line := refusal(t, process.Options{DataDir: t.TempDir(), Args: args, Env: c.Nodes[0].Env()})
			if !strings.Contains(line, test.says) {
				t.Errorf("it says %q, without %q", line, test.says)
			}
		})
	}
}

// awaitReadiness waits until the node's /readyz answers with a status and a text.
func awaitReadiness(t *testing.T, n *cluster.Node, status int, text string) {
	t.Helper()
	for end := time.Now().Add(30 * time.Second); ; cluster.Pause(t.Context(), 50*time.Millisecond) {
		got, said, err := readiness(t.Context(), n.Server())
		if got == status && strings.Contains(said, text) {
			return
		}
		if time.Now().After(end) {
			t.Fatalf("%s's /readyz: %d %s, %v", n.Name, got, said, err)
		}
	}
}

// refusal starts a server that does not start, and returns what it says in its
// one line for the operator.
func refusal(t *testing.T, o process.Options) string {
	t.Helper()
	s, err := process.Start(t.Context(), o)
	if err == nil {
		t.Error("it starts", s.Kill())
		return ""
	}
	var said []string
	for line := range strings.Lines(err.Error()) {
		if strings.HasPrefix(line, "confab: ") {
			said = append(said, strings.TrimSpace(line))
		}
	}
	if len(said) != 1 {
		t.Errorf("it says %d lines: %v", len(said), err)
		return err.Error()
	}
	t.Log(said[0])
	return said[0]
}

// operator is a NATS operator with one account and one user.
type operator struct {
	key, account, user key
	jwt                string // the operator's, which a server that runs may not change
	// config has a nats-server trust it, and knows its account.
	config string
	// credentials are those of the user, as "nsc generate creds" writes them.
	credentials string
}

func newOperator(t *testing.T) *operator {
	t.Helper()
	dir := t.TempDir()
	o := &operator{
		key: newKey(t, nkeys.CreateOperator), account: newKey(t, nkeys.CreateAccount), user: newKey(t, nkeys.CreateUser),
		config: filepath.Join(dir, "nats.conf"), credentials: filepath.Join(dir, "nats.creds"),
	}
	o.jwt = encode(t, jwt.NewOperatorClaims(o.key.public), o.key)
	o.write(t, false)
	return o
}

// write writes the files, with credentials that are issued now. When the user is
// revoked, the server does not let them in.
func (o *operator) write(t *testing.T, revoked bool) {
	t.Helper()
	account := jwt.NewAccountClaims(o.account.public)
	if revoked {
		account.RevokeAt(o.user.public, time.Now().Add(time.Minute))
	}
	preload, err := json.Marshal(map[string]string{o.account.public: encode(t, account, o.key)})
	if err != nil {
		t.Fatal(err)
	}
	creds, err := jwt.FormatUserConfig(encode(t, jwt.NewUserClaims(o.user.public), o.account), o.user.seed(t))
	if err != nil {
		t.Fatal(err)
	}
	for path, text := range map[string]string{
		o.config:      fmt.Sprintf("operator: %s\nresolver: MEMORY\nresolver_preload: %s\n", o.jwt, preload),
		o.credentials: string(creds),
	} {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

// key is a pair of NATS's keys.
type key struct {
	nkeys.KeyPair
	public string
}

func newKey(t *testing.T, create func() (nkeys.KeyPair, error)) key {
	t.Helper()
	pair, err := create()
	if err != nil {
		t.Fatal(err)
	}
	public, err := pair.PublicKey()
	if err != nil {
		t.Fatal(err)
	}
	return key{pair, public}
}

func (k key) seed(t *testing.T) []byte {
	t.Helper()
	seed, err := k.Seed()
	if err != nil {
		t.Fatal(err)
	}
	return seed
}

// encode signs the claims.
func encode(t *testing.T, claims jwt.Claims, signer key) string {
	t.Helper()
	text, err := claims.Encode(signer)
	if err != nil {
		t.Fatal(err)
	}
	return text
}
