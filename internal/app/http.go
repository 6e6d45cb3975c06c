package app

import (
	"bytes"
	"context"
	"log/slog"
	"net/http"
	"net/http/pprof"
	"slices"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"confab/internal/cluster"
	"confab/internal/console"
	"confab/internal/front"
	"confab/internal/operation"
	"confab/internal/rfc6455"
)

const pingTimeout = 2 * time.Second

// mainHandler serves everything on the main port: WebSocket handshakes on any path
// below the base path, even if a proxy has removed part of it, the two health paths,
// the console, and the API. pages is the console; nil without it. model is the service
// model of the operations that Confab adds; nil without them.
func (s *Server) mainHandler(sockets, api, pages http.Handler, model []byte) http.Handler {
	base := basePath(s.cfg.BasePath)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		upgrade := upgrades(r) || rfc6455.UpgradeDropped(r)
		asSent, path := base.restore(r)
		health := reads(r) && (path == "/healthz" || path == "/readyz")
		// A handshake may be delayed for long. Other requests have a time limit.
		if !upgrade {
			front.LimitTime(w, r)
		}
		page := pages != nil && !upgrade && reads(r) && console.Serves(r, path)
		if (upgrade || health || page || r.Method == http.MethodOptions) && !front.DiscardBody(w, r) {
			return
		}
		if upgrade {
			if !base.socket(r.URL.EscapedPath()) {
				answer(w, http.StatusNotFound, "the WebSocket of this server is at "+string(base))
				return
			}
			sockets.ServeHTTP(w, r)
			return
		}
		switch {
		case health && path == "/healthz":
			answer(w, http.StatusOK, "ok")
		case health:
			s.ready(w, r)
		case page:
			pages.ServeHTTP(w, asSent)
		case model != nil && reads(r) && path == operation.Path+"service-2.json":
			w.Header().Set("Content-Type", "application/json")
			http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(model))
		default:
			api.ServeHTTP(w, asSent)
		}
	})
}

// upgrades reports whether the request asks for a WebSocket (RFC 6455, 4.2.1).
func upgrades(r *http.Request) bool {
	return slices.ContainsFunc(r.Header.Values("Upgrade"), func(v string) bool {
		return slices.ContainsFunc(strings.Split(v, ","), func(p string) bool {
			return strings.EqualFold(strings.TrimSpace(p), "websocket")
		})
	})
}

func reads(r *http.Request) bool { return r.Method == http.MethodGet || r.Method == http.MethodHead }

// ready reports whether load balancers may send clients here.
func (s *Server) ready(w http.ResponseWriter, r *http.Request) {
	if s.draining.Load() {
		answer(w, http.StatusServiceUnavailable, "draining")
		return
	}
	if s.node != nil {
		if err := cluster.Settled(r.Context(), s.node); err != nil {
			answer(w, http.StatusServiceUnavailable, err.Error())
			return
		}
	}
	ctx, cancel := context.WithTimeout(r.Context(), pingTimeout)
	defer cancel()
	if err := s.db.Ping(ctx); err != nil {
		if r.Context().Err() == nil { // A probe that has left is no sign of a database failure.
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

// adminHandler serves the admin port. It has no authentication: the port belongs on
// an address that only operators reach. It shows profiles if profiles is set.
func adminHandler(registry *prometheus.Registry, profiles bool) http.Handler {
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", promhttp.HandlerFor(registry, promhttp.HandlerOpts{Registry: registry}))
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) { answer(w, http.StatusOK, "ok") })
	if !profiles {
		return mux
	}
	mux.HandleFunc("/debug/pprof/", pprof.Index)
	mux.HandleFunc("/debug/pprof/cmdline", pprof.Cmdline)
	mux.HandleFunc("/debug/pprof/profile", pprof.Profile)
	mux.HandleFunc("/debug/pprof/symbol", pprof.Symbol)
	mux.HandleFunc("/debug/pprof/trace", pprof.Trace)
	return mux
}

// serves returns a function that reports whether the handshake with a head is for the
// endpoint. net/http, and so mainHandler, refuses the others. It is nil if all
// handshakes are.
func (s *Server) serves(guard *devGuard) func(head []byte) bool {
	base := basePath(s.cfg.BasePath)
	switch {
	case guard == nil && base == "":
		return nil
	case guard == nil:
		return base.handshake
	default:
		return func(head []byte) bool { return guard.head(head) && (base == "" || base.handshake(head)) }
	}
}
