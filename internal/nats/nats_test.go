package nats_test

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"log/slog"
	"math/big"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"

	"confab/internal/nats"
)

func open(t testing.TB, o nats.Options) *nats.Conn {
	t.Helper()
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	c, err := nats.Open(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c
}

// ask sends requests until there is an answer or the time is up.
func ask(t testing.TB, c *nats.Conn, within time.Duration) (string, bool) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), within)
	defer cancel()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		if answer, err := c.Request(ctx, "who", []byte("?")); err == nil {
			return string(answer), true
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return "", false
		}
	}
}

func answering(t testing.TB, c *nats.Conn) {
	t.Helper()
	if err := c.Subscribe("who", func(_ string, data []byte, reply func([]byte)) { reply(append(data, '!')) }); err != nil {
		t.Fatal(err)
	}
}

func TestNodesFormACluster(t *testing.T) {
	log := &logged{}
	a := open(t, nats.Options{Name: "a", Listen: "127.0.0.1:0", Secret: "the right secret", Log: slog.New(slog.NewTextHandler(log, nil))})
	answering(t, a)
	peers := []string{"nats://" + a.Address().String()}
	t.Run("a node with the secret reaches the others", func(t *testing.T) {
		b := open(t, nats.Options{Name: "b", Listen: "127.0.0.1:0", Peers: peers, Secret: "the right secret"})
		if answer, ok := ask(t, b, 10*time.Second); !ok || answer != "?!" {
			t.Fatalf("answer %q", answer)
		}
		if _, err := a.Request(t.Context(), "who", nil); err == nil {
			t.Error("a node's own subscription answered it")
		}
	})
	for name, secret := range map[string]string{"another secret": "the wrong secret", "none": ""} {
		t.Run("a node with "+name+" is refused, and logged", func(t *testing.T) {
			log.reset()
			c := open(t, nats.Options{Name: "c-" + name[:4], Listen: "127.0.0.1:0", Peers: peers, Secret: secret})
			if answer, ok := ask(t, c, time.Second); ok {
				t.Fatalf("answer %q", answer)
			}
			if text := log.String(); !strings.Contains(text, "authentication error") || strings.Contains(text, "wrong secret") {
				t.Errorf("log: %s", text)
			}
		})
	}
}

// logged is a log that can be read.
type logged struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *logged) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *logged) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

func (l *logged) reset() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.b.Reset()
}

func TestTLSBetweenNodes(t *testing.T) {
	ca := newAuthority(t)
	a := open(t, nats.Options{Name: "a", Listen: "127.0.0.1:0", TLS: ca.node(t)})
	answering(t, a)
	peers := []string{"nats://" + a.Address().String()}
	t.Run("nodes with certificates of one authority reach each other", func(t *testing.T) {
		b := open(t, nats.Options{Name: "b", Listen: "127.0.0.1:0", Peers: peers, TLS: ca.node(t)})
		if _, ok := ask(t, b, 10*time.Second); !ok {
			t.Fatal("no answer")
		}
	})
	t.Run("one of another authority does not", func(t *testing.T) {
		c := open(t, nats.Options{Name: "c", Listen: "127.0.0.1:0", Peers: peers, TLS: newAuthority(t).node(t)})
		if _, ok := ask(t, c, time.Second); ok {
			t.Fatal("it got an answer")
		}
	})
	t.Run("one without TLS does not", func(t *testing.T) {
		c := open(t, nats.Options{Name: "d", Listen: "127.0.0.1:0", Peers: peers})
		if _, ok := ask(t, c, time.Second); ok {
			t.Fatal("it got an answer")
		}
	})
}

// authority signs the certificates of nodes.
type authority struct {
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
	pool *x509.CertPool
}

func newAuthority(t testing.TB) *authority {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	pool.AddCert(cert)
	return &authority{cert, key, pool}
}

