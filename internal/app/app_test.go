package app

import (
	"context"
	"crypto/tls"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"

	"confab/internal/chat"
	"confab/internal/config"
)

// running is a server with --dev, in a directory of its own.
type running struct {
	*Server
	url    string
	client *http.Client // of connect; nil is the default one
	cancel context.CancelFunc
	done   chan error
}

func start(t *testing.T, change func(*config.Config)) *running {
	t.Helper()
	cfg, err := config.Load(map[string]string{
		"dev": "true", "listen": "127.0.0.1:0", "admin-listen": "127.0.0.1:0", "data-dir": t.TempDir(), "drain-time": "0",
	}, nil)
	if err != nil {
		t.Fatal(err)
	}
	if change != nil {
		change(cfg)
	}
	s, err := New(t.Context(), cfg, slog.New(slog.DiscardHandler), nil)
	if err != nil {
		t.Fatal(err)
	}
	return run(t, s)
}

// run runs a server until the test is over.
func run(t *testing.T, s *Server) *running {
	t.Helper()
	ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context()))
	r := &running{Server: s, url: "http://" + s.Address().String(), cancel: cancel, done: make(chan error, 1)}
	go func() { r.done <- s.Run(ctx) }()
	t.Cleanup(func() {
		s.StopNow()
		cancel()
		if err := r.wait(t); err != nil {
			t.Error(err)
		}
	})
	return r
}

// wait waits for the end of Run and returns what it returned.
func (r *running) wait(t *testing.T) error {
	t.Helper()
	select {
	case err := <-r.done:
		r.done <- err
		return err
	case <-time.After(20 * time.Second):
		t.Fatal("the server does not stop")
		return nil
	}
}

// get returns the status and body of a GET; 0 without an answer.
func get(t *testing.T, url string) (int, string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return 0, err.Error()
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, string(body)
}

// eventually waits until the condition holds.
func eventually(t *testing.T, what string, holds func() bool) {
	t.Helper()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for end := time.Now().Add(20 * time.Second); !holds(); <-tick.C {
		if time.Now().After(end) {
			t.Fatalf("never: %s", what)
		}
	}
}

// token is a chat token for the demo room.
func (r *running) token(t *testing.T, user string) string {
	t.Helper()
	now := time.Now()
	token, err := r.ring.Seal(&chat.Token{
		ID: [16]byte([]byte(chat.NewID() + "abcd")), Room: r.Demo().ARN, Bearer: chat.Bearer{UserID: user},
		IssuedAt: now, Expires: now.Add(time.Hour), SessionExpires: now.Add(time.Hour),
	})
	if err != nil {
		t.Fatal(err)
	}
	return token
}

// connect opens a WebSocket to the demo room.
func (r *running) connect(t *testing.T, user string) *websocket.Conn {
	t.Helper()
	c, resp, err := websocket.Dial(t.Context(), r.url+"/any/path", &websocket.DialOptions{Subprotocols: []string{r.token(t, user)}, HTTPClient: r.client})
	if err != nil {
		t.Fatal(err)
	}
	if resp.Body != nil {
		resp.Body.Close()
	}
	t.Cleanup(func() { c.CloseNow() })
	return c
}

func TestServer(t *testing.T) {
	s := start(t, nil)
	admin := "http://" + s.listeners.Admin.Addr().String()
	t.Run("answers health", func(t *testing.T) {
		for _, path := range []string{"/healthz", "/readyz"} {
			if status, body := get(t, s.url+path); status != http.StatusOK || body != "ok\n" {
				t.Errorf("%s answers %d %q", path, status, body)
			}
		}
	})
	t.Run("hands everything else to the API", func(t *testing.T) {
		for _, path := range []string{"/", "/healthz/more", "//", "/tags/arn%3Aaws%3Aivschat%3Ax%2F..", "/metrics", "/debug/pprof/"} {
			if status, body := get(t, s.url+path); status != http.StatusForbidden || !strings.Contains(body, "Missing Authentication Token") {
				t.Errorf("%s answers %d %q", path, status, body)
			}
		}
	})
	t.Run("shows metrics and profiles to operators", func(t *testing.T) {
		if status, body := get(t, admin+"/metrics"); status != http.StatusOK || !strings.Contains(body, "confab_live_rooms") {
			t.Errorf("answers %d", status)
		}
		for _, path := range []string{"/healthz", "/debug/pprof/", "/debug/pprof/cmdline"} {
			if status, _ := get(t, admin+path); status != http.StatusOK {
				t.Errorf("%s answers %d", path, status)
			}
		}
	})
	t.Run("is not ready without its database", func(t *testing.T) {
		if err := s.db.Close(); err != nil {
			t.Fatal(err)
		}
		if status, _ := get(t, s.url+"/readyz"); status != http.StatusServiceUnavailable {
			t.Errorf("/readyz answers %d", status)
		}
		if status, _ := get(t, s.url+"/healthz"); status != http.StatusOK {
			t.Errorf("/healthz answers %d", status)
		}
	})
}

