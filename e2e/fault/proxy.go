//go:build linux

package fault

import (
	"context"
	"fmt"
	"net"
	"strings"
	"time"

	"github.com/Shopify/toxiproxy/v2"
	"github.com/rs/zerolog"

	"confab/internal/testbed/cluster"
)

// Proxy is a TCP proxy that adds latency, in front of the database or of a
// node's routes. This kernel's own way, netem, is missing in many machines.
type Proxy struct {
	proxy *toxiproxy.Proxy
	Port  string
}

var proxies = toxiproxy.NewServer(toxiproxy.NewMetricsContainer(nil), zerolog.Nop())

// NewProxy starts a proxy on a port of the host's for the upstream.
func NewProxy(host, upstream string) (*Proxy, error) {
	p := toxiproxy.NewProxy(proxies, upstream, net.JoinHostPort(host, "0"), upstream)
	if err := p.Start(); err != nil {
		return nil, err
	}
	_, port, err := net.SplitHostPort(p.Listen)
	if err != nil {
		return nil, err
	}
	return &Proxy{p, port}, nil
}

// Delay adds latency to what upstream answers, with a tenth of jitter.
func (p *Proxy) Delay(latency time.Duration) error {
	ms := latency.Milliseconds()
	_, err := p.proxy.Toxics.AddToxicJson(strings.NewReader(fmt.Sprintf(
		`{"type":"latency","stream":"downstream","attributes":{"latency":%d,"jitter":%d}}`, ms, ms/10)))
	return err
}

// Calm takes all latency away.
func (p *Proxy) Calm(ctx context.Context) { p.proxy.Toxics.ResetToxics(ctx) }

// Stop ends the proxy and all its connections; Start is the same proxy again.
func (p *Proxy) Stop() { p.proxy.Stop() }

// Start starts a proxy that was stopped, at the same address.
func (p *Proxy) Start() error { return p.proxy.Start() }

// RouteProxies puts a proxy between each pair of nodes, in the direction in
// which the connection is made.
func RouteProxies(ctx context.Context, n *Network) ([]*Proxy, error) {
	var all []*Proxy
	for from := range n.names {
		for to := range n.names {
			if from == to {
				continue
			}
			p, err := NewProxy(Gateway, net.JoinHostPort(RouteAddress(to), cluster.RoutePort))
			if err != nil {
				return all, err
			}
			all = append(all, p)
			if err := n.Redirect(ctx, from, to, p.Port); err != nil {
				return all, err
			}
			if err := n.Reset(ctx, from, to); err != nil {
				return all, err
			}
		}
	}
	return all, nil
}