// node returns the TLS configuration of a node on loopback: it presents a certificate
// and requires one.
func (a *authority) node(t testing.TB) *tls.Config {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.CreateCertificate(rand.Reader, &x509.Certificate{
		SerialNumber: big.NewInt(2), NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
	}, a.cert, &key.PublicKey, a.key)
	if err != nil {
		t.Fatal(err)
	}
	return &tls.Config{
		MinVersion: tls.VersionTLS12, Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key}},
		RootCAs: a.pool, ClientCAs: a.pool, ClientAuth: tls.RequireAndVerifyClientCert,
	}
}

// external starts a NATS server as an operator would run it.
func external(t testing.TB, port int) *server.Server {
	t.Helper()
	return externalWith(t, &server.Options{Host: "127.0.0.1", Port: port, NoSigs: true, NoLog: true})
}

func externalWith(t testing.TB, o *server.Options) *server.Server {
	t.Helper()
	s, err := server.NewServer(o)
	if err != nil {
		t.Fatal(err)
	}
	s.Start()
	if !s.ReadyForConnections(10 * time.Second) {
		t.Fatal("NATS is not ready")
	}
	t.Cleanup(func() { s.Shutdown(); s.WaitForShutdown() })
	return s
}

// TestNATSThatDoesNotAnswer replaces NATS with a server that accepts connections and
// does not respond, as a stopped NATS does. Calls must fail immediately.
func TestNATSThatDoesNotAnswer(t *testing.T) {
	s := external(t, server.RANDOM_PORT)
	a, b := open(t, nats.Options{Name: "a", URL: s.ClientURL()}), open(t, nats.Options{Name: "b", URL: s.ClientURL()})
	asked := make(chan bool, 1)
	if err := b.Subscribe("silence", func(string, []byte, func([]byte)) { asked <- true }); err != nil {
		t.Fatal(err)
	}
	asking, stop := context.WithCancel(t.Context())
	defer stop()
	asker := make(chan error, 1)
	go func() {
		_, err := a.Request(asking, "silence", nil)
		asker <- err
	}()
	<-asked
	address := s.Addr().String()
	s.Shutdown()
	s.WaitForShutdown()
	ln, err := net.Listen("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	for range 2 {
		conn, err := ln.Accept() // They try to reconnect.
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
	}
	began := time.Now()
	stop()
	if err := <-asker; err == nil {
		t.Error("an answer from silence")
	}
	if err := a.Publish("x", nil); err == nil {
		t.Error("published without NATS")
	}
	if _, err := a.Request(t.Context(), "x", nil); err == nil {
		t.Error("an answer without NATS")
	}
	if waited := time.Since(began); waited > 3*time.Second {
		t.Errorf("it took %s to notice that NATS is lost", waited)
	}
}

func TestExistingNATS(t *testing.T) {
	s := external(t, server.RANDOM_PORT)
	a := open(t, nats.Options{Name: "a", URL: s.ClientURL()})
	b := open(t, nats.Options{Name: "b", URL: s.ClientURL()})
	answering(t, a)
	if _, ok := ask(t, b, 10*time.Second); !ok {
		t.Fatal("no answer")
	}

	port := s.Addr().(*net.TCPAddr).Port
	s.Shutdown()
	s.WaitForShutdown()
	if err := b.Publish("x", nil); err == nil { // It has not noticed yet.
		if _, ok := ask(t, b, 200*time.Millisecond); ok {
			t.Error("an answer without NATS")
		}
	}
	external(t, port)
	select {
	case <-b.Regained():
	case <-time.After(20 * time.Second):
		t.Fatal("not regained")
	}
	if _, ok := ask(t, b, 10*time.Second); !ok {
		t.Fatal("no answer after NATS came back")
	}
	t.Run("one that does not answer is an error at the start", func(t *testing.T) {
		if _, err := nats.Open(nats.Options{Name: "c", URL: "nats://127.0.0.1:1", Log: slog.New(slog.DiscardHandler)}); err == nil {
			t.Error("no error")
		}
	})
}
