package app

import (
	"fmt"
	"log/slog"
	"net/http"
	"strings"

	"github.com/go-json-experiment/json"

	"confab/internal/front"
	"confab/internal/origin"
	"confab/internal/rfc6455"
)

// devGuard rejects requests from web pages of other origins to a server of --dev. The
// server's credentials are public, so any page that its developer visits could call
// it.
type devGuard struct {
	origins origin.List
	log     *slog.Logger
}

// refusal returns why a request is refused; it is empty for an allowed one.
func (g *devGuard) refusal(host, from string) string {
	switch {
	case !origin.LoopbackHost(host):
		return fmt.Sprintf("A server of --dev answers requests for localhost and loopback addresses only, and the Host of this one is %.100q; call it as localhost or 127.0.0.1, or run confab serve without --dev", host)
	case from == "" || g.origins.Allows(from) || sameOrigin(from, host):
		return ""
	default:
		return fmt.Sprintf("A server of --dev answers web pages of this machine only, and the Origin of this one is %.100q; allow it with --cors-origins %[1]s", from)
	}
}

// sameOrigin reports whether a page comes from this server.
func sameOrigin(from, host string) bool {
	_, authority, _ := strings.Cut(from, "://")
	return authority == host
}

// head reports whether the handshake with this head is allowed.
func (g *devGuard) head(head []byte) bool {
	return g.refusal(rfc6455.HeadValue(head, "Host"), rfc6455.HeadValue(head, "Origin")) == ""
}

// handler refuses requests that are not allowed.
func (g *devGuard) handler(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		why := g.refusal(r.Host, strings.Join(r.Header["Origin"], ","))
		if why == "" {
			next.ServeHTTP(w, r)
			return
		}
		if !front.DiscardBody(w, r) {
			return
		}
		g.log.LogAttrs(r.Context(), slog.LevelWarn, "Request refused by --dev", slog.String("host", r.Host), slog.String("origin", r.Header.Get("Origin")))
		body, _ := json.Marshal(map[string]string{"message": why}) // It is UTF-8, because it is quoted.
		h := w.Header()
		h.Set("Content-Type", "application/json")
		h.Set("X-Amzn-Errortype", "AccessDeniedException")
		w.WriteHeader(http.StatusForbidden)
		w.Write(body) //nolint:errcheck // A client that is gone does not care.
	})
}