func TestServer_stop(t *testing.T) {
	t.Run("without connections is at once", func(t *testing.T) {
		s := start(t, func(c *config.Config) { c.DrainTime = time.Hour })
		eventually(t, "ready", func() bool { status, _ := get(t, s.url+"/readyz"); return status == http.StatusOK })
		s.cancel()
		if err := s.wait(t); err != nil {
			t.Error(err)
		}
		if status, _ := get(t, s.url+"/healthz"); status != 0 {
			t.Errorf("still answers %d", status)
		}
	})
	t.Run("on its own, ends all sessions at once", func(t *testing.T) {
		s := start(t, func(c *config.Config) { c.DrainTime = time.Hour })
		conn := s.connect(t, "ann")
		s.cancel()
		_, frame, err := conn.Read(t.Context())
		if err != nil || !strings.Contains(string(frame), `"ErrorCode":401`) {
			t.Errorf("the last frame is %s, %v", frame, err)
		}
		if _, _, err := conn.Read(t.Context()); err == nil || websocket.CloseStatus(err) != -1 {
			t.Errorf("then comes %v, want a lost connection without a Close", err)
		}
		if err := s.wait(t); err != nil {
			t.Error(err)
		}
	})
	t.Run("does not wait for connections that never sent anything", func(t *testing.T) {
		s := start(t, nil)
		for _, at := range []net.Addr{s.Address(), s.listeners.Admin.Addr()} {
			conn, err := new(net.Dialer).DialContext(t.Context(), "tcp", at.String())
			if err != nil {
				t.Fatal(err)
			}
			defer conn.Close()
		}
		// Both are accepted by the time a later one has its answer.
		if status, _ := get(t, s.url+"/healthz"); status != http.StatusOK {
			t.Fatalf("status %d", status)
		}
		begin := time.Now()
		s.cancel()
		if err := s.wait(t); err != nil {
			t.Error(err)
		}
		if took := time.Since(begin); took > 3*time.Second {
			t.Errorf("it took %v", took)
		}
	})
}

func TestServer_tls(t *testing.T) {
	dir := t.TempDir()
	s := start(t, func(c *config.Config) { c.TLSCert, c.TLSKey = writeCertificate(t, dir, 1) })
	transport := &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}}
	t.Cleanup(transport.CloseIdleConnections)
	s.client, s.url = &http.Client{Transport: transport}, "https://"+s.Address().String()

	conn := s.connect(t, "ann")
	if _, err := s.engine.SendEvent(t.Context(), s.Demo().ARN.ID, "hello", nil); err != nil {
		t.Fatal(err)
	}
	if _, frame, err := conn.Read(t.Context()); err != nil || !strings.Contains(string(frame), `"EventName":"hello"`) {
		t.Errorf("got %s, %v", frame, err)
	}
	h2 := tls.Dialer{Config: &tls.Config{InsecureSkipVerify: true, NextProtos: []string{"h2"}}}
	if conn, err := h2.DialContext(t.Context(), "tcp", s.Address().String()); err == nil {
		conn.Close()
		t.Error("HTTP/2 is spoken, too")
	}
	writeCertificate(t, dir, 2)
	s.ReloadCertificate(t.Context())
	transport.CloseIdleConnections()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, s.url+"/readyz", nil)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := s.client.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if serial := resp.TLS.PeerCertificates[0].SerialNumber.Int64(); serial != 2 || resp.StatusCode != http.StatusOK {
		t.Errorf("/readyz answers %d with certificate %d", resp.StatusCode, serial)
	}
}

func TestNew_demo(t *testing.T) {
	dir := t.TempDir()
	at := func(c *config.Config) { c.DataDir = dir }
	first := start(t, at)
	room := first.Demo()
	if room == nil || room.Name != DemoRoomName || room.ARN.Account != config.DevAccountID {
		t.Fatalf("got %+v", room)
	}
	first.cancel()
	if err := first.wait(t); err != nil {
		t.Fatal(err)
	}
	if again := start(t, at).Demo(); again.ARN != room.ARN {
		t.Errorf("the second start made another room, %s", again.ARN)
	}
}
