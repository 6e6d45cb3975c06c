package app

import (
	"bytes"
	"context"
	"database/sql"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"confab/internal/config"
)

// TestServer_readyWithoutPatience is a probe that leaves while the database is
// busy, as those of load balancers do after half a second.
func TestServer_readyWithoutPatience(t *testing.T) {
	dir := t.TempDir()
	cfg, err := config.Load(map[string]string{"dev": "true", "listen": "127.0.0.1:0", "data-dir": dir, "drain-time": "0"}, nil)
	if err != nil {
		t.Fatal(err)
	}
	var log bytes.Buffer
	s, err := New(t.Context(), cfg, slog.New(slog.NewTextHandler(&log, nil)), nil)
	if err != nil {
		t.Fatal(err)
	}
	running := run(t, s)

	other, err := sql.Open("sqlite", filepath.Join(dir, "confab.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer other.Close()
	other.SetMaxOpenConns(1)
	if _, err := other.ExecContext(t.Context(), `BEGIN IMMEDIATE`); err != nil {
		t.Fatal(err)
	}
	for range 3 {
		ctx, leave := context.WithTimeout(t.Context(), 50*time.Millisecond)
		s.ready(httptest.NewRecorder(), httptest.NewRequestWithContext(ctx, http.MethodGet, "/readyz", nil))
		if ctx.Err() == nil {
			t.Error("the database was not busy")
		}
		leave()
	}
	if _, err := other.ExecContext(t.Context(), `ROLLBACK`); err != nil {
		t.Fatal(err)
	}
	if status, body := get(t, running.url+"/readyz"); status != http.StatusOK {
		t.Errorf("/readyz answers %d %s", status, body)
	}
	running.cancel()
	if err := running.wait(t); err != nil {
		t.Error(err)
	}
	if strings.Contains(log.String(), "Not ready") {
		t.Errorf("the log has\n%s", log.String())
	}
}
