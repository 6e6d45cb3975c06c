// Package origin decides which web pages may call the server, by the headers that browsers
// send: Host, and Origin (RFC 6454).
package origin

import (
	"net"
	"net/netip"
	"net/url"
	"slices"
	"strings"
)

// Names in a List that stand for many origins.
const (
	Any      = "*"
	Loopback = "loopback" // pages of this machine, on any port
)

// List is a list of origins such as https://chat.example.com, with Any and
// Loopback.
type List []string

// Any reports whether the list allows every origin.
func (l List) Any() bool { return slices.Contains(l, Any) }

// Allows reports whether pages of the origin are on the list.
func (l List) Allows(origin string) bool {
	return l.Any() || slices.Contains(l, origin) && origin != Loopback || slices.Contains(l, Loopback) && isLoopback(origin)
}

func isLoopback(origin string) bool {
	u, err := url.Parse(origin)
	return err == nil && LoopbackHost(u.Host)
}

// LoopbackHost reports whether a Host header, with or without a port, names this
// machine: localhost, a name below it (RFC 6761, section 6.3), or a loopback
// address. Any other name may resolve to a loopback address, too, which is how a
// web page reaches a server on its visitor's machine (DNS rebinding).
func LoopbackHost(host string) bool {
	name, _, err := net.SplitHostPort(host)
	if err != nil { // There is no port.
		name = host
		if inner, bracket := strings.CutPrefix(host, "["); bracket {
			if name, bracket = strings.CutSuffix(inner, "]"); !bracket {
				return false
			}
		}
	}
	name = strings.TrimSuffix(strings.ToLower(name), ".")
	if name == "localhost" || strings.HasSuffix(name, ".localhost") {
		return true
	}
	a, err := netip.ParseAddr(name)
	return err == nil && a.Zone() == "" && a.Unmap().IsLoopback() // A zone may hold any text.
}
