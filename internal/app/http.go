package app

import (
	"context"
	"log/slog"
	"net/http"
	"net/http/pprof"
	"slices"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus/promhttp"

	"confab/internal/telemetry"
)

const (
	requestTimeout = 30 * time.Second
	pingTimeout    = 2 * time.Second
)

// mainHandler shares the one port out: a WebSocket handshake on any path, the
// two health paths, and the API.
func (s *Server) mainHandler(sockets, api http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		upgrade := upgrades(r)
		// A handshake may be held back for long, other requests may not take long,
		// and neither may the body that some of them do not read.
		if !upgrade || r.ContentLength != 0 {
			c := http.NewResponseController(w)
			deadline := time.Now().Add(requestTimeout)
			c.SetReadDeadline(deadline)  //nolint:errcheck // Every connection of ours has deadlines.
			c.SetWriteDeadline(deadline) //nolint:errcheck // As above.
		}
		switch {
		case upgrade:
			sockets.ServeHTTP(w, r)
		case r.URL.Path == "/healthz" && reads(r):
			answer(w, http.StatusOK, "ok")
		case r.URL.Path == "/readyz" && reads(r):
			s.ready(w, r)
		default:
			api.ServeHTTP(w, r)
		}
	})
}

// upgrades says whether the request asks for a WebSocket (RFC 6455, 4.2.1).
func upgrades(r *http.Request) bool {
	return slices.ContainsFunc(r.Header.Values("Upgrade"), func(v string) bool {
		return slices.ContainsFunc(strings.Split(v, ","), func(p string) bool {
			return strings.EqualFold(strings.TrimSpace(p), "websocket")
		})
	})
}

func reads(r *http.Request) bool { return r.Method == http.MethodGet || r.Method == http.MethodHead }

// ready answers whether load balancers may send clients here.
func (s *Server) ready(w http.ResponseWriter, r *http.Request) {
	if s.draining.Load() {
		answer(w, http.StatusServiceUnavailable, "draining")
		return
	}
	if s.node != nil {
		if err := s.node.Ready(); err != nil {
			answer(w, http.StatusServiceUnavailable, err.Error())
			return
		}
	}
	ctx, cancel := context.WithTimeout(r.Context(), pingTimeout)
	defer cancel()
	if err := s.db.Ping(ctx); err != nil {
		if r.Context().Err() == nil { // Else the probe has left, which says nothing of the database.
			s.log.LogAttrs(ctx, slog.LevelWarn, "Not ready: the database does not answer", slog.Any("error", err))
		}
		answer(w, http.StatusServiceUnavailable, "the database does not answer")
		return
	}
	answer(w, http.StatusOK, "ok")
}

func answer(w http.ResponseWriter, status int, text string) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	w.Write([]byte(text + "\n")) //nolint:errcheck // A client that is gone does not care.
}

// adminHandler is what the admin port shows. It has no authentication: the
// port belongs on an address that only operators reach.
func adminHandler(m *telemetry.Metrics) http.Handler {
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", promhttp.HandlerFor(m.Registry, promhttp.HandlerOpts{Registry: m.Registry}))
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) { answer(w, http.StatusOK, "ok") })
	mux.HandleFunc("/debug/pprof/", pprof.Index)
	mux.HandleFunc("/debug/pprof/cmdline", pprof.Cmdline)
	mux.HandleFunc("/debug/pprof/profile", pprof.Profile)
	mux.HandleFunc("/debug/pprof/symbol", pprof.Symbol)
	mux.HandleFunc("/debug/pprof/trace", pprof.Trace)
	return mux
}
