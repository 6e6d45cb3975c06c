package clientip_test

import (
	"crypto/tls"
	"net/http/httptest"
	"net/netip"
	"testing"

	"confab/internal/clientip"
)

func TestFrom(t *testing.T) {
	trusted := []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("fd00::/8")}
	for _, c := range []struct {
		name, remote string
		forwarded    []string
		want         string
	}{
		{"no proxy", "192.0.2.1:4000", nil, "192.0.2.1"},
		{"an untrusted peer cannot name another address", "192.0.2.1:4000", []string{"198.51.100.7"}, "192.0.2.1"},
		{"a trusted proxy", "10.1.2.3:4000", []string{"198.51.100.7"}, "198.51.100.7"},
		{"addresses that the client made up are on the left", "10.1.2.3:4000", []string{"203.0.113.9, 198.51.100.7"}, "198.51.100.7"},
		{"a chain of trusted proxies", "10.1.2.3:4000", []string{"203.0.113.9, 198.51.100.7, 10.9.9.9"}, "198.51.100.7"},
		{"several headers are one list", "10.1.2.3:4000", []string{"203.0.113.9", "198.51.100.7,10.9.9.9"}, "198.51.100.7"},
		{"only trusted proxies", "10.1.2.3:4000", []string{"10.5.5.5, 10.9.9.9"}, "10.5.5.5"},
		{"a proxy without the header", "10.1.2.3:4000", nil, "10.1.2.3"},
		{"garbage ends the search", "10.1.2.3:4000", []string{"198.51.100.7, unknown, 10.9.9.9"}, "10.9.9.9"},
		{"an entry with a port", "10.1.2.3:4000", []string{"198.51.100.7:5555"}, "198.51.100.7"},
		{"IPv6", "[fd00::1]:4000", []string{"2001:db8::7"}, "2001:db8::7"},
		{"IPv6 in brackets", "[fd00::1]:4000", []string{"[2001:db8::7]"}, "2001:db8::7"},
		{"an IPv4-mapped proxy is the IPv4 proxy", "[::ffff:10.1.2.3]:4000", []string{"::ffff:198.51.100.7"}, "198.51.100.7"},
		{"a zone is cut", "[fe80::1%eth0]:4000", nil, "fe80::1"},
		{"not over IP", "@", nil, "invalid IP"},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := httptest.NewRequest("GET", "/", nil)
			r.RemoteAddr = c.remote
			for _, v := range c.forwarded {
				r.Header.Add("X-Forwarded-For", v)
			}
			if got := clientip.From(r, trusted).String(); got != c.want {
				t.Errorf("got %s, want %s", got, c.want)
			}
		})
	}
}

func TestSecure(t *testing.T) {
	trusted := []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")}
	for _, c := range []struct {
		name, remote, proto string
		tls, want           bool
	}{
		{"plain", "192.0.2.1:1", "", false, false},
		{"TLS", "192.0.2.1:1", "", true, true},
		{"a trusted proxy with TLS", "10.0.0.1:1", "https", false, true},
		{"a trusted proxy without", "10.0.0.1:1", "http", false, false},
		{"somebody's word", "192.0.2.1:1", "https", false, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := httptest.NewRequest("GET", "/", nil)
			r.RemoteAddr = c.remote
			r.Header.Set("X-Forwarded-Proto", c.proto)
			if c.tls {
				r.TLS = &tls.ConnectionState{}
			}
			if got := clientip.Secure(r, trusted); got != c.want {
				t.Errorf("got %v, want %v", got, c.want)
			}
		})
	}
}

func TestLimit(t *testing.T) {
	trusted := []netip.Prefix{netip.MustParsePrefix("10.9.0.0/16")}
	for name, c := range map[string]struct {
		remote, forwarded string
		want              string
		proxy             bool
	}{
		"an IPv4 address is a person":                     {"192.0.2.1:4000", "", "192.0.2.1/32", false},
		"a mapped address is the IPv4 address":            {"[::ffff:192.0.2.1]:4000", "", "192.0.2.1/32", false},
		"an IPv6 address is its /64":                      {"[2001:db8:1:2:3::4]:4000", "", "2001:db8:1:2::/64", false},
		"so is one behind a trusted proxy":                {"10.9.0.1:4000", "2001:db8:1:2:3::4", "2001:db8:1:2::/64", false},
		"a trusted proxy without the header is itself":    {"10.9.0.1:4000", "", "10.9.0.1/32", false},
		"a private proxy that is not trusted has clients": {"10.1.0.1:4000", "198.51.100.7, 192.0.2.1", "10.1.0.1/32 for 192.0.2.1/32", true},
		"also on the same machine":                        {"127.0.0.1:4000", "2001:db8::1", "127.0.0.1/32 for 2001:db8::/64", true},
		"also with an entry that is no address":           {"127.0.0.1:4000", "unknown", "127.0.0.1/32 for invalid Prefix", true},
		"also behind a trusted one":                       {"10.9.0.1:4000", "192.0.2.1, 10.1.0.1", "10.1.0.1/32 for 192.0.2.1/32", true},
		"a client of the Internet cannot claim clients":   {"192.0.2.1:4000", "198.51.100.7", "192.0.2.1/32", true},
		"neither can one behind a trusted proxy":          {"10.9.0.1:4000", "198.51.100.7, 192.0.2.1", "192.0.2.1/32", true},
		"what comes over no IP has a name of its own":     {"@", "", "invalid Prefix", false},
	} {
		t.Run(name, func(t *testing.T) {
			_, got, proxy := clientip.Limit(c.remote, c.forwarded, trusted)
			if got != c.want || proxy != c.proxy {
				t.Errorf("got %q, %v; want %q, %v", got, proxy, c.want, c.proxy)
			}
		})
	}
}
