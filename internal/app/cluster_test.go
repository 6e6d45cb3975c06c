package app

import (
	"errors"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"testing"

	"confab/internal/config"
)

func TestCluster_settings(t *testing.T) {
	t.Run("nodes with a database each are refused", func(t *testing.T) {
		cfg, err := config.Load(map[string]string{"dev": "true", "data-dir": t.TempDir(), "cluster-listen": "127.0.0.1:0"}, nil)
		if err != nil {
			t.Fatal(err)
		}
		_, err = New(t.Context(), cfg, slog.New(slog.DiscardHandler))
		e, ok := errors.AsType[*config.Error](err)
		if !ok || e.Place != "--cluster-listen" || !strings.Contains(e.Problem, "--database postgres://") {
			t.Errorf("got %v", err)
		}
	})
}

// TestCluster_oneNode runs a server that has nobody to be a cluster with. It
// leaves out the check that its database is a shared one.
func TestCluster_oneNode(t *testing.T) {
	cfg, err := config.Load(map[string]string{
		"dev": "true", "listen": "127.0.0.1:0", "admin-listen": "127.0.0.1:0", "data-dir": t.TempDir(), "drain-time": "0",
		"cluster-listen": "127.0.0.1:0", "node-name": "one",
	}, nil)
	if err != nil {
		t.Fatal(err)
	}
	s := newServer(t.Context(), cfg, slog.New(slog.DiscardHandler))
	if err := s.build(t.Context()); err != nil {
		t.Fatal(err)
	}
	r := run(t, s)
	if status, body := get(t, r.url+"/readyz"); status != http.StatusOK {
		t.Errorf("/readyz: %d %s", status, body)
	}
	if members := s.node.Members(); len(members) != 1 || members[0].Name != "one" || !s.node.Mine("x") {
		t.Errorf("members %v", members)
	}
	if id, err := s.engine.SendEvent(t.Context(), s.Demo().ARN.ID, "e", nil); err != nil || id == "" {
		t.Errorf("an event: %q, %v", id, err)
	}
	resp, err := http.Get("http://" + s.listeners.admin.Addr().String() + "/metrics")
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if body, err := io.ReadAll(resp.Body); err != nil || !strings.Contains(string(body), "confab_cluster_members 1\n") {
		t.Errorf("metrics without the one member (%v)", err)
	}
}
