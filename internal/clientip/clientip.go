// Package clientip finds the address of the client of a request, behind proxies that the
// operator trusts, and whether the client's connection was encrypted.
package clientip

import (
	"net/http"
	"net/netip"
	"strings"
)

// From returns the address of the client that made r. When r comes from a trusted proxy
// it is the right-most address of X-Forwarded-For that is not a trusted proxy itself.
// The client could have made up everything left of it. An entry that is not an address
// ends the search at the proxy that added it. IPv4-mapped addresses are returned as
// IPv4, and zones are removed. The result is invalid when r did not come over IP.
func From(r *http.Request, trusted []netip.Prefix) netip.Addr {
	// Several headers form one list (RFC 9110, section 5.3).
	client, _ := split(parse(r.RemoteAddr), strings.Join(r.Header["X-Forwarded-For"], ","), trusted)
	return client
}

// split is From for a request from the remote address and its X-Forwarded-For. rest is the
// part of the header that the client itself sent.
func split(remote netip.Addr, forwarded string, trusted []netip.Prefix) (client netip.Addr, rest string) {
	client = remote
	for contains(trusted, client) && forwarded != "" {
		i := strings.LastIndexByte(forwarded, ',')
		hop := parse(strings.TrimSpace(forwarded[i+1:]))
		if !hop.IsValid() {
			break
		}
		client, forwarded = hop, forwarded[:max(i, 0)]
	}
	return client, forwarded
}

// Limit returns the client of a request as From does, and the name under which limits per
// address count it: its Block. Clients behind a proxy that --trusted-proxies does not name
// would share the limits of one address. So if a client in a private network sends
// X-Forwarded-For, the name also has the last address in the header, and proxy is true.
// From any other network the header changes nothing, because every client on the Internet
// can send one.
func Limit(remote, forwarded string, trusted []netip.Prefix) (client netip.Addr, name string, proxy bool) {
	return LimitAddr(parse(remote), forwarded, trusted)
}

// LimitAddr is Limit for a connection whose remote address is known as such: unmapped, and
// without a zone.
func LimitAddr(remote netip.Addr, forwarded string, trusted []netip.Prefix) (client netip.Addr, name string, proxy bool) {
	client, rest := split(remote, forwarded, trusted)
	name = Block(client).String()
	if rest == "" || contains(trusted, client) {
		return client, name, false
	}
	if Private(client) {
		last := rest[strings.LastIndexByte(rest, ',')+1:]
		name += " for " + Block(parse(strings.TrimSpace(last))).String()
	}
	return client, name, true
}

// Private reports whether a is loopback, link-local, or in a network that is not routed
// on the Internet.
func Private(a netip.Addr) bool {
	return a.IsLoopback() || a.IsPrivate() || a.IsLinkLocalUnicast() || shared.Contains(a)
}

// shared is the internal address space of carriers and clouds (RFC 6598).
var shared = netip.MustParsePrefix("100.64.0.0/10")

// Block returns the addresses that one client can choose from: a single IPv4 address,
// mapped or not, and the /64 around an IPv6 address.
func Block(a netip.Addr) netip.Prefix {
	a = a.Unmap()
	bits := a.BitLen()
	if a.Is6() {
		bits = 64
	}
	block, _ := a.Prefix(bits) // It fails only for an invalid address, which has no block.
	return block
}

// Secure reports whether r came over TLS, to us or to a trusted proxy that sets
// X-Forwarded-Proto.
func Secure(r *http.Request, trusted []netip.Prefix) bool {
	if r.TLS != nil {
		return true
	}
	return contains(trusted, parse(r.RemoteAddr)) && strings.EqualFold(r.Header.Get("X-Forwarded-Proto"), "https")
}

// parse parses an address with or without a port; IPv6 may be in brackets.
func parse(s string) netip.Addr {
	if ap, err := netip.ParseAddrPort(s); err == nil {
		return ap.Addr().Unmap().WithZone("")
	}
	a, err := netip.ParseAddr(strings.TrimSuffix(strings.TrimPrefix(s, "["), "]"))
	if err != nil {
		return netip.Addr{}
	}
	return a.Unmap().WithZone("")
}

func contains(prefixes []netip.Prefix, a netip.Addr) bool {
	for _, p := range prefixes {
		if p.Contains(a) {
			return true
		}
	}
	return false
}
