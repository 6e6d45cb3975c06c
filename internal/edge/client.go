package edge

import (
	"context"
	"log/slog"
	"net/netip"

	"confab/internal/clientip"
)

// client is the origin of a handshake.
type client struct {
	ip    netip.Addr
	limit string // its key in the limits per address
}

// client returns the client of a connection from remote. It logs an untrusted proxy once.
func (e *Endpoint) client(ctx context.Context, remote, forwarded string) client {
	ip, limit, proxy := clientip.Limit(remote, forwarded, e.o.TrustedProxies)
	if proxy && e.sawProxy.CompareAndSwap(false, true) {
		e.o.Log.LogAttrs(ctx, slog.LevelWarn,
			"X-Forwarded-For comes from an address that is not trusted; if that is your proxy, name it in --trusted-proxies",
			slog.String("address", ip.String()))
	}
	return client{ip, limit}
}
