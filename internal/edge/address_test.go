package edge_test

import (
	"bufio"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil"

	"confab/internal/chat"
	"confab/internal/edge"
)

// behindProxy trusts the proxy on this machine, so that the X-Forwarded-For of a
// handshake is its client.
func behindProxy(o *edge.Options) {
	o.TrustedProxies = []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8"), netip.MustParsePrefix("::1/128")}
}

// send sends a handshake with an X-Forwarded-For and does not wait for the answer. The
// connection stays open.
func (n *node) send(t *testing.T, forwarded, token string) net.Conn {
	t.Helper()
	conn, err := new(net.Dialer).DialContext(t.Context(), "tcp", strings.TrimPrefix(n.server.URL, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	if err := conn.SetDeadline(time.Now().Add(15 * time.Second)); err != nil {
		t.Fatal(err)
	}
	fmt.Fprintf(conn, "GET / HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"+
		"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nX-Forwarded-For: %s\r\nSec-WebSocket-Protocol: %s\r\n\r\n", forwarded, token)
	return conn
}

// from does the same as send and returns the status.
func (n *node) from(t *testing.T, forwarded, token string) int {
	t.Helper()
	return statusOf(t, n.send(t, forwarded, token))
}

func statusOf(t *testing.T, conn net.Conn) int {
	t.Helper()
	res, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		t.Error(err)
		return 0
	}
	res.Body.Close()
	return res.StatusCode
}

// results returns how many handshakes had this result.
func (n *node) results(result string) float64 {
	return testutil.ToFloat64(n.metrics.Handshakes.WithLabelValues(result))
}

// Applications may give all anonymous viewers one user id.
func TestConnectRatePerUser_shared(t *testing.T) {
	for name, proxies := range map[string]func(*edge.Options){
		"of many addresses":                  behindProxy,
		"behind a proxy that is not trusted": func(*edge.Options) {},
	} {
		t.Run(name, func(t *testing.T) {
			n := start(t, proxies, func(o *edge.Options) { o.ConnectRatePerUser, o.ConnectRatePerAddress = 1, 2 })
			const viewers = 40
			begin := time.Now()
			var conns []net.Conn
			for i := range viewers {
				conns = append(conns, n.send(t, fmt.Sprintf("198.51.100.%d", i), n.token("viewer")))
			}
			for _, conn := range conns {
				if status := statusOf(t, conn); status != http.StatusSwitchingProtocols {
					t.Errorf("status %d", status)
				}
			}
			if took := time.Since(begin); took > 5*time.Second {
				t.Errorf("it took %v", took)
			}
		})
	}
	t.Run("one address is held to the rate", func(t *testing.T) {
		n := start(t, behindProxy, func(o *edge.Options) { o.ConnectRatePerUser = 1 })
		for range 60 {
			n.send(t, "198.51.100.1", n.token("viewer"))
		}
		eventually(t, func() bool { return n.results("ThrottlingException") > 30 })
	})
}

func TestConnectRatePerAddress_IPv6(t *testing.T) {
	n := start(t, behindProxy, func(o *edge.Options) { o.ConnectRatePerAddress = 1 })
	for i := range 60 {
		n.send(t, fmt.Sprintf("2001:db8:0:1::%x", i+1), n.token(fmt.Sprintf("u%d", i)))
	}
	eventually(t, func() bool { return n.results("ThrottlingException") > 30 })
	if status := n.from(t, "2001:db8:0:2::1", n.token("ann")); status != http.StatusSwitchingProtocols {
		t.Errorf("the next /64 gets %d", status)
	}
}

func TestMaxConnectionsPerAddress_IPv6(t *testing.T) {
	n := start(t, behindProxy, func(o *edge.Options) { o.MaxConnectionsPerAddress = 2 })
	for i, want := range []int{http.StatusSwitchingProtocols, http.StatusSwitchingProtocols, http.StatusTooManyRequests} {
		if status := n.from(t, fmt.Sprintf("2001:db8:0:1::%x", i+1), n.token("ann")); status != want {
			t.Errorf("connection %d gets %d, want %d", i+1, status, want)
		}
	}
	if status := n.from(t, "::ffff:192.0.2.1", n.token("ann")); status != http.StatusSwitchingProtocols {
		t.Errorf("an IPv4 address gets %d", status)
	}
}

// A token that cannot be used counts against the address that presents it.
func TestUnusableTokens(t *testing.T) {
	unusable := map[string]func(n *node) string{
		"spent": func(n *node) string {
			token := n.token("ann")
			if status := n.from(t, "198.51.100.1", token); status != http.StatusSwitchingProtocols {
				t.Fatalf("the first use gets %d", status)
			}
			return token
		},
		"spent elsewhere": func(n *node) string {
			token := n.token("ann")
			if err := n.Redeem(t.Context(), n.tokens[token], netip.Addr{}); err != nil {
				t.Fatal(err)
			}
			return token
		},
		"expired": func(n *node) string { return n.token("ann", func(c *chat.Token) { c.Expires = c.IssuedAt }) },
		"garbage": func(*node) string { return "garbage" },
	}
	for name, issue := range unusable {
		t.Run(name, func(t *testing.T) {
			n := start(t, behindProxy, func(o *edge.Options) { o.ConnectRatePerUser, o.ConnectRatePerAddress = 1, 20 })
			token := issue(n)
			for i := range 20 {
				if status := n.from(t, "198.51.100.1", token); status != http.StatusUnauthorized {
					t.Fatalf("use %d gets %d", i, status)
				}
			}
			begin := time.Now()
			if status := n.from(t, "198.51.100.1", n.token("ann")); status != http.StatusSwitchingProtocols {
				t.Errorf("a fresh token gets %d", status)
			}
			if took := time.Since(begin); took > 5*time.Second { // It would be refused, or wait for 20 turns.
				t.Errorf("a fresh token waited %v", took)
			}
		})
		t.Run(name+" from many connections at once", func(t *testing.T) {
			n := start(t, behindProxy, func(o *edge.Options) { o.ConnectRatePerAddress = 1 })
			token := issue(n)
			for range 60 {
				n.send(t, "198.51.100.1", token)
			}
			eventually(t, func() bool { return n.results("ThrottlingException") > 30 })
		})
	}
}
