package edge

import (
	"context"
	"log/slog"
	"net/netip"

	"confab/internal/clientip"
)

// client is where a handshake comes from.
type client struct {
	ip    netip.Addr
	limit string // the name under which limits per address count it
}

// client finds out who is at remote. A proxy that is not trusted is logged once.
func (e *Endpoint) client(ctx context.Context, remote, forwarded string) client {
	ip, limit, proxy := clientip.Limit(remote, forwarded, e.o.TrustedProxies)
	if proxy && e.sawProxy.CompareAndSwap(false, true) {
		e.o.Log.LogAttrs(ctx, slog.LevelWarn,
			"X-Forwarded-For comes from an address that is not trusted; if that is your proxy, name it in --trusted-proxies",
			slog.String("address", ip.String()))
	}
	return client{ip, limit}
}
