package edge

import (
	"context"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"strings"

	"confab/internal/clientip"
)

// client is the origin of a handshake.
type client struct {
	ip    netip.Addr
	limit string // its key in the limits per address
}

// client returns the client of a request.
func (e *Endpoint) client(r *http.Request) client {
	ip, limit, proxy := clientip.Limit(r.RemoteAddr, strings.Join(r.Header["X-Forwarded-For"], ","), e.o.TrustedProxies)
	return e.behind(r.Context(), ip, limit, proxy)
}

// clientOf returns the client of a connection whose handshake has this X-Forwarded-For.
func (e *Endpoint) clientOf(ctx context.Context, conn net.Conn, forwarded string) client {
	var remote netip.Addr
	if a, ok := conn.RemoteAddr().(*net.TCPAddr); ok {
		remote = a.AddrPort().Addr().Unmap().WithZone("")
	}
	ip, limit, proxy := clientip.LimitAddr(remote, forwarded, e.o.TrustedProxies)
	return e.behind(ctx, ip, limit, proxy)
}

// behind returns a client, and logs once that one is behind an untrusted proxy.
func (e *Endpoint) behind(ctx context.Context, ip netip.Addr, limit string, proxy bool) client {
	if proxy && e.sawProxy.CompareAndSwap(false, true) {
		e.o.Log.LogAttrs(ctx, slog.LevelWarn,
			"X-Forwarded-For comes from an address that is not trusted; if that is your proxy, name it in --trusted-proxies",
			slog.String("address", ip.String()))
	}
	return client{ip, limit}
}
