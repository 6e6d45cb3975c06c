package app

import (
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"

	"confab/internal/config"
)

func TestCluster_settings(t *testing.T) {
	t.Run("nodes with a database each are refused", func(t *testing.T) {
		cfg, err := config.Load(map[string]string{"dev": "true", "data-dir": t.TempDir(), "cluster-listen": "127.0.0.1:0"}, nil)
		if err != nil {
			t.Fatal(err)
		}
		_, err = New(t.Context(), cfg, slog.New(slog.DiscardHandler), nil)
		e, ok := errors.AsType[*config.Error](err)
		if !ok || e.Place != "--cluster-listen" || !strings.Contains(e.Problem, "--database postgres://") {
			t.Errorf("got %v", err)
		}
	})
}

// startClustered starts a node of a cluster, with --dev. It leaves out the check
// that its database is a shared one.
func startClustered(t *testing.T, settings map[string]string) *running {
	t.Helper()
	all := map[string]string{
		"dev": "true", "listen": "127.0.0.1:0", "admin-listen": "127.0.0.1:0", "data-dir": t.TempDir(), "drain-time": "0",
		"cluster-listen": "127.0.0.1:0",
	}
	maps.Copy(all, settings)
	cfg, err := config.Load(all, nil)
	if err != nil {
		t.Fatal(err)
	}
	s := newServer(t.Context(), cfg, slog.New(slog.DiscardHandler))
	if err := s.build(t.Context()); err != nil {
		t.Fatal(err)
	}
	return run(t, s)
}

// TestCluster_oneNode runs a server that is the only node of its cluster.
func TestCluster_oneNode(t *testing.T) {
	r := startClustered(t, map[string]string{"node-name": "one"})
	s := r.Server
	if status, body := get(t, r.url+"/readyz"); status != http.StatusOK {
		t.Errorf("/readyz: %d %s", status, body)
	}
	if v := s.node.View(); len(v.Members) != 1 || !strings.HasPrefix(v.Members[0], "one_") || !s.mine("x") {
		t.Errorf("the view is %v", v)
	}
	if id, err := s.engine.SendEvent(t.Context(), s.Demo().ARN.ID, "e", nil); err != nil || id == "" {
		t.Errorf("an event: %q, %v", id, err)
	}
	resp, err := http.Get("http://" + s.listeners.Admin.Addr().String() + "/metrics")
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if body, err := io.ReadAll(resp.Body); err != nil || !strings.Contains(string(body), "confab_cluster_members 1\n") {
		t.Errorf("metrics without the one member (%v)", err)
	}
}

// TestCluster_secret has a node with another secret than the first, which is then
// joined by one with its own.
func TestCluster_secret(t *testing.T) {
	secret := func(text string) string {
		path := filepath.Join(t.TempDir(), "secret")
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	old, changed := secret("the-secret-until-today"), secret("the-secret-from-today-on")
	ready := func(r *running, want int, text string) {
		t.Helper()
		var status int
		var body string
		eventually(t, fmt.Sprintf("/readyz of %s is %d", r.cfg.NodeName, want), func() bool {
			status, body = get(t, r.url+"/readyz")
			return status == want
		})
		if !strings.Contains(body, text) {
			t.Errorf("/readyz of %s: %d %s", r.cfg.NodeName, status, body)
		}
	}
	first := startClustered(t, map[string]string{"node-name": "first", "cluster-secret-file": old})
	ready(first, http.StatusOK, "ok")
	second := startClustered(t, map[string]string{
		"node-name": "second", "cluster-secret-file": changed, "cluster-peers": "nats://" + first.conn.Address().String(),
	})
	ready(second, http.StatusServiceUnavailable, "--cluster-secret-file or CONFAB_CLUSTER_SECRET")
	third := startClustered(t, map[string]string{
		"node-name": "third", "cluster-secret-file": changed, "cluster-peers": "nats://" + second.conn.Address().String(),
	})
	for _, r := range []*running{second, third} {
		ready(r, http.StatusOK, "ok")
	}
	ready(first, http.StatusServiceUnavailable, "--cluster-secret-file or CONFAB_CLUSTER_SECRET")
}

// several starts a node with a drain of an hour, and another one that its clients
// can be moved to.
func several(t *testing.T) (stopping *running) {
	t.Helper()
	r := startClustered(t, map[string]string{"node-name": "one", "drain-time": "1h"})
	startClustered(t, map[string]string{"node-name": "two", "cluster-peers": "nats://" + r.conn.Address().String()})
	eventually(t, "two nodes", func() bool { return r.hasOthers() })
	eventually(t, "ready", func() bool { status, _ := get(t, r.url+"/readyz"); return status == http.StatusOK })
	return r
}

// draining stops a node and waits until it says that it is not ready.
func (r *running) draining(t *testing.T) {
	t.Helper()
	r.cancel()
	eventually(t, "/readyz is 503", func() bool {
		status, body := get(t, r.url+"/readyz")
		return status == http.StatusServiceUnavailable && body == "draining\n"
	})
}

// TestCluster_stop has a client come to a node that has just said that it is not
// ready any more, as a load balancer that has not noticed sends it.
func TestCluster_stop(t *testing.T) {
	r := several(t)
	r.draining(t)
	began := time.Now()
	conn := r.connect(t, "ann")
	if took := time.Since(began); took > 3*time.Second {
		t.Errorf("its handshake took %s", took)
	}
	if status, _ := get(t, r.url+"/"); status != http.StatusForbidden {
		t.Errorf("the API answers %d", status)
	}
	r.StopNow()
	if _, frame, err := conn.Read(t.Context()); err != nil || !strings.Contains(string(frame), `"ErrorCode":401`) {
		t.Errorf("the last frame is %s, %v", frame, err)
	}
	if _, _, err := conn.Read(t.Context()); err == nil || websocket.CloseStatus(err) != -1 {
		t.Errorf("then comes %v, want a lost connection without a Close", err)
	}
	if err := r.wait(t); err != nil {
		t.Error(err)
	}
}

// TestCluster_stopEmpty drains a node for an hour that its one client then leaves.
func TestCluster_stopEmpty(t *testing.T) {
	r := several(t)
	conn := r.connect(t, "ann")
	r.draining(t)
	conn.CloseNow()
	if err := r.wait(t); err != nil {
		t.Error(err)
	}
}
