package nats_test

import (
	"log/slog"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"

	"confab/internal/nats"
)

// says waits until Refused returns the text, or nil with "".
func says(t *testing.T, c *nats.Conn, met bool, text string) {
	t.Helper()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for end := time.Now().Add(30 * time.Second); ; <-tick.C {
		err := c.Refused(met)
		if err == nil && text == "" || err != nil && text != "" && strings.Contains(err.Error(), text) {
			return
		}
		if time.Now().After(end) {
			t.Fatalf("it says %v, never %q", err, text)
		}
	}
}

func TestRefused_secret(t *testing.T) {
	t.Parallel()
	const ours, other, advice = "the right secret", "the wrong secret", "CONFAB_CLUSTER_SECRET"
	log := &logged{}
	node := func(name, secret string, peers ...*nats.Conn) *nats.Conn {
		o := nats.Options{Name: name, Listen: "127.0.0.1:0", Secret: secret, Log: slog.New(slog.NewTextHandler(log, nil))}
		for _, p := range peers {
			o.Peers = append(o.Peers, "nats://"+p.Address().String())
		}
		return open(t, o)
	}
	a := node("a", ours)
	b := node("b", ours, a)
	answering(t, a)
	if _, ok := ask(t, b, 10*time.Second); !ok {
		t.Fatal("no answer")
	}
	// A client that is not a node, such as a port scanner, is refused as well.
	scanner, err := net.Dial("tcp", a.Address().String())
	if err != nil {
		t.Fatal(err)
	}
	defer scanner.Close()
	if _, err := scanner.Write([]byte("GET / HTTP/1.1\r\n\r\n")); err != nil {
		t.Fatal(err)
	}
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for !strings.Contains(log.String(), "authentication error") {
		<-tick.C
	}
	for _, c := range []*nats.Conn{a, b} {
		if err := c.Refused(false); err != nil {
			t.Errorf("before anybody was: %v", err)
		}
	}

	c := node("c", other, a)
	says(t, c, false, advice)
	says(t, a, false, advice) // Neither knows which one is wrong.
	for _, c := range []*nats.Conn{a, c} {
		if err := c.Refused(true); err != nil {
			t.Errorf("a node that has met others does not go on although one node refuses it: %v", err)
		}
	}
	d := node("d", other, a, b)
	says(t, d, true, advice) // Two nodes refuse it.
	if err := b.Refused(true); err != nil {
		t.Errorf("b is not refused: %v", err)
	}
	if strings.Contains(c.Refused(false).Error(), other) {
		t.Error("it says the secret")
	}
	a.Close()
	b.Close()
	says(t, c, false, "")
}

func TestRefused_credentials(t *testing.T) {
	t.Parallel()
	options := func(password string, port int) *server.Options {
		return &server.Options{Host: "127.0.0.1", Port: port, NoSigs: true, NoLog: true, Username: "confab", Password: password}
	}
	s := externalWith(t, options("first", server.RANDOM_PORT))
	port := s.Addr().(*net.TCPAddr).Port
	log := &logged{}
	c := open(t, nats.Options{Name: "a", URL: strings.Replace(s.ClientURL(), "nats://", "nats://confab:first@", 1), Log: slog.New(slog.NewTextHandler(log, nil))})
	says(t, c, true, "")
	if err := s.ReloadOptions(options("second", port)); err != nil {
		t.Fatal(err)
	}
	says(t, c, true, "change --nats-credentials")
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for range 15 { // It retries several times a second, without end.
		<-tick.C
	}
	says(t, c, false, "change --nats-credentials")
	if lines := strings.Count(log.String(), "NATS reports an error"); lines != 1 {
		t.Errorf("it logs that %d times", lines)
	}
	if err := s.ReloadOptions(options("first", port)); err != nil {
		t.Fatal(err)
	}
	select {
	case <-c.Regained():
	case <-time.After(20 * time.Second):
		t.Fatal("not regained")
	}
	if err := c.Refused(true); err != nil {
		t.Errorf("after NATS took it again: %v", err)
	}
}
