package webhook

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"net/netip"
	"syscall"
)

// AddressError is the refusal of an address.
type AddressError struct{ Address netip.Addr }

// Error does not name the address: callers who gave a name need not learn what it is inside
// of the server's network.
func (e *AddressError) Error() string {
	return "the host of a webhook must have a public address; --webhook-allow allows other networks"
}

// refused are the networks that are not public: those of the IANA registries of
// special-purpose addresses that are not globally reachable, and those that carry an IPv4
// address to a translator or a tunnel (NAT64, 6to4, Teredo, IPv4-compatible).
var refused = prefixes(
	"0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12", "192.0.0.0/24",
	"192.0.2.0/24", "192.88.99.0/24", "192.168.0.0/16", "198.18.0.0/15", "198.51.100.0/24", "203.0.113.0/24",
	"224.0.0.0/4", "240.0.0.0/4",
	"::/96", "::ffff:0:0/96", "::ffff:0:0:0/96", "64:ff9b::/96", "64:ff9b:1::/48", "100::/64", "100:0:0:1::/64", "2001::/23",
	"2001:db8::/32", "2002::/16", "3fff::/20", "5f00::/16", "fc00::/7", "fe80::/10", "fec0::/10", "ff00::/8",
)

func prefixes(all ...string) (parsed []netip.Prefix) {
	for _, s := range all {
		parsed = append(parsed, netip.MustParsePrefix(s))
	}
	return parsed
}

// isatap are the bytes before the IPv4 address in an address of ISATAP (RFC 5214), which
// may have any prefix.
var isatap = [][]byte{{0x00, 0x00, 0x5e, 0xfe}, {0x02, 0x00, 0x5e, 0xfe}}

// Guard decides which addresses may be called.
type Guard struct {
	// Allow are networks that may be called although they are not public.
	Allow []netip.Prefix
	// Own returns the addresses of this machine; nil asks its interfaces.
	Own func() ([]net.Addr, error)
}

// Check returns an *AddressError for an address that must not be called.
func (g *Guard) Check(address netip.Addr) error {
	whole := address.WithZone("")
	plain := whole.Unmap()
	for _, p := range g.Allow {
		if p.Contains(plain) {
			return nil
		}
	}
	for _, p := range refused {
		if p.Contains(plain) || p.Contains(whole) {
			return &AddressError{address}
		}
	}
	if plain.Is6() {
		b := plain.As16()
		for _, mark := range isatap {
			if bytes.Equal(b[8:12], mark) {
				return &AddressError{address}
			}
		}
	}
	own := g.Own
	if own == nil {
		own = net.InterfaceAddrs
	}
	addresses, err := own()
	if err != nil {
		return fmt.Errorf("list the addresses of this machine: %w", err)
	}
	for _, a := range addresses {
		if n, ok := a.(*net.IPNet); ok {
			if ip, ok := netip.AddrFromSlice(n.IP); ok && ip.Unmap() == plain {
				return &AddressError{address}
			}
		}
	}
	return nil
}

// control is the hook of net.Dialer that sees each address directly before the connection
// is made.
func (g *Guard) control(_ context.Context, _, address string, _ syscall.RawConn) error {
	at, err := netip.ParseAddrPort(address)
	if err != nil {
		return fmt.Errorf("read the address of a webhook: %w", err)
	}
	return g.Check(at.Addr())
}
