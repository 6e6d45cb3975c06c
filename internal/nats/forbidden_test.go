package nats_test

import (
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"

	"confab/internal/nats"
)

// TestForbiddenSubjects uses a NATS that allows a node only some of the subjects that
// it needs. The hint is logged once, not for every frame.
func TestForbiddenSubjects(t *testing.T) {
	t.Parallel()
	allowed := &server.SubjectPermission{Allow: []string{"who", "_INBOX.>"}}
	s := externalWith(t, &server.Options{
		Host: "127.0.0.1", Port: server.RANDOM_PORT, NoSigs: true, NoLog: true,
		Users: []*server.User{{Username: "confab", Password: "password", Permissions: &server.Permissions{Publish: allowed, Subscribe: allowed}}},
	})
	log := &logged{}
	c := open(t, nats.Options{
		Name: "a", URL: strings.Replace(s.ClientURL(), "nats://", "nats://confab:password@", 1),
		Log: slog.New(slog.NewTextHandler(log, nil)),
	})
	answering(t, c)
	if text := log.String(); text != "" {
		t.Errorf("before anything was forbidden: %s", text)
	}
	for range 100 {
		if err := c.Publish("confab.frames.1", []byte("x")); err != nil {
			t.Fatal(err)
		}
	}
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for end := time.Now().Add(10 * time.Second); !strings.Contains(log.String(), "confab.frames.1"); <-tick.C {
		if time.Now().After(end) {
			t.Fatalf("it does not log what is forbidden: %s", log.String())
		}
	}
	if err := c.Subscribe("confab.beats", func(string, []byte, func([]byte)) {}); err != nil {
		t.Fatal(err)
	}
	// What NATS has said is handled in order: the connection's return comes behind it.
	connections, err := s.Connz(&server.ConnzOptions{})
	if err != nil || len(connections.Conns) != 1 {
		t.Fatalf("%v, %v", connections, err)
	}
	if err := s.DisconnectClientByID(connections.Conns[0].Cid); err != nil {
		t.Fatal(err)
	}
	select {
	case <-c.Regained():
	case <-time.After(20 * time.Second):
		t.Fatal("not regained")
	}
	text := log.String()
	if lines := strings.Count(text, "NATS forbids subjects that nodes need"); lines != 1 {
		t.Errorf("it logs that %d times: %.2000s", lines, text)
	}
	for _, part := range []string{"level=ERROR", "_INBOX.>", "confab.frames.1"} {
		if !strings.Contains(text, part) {
			t.Errorf("the log does not say %q: %.2000s", part, text)
		}
	}
}
