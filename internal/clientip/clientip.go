// Package clientip finds out who really called: the address behind proxies that
// the operator trusts, and whether the way was encrypted.
package clientip

import (
	"net/http"
	"net/netip"
	"strings"
)

// From returns the address of the client that made r. When r comes from a
// trusted proxy it is the right-most address of X-Forwarded-For that is not a
// trusted proxy itself: everything left of it the client could have made up. An
// entry that is not an address ends the search at the proxy that added it.
// IPv4-mapped addresses come back as IPv4, zones are cut. The result is invalid
// when r did not come over IP.
func From(r *http.Request, trusted []netip.Prefix) netip.Addr {
	// Several headers are one list (RFC 9110, section 5.3).
	return Of(r.RemoteAddr, strings.Join(r.Header["X-Forwarded-For"], ","), trusted)
}

// Of is From for a request from the remote address, which may have a port, whose
// X-Forwarded-For is forwarded.
func Of(remote, forwarded string, trusted []netip.Prefix) netip.Addr {
	client := parse(remote)
	if !contains(trusted, client) {
		return client
	}
	hops := strings.Split(forwarded, ",")
	for len(hops) > 0 {
		hop := parse(strings.TrimSpace(hops[len(hops)-1]))
		hops = hops[:len(hops)-1]
		if !hop.IsValid() {
			break
		}
		client = hop
		if !contains(trusted, hop) {
			break
		}
	}
	return client
}

// Secure says whether r came over TLS, to us or to a trusted proxy that says so
// in X-Forwarded-Proto.
func Secure(r *http.Request, trusted []netip.Prefix) bool {
	if r.TLS != nil {
		return true
	}
	return contains(trusted, parse(r.RemoteAddr)) && strings.EqualFold(r.Header.Get("X-Forwarded-Proto"), "https")
}

// parse reads an address with or without a port; IPv6 may stand in brackets.
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
