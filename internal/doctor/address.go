package doctor

import (
	"context"
	"net/http"
	"net/netip"
	"time"

	"github.com/coder/websocket"

	"confab/internal/clientip"
	"confab/internal/command"
	"confab/internal/moderationops"
)

// forged is an address that no client has (RFC 5737).
var forged = netip.MustParseAddr("203.0.113.77")

// banPauses are the pauses between looks whether all nodes obey a new ban.
var banPauses = []time.Duration{0, 200 * time.Millisecond, 500 * time.Millisecond, time.Second}

// address finds out which address the server takes this machine for. No operation tells it. So
// the check bans addresses in its own room, and looks whether that keeps it out. From a
// loopback address there is nothing to find: a proxy on the same machine has it as well.
func (p *patient) address(ctx context.Context) (Finding, bool) {
	const name = "client addresses"
	if !p.made || !p.local.IsValid() || p.local.IsLoopback() || !p.ban(ctx, p.local) {
		return Finding{}, true
	}
	seen := p.refused(ctx, http.Header{})
	header := http.Header{"X-Forwarded-For": {forged.String()}}
	believed := false
	if seen {
		believed = !p.refused(ctx, header)
	} else if p.ban(ctx, forged) {
		believed = p.refused(ctx, header)
	}
	switch translated := clientip.Private(p.local) && !clientip.Private(p.remote); {
	case believed:
		return bad(name, "the server believes an X-Forwarded-For header that this machine made up, so clients can choose their address",
			"have the proxy replace the header (nginx: proxy_set_header X-Forwarded-For $remote_addr; HAProxy: http-request del-header X-Forwarded-For, option forwardfor; "+
				"Caddy: header_up X-Forwarded-For {remote_host}), and name only the proxy with --trusted-proxies"), true
	case seen:
		return ok(name, "the server sees the address %s of this machine", p.local)
	case translated:
		return ok(name, "an X-Forwarded-For header that this machine made up has no effect")
	}
	return bad(name, "the server does not see the address "+p.local.String()+" of this machine, so all clients may share the limits of one address",
		"have the proxy set X-Forwarded-For to the address of the client, and name the proxy with --trusted-proxies"), true
}

// ban bans an address in the room, which ends with the room. It reports false where the server
// has no bans, or the credentials may not make them.
func (p *patient) ban(ctx context.Context, a netip.Addr) bool {
	kind, addresses := "BAN", netip.PrefixFrom(a, a.BitLen()).String()
	_, err := command.Call[moderationops.BanOutput](ctx, p.API, "CreateBan",
		&moderationops.CreateBanInput{RoomIdentifier: &p.Room, Type: &kind, IPRange: &addresses})
	return err == nil
}

// refused reports whether a ban keeps a connection with the header out.
func (p *patient) refused(ctx context.Context, header http.Header) bool {
	for _, pause := range banPauses {
		select {
		case <-time.After(pause):
		case <-ctx.Done():
			return false
		}
		token, err := p.token(ctx, nil)
		if err != nil {
			return false
		}
		dialing, cancel := context.WithTimeout(ctx, checkTime)
		conn, res, err := websocket.Dial(dialing, p.API.MessagingURL(), &websocket.DialOptions{Subprotocols: []string{token}, HTTPHeader: header, HTTPClient: p.API.HTTP()})
		cancel()
		if err == nil {
			conn.CloseNow()
			continue
		}
		if res == nil {
			return false
		}
		res.Body.Close()
		return res.StatusCode == http.StatusForbidden
	}
	return false
}
