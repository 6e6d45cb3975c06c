// Package faultproxy is a TCP proxy that tests put in front of a server to cause network
// faults: it refuses connections, cuts open ones, or delays them.
package faultproxy

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/Shopify/toxiproxy/v2"
	"github.com/rs/zerolog"
)

// Proxy is one proxy. All methods may be called from any goroutine.
type Proxy struct {
	// Address is where clients connect, Port its port.
	Address, Port string

	proxy *toxiproxy.Proxy
}

var server = toxiproxy.NewServer(toxiproxy.NewMetricsContainer(nil), zerolog.Nop())

// New starts a proxy on a port of the host's for the upstream.
func New(host, upstream string) (*Proxy, error) {
	p := toxiproxy.NewProxy(server, upstream, net.JoinHostPort(host, "0"), upstream)
	if err := p.Start(); err != nil {
		return nil, err
	}
	_, port, err := net.SplitHostPort(p.Listen)
	if err != nil {
		return nil, err
	}
	return &Proxy{Address: p.Listen, Port: port, proxy: p}, nil
}

// Serve starts a proxy on the loopback address, which the end of the test stops.
func Serve(t testing.TB, upstream string) *Proxy {
	t.Helper()
	p, err := New("127.0.0.1", upstream)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.Cut)
	return p
}

// Cut closes all connections and refuses new ones.
func (p *Proxy) Cut() { p.proxy.Stop() }

// Restore accepts connections again, at the same address, after Cut.
func (p *Proxy) Restore() error {
	if err := p.proxy.Start(); err != nil && !errors.Is(err, toxiproxy.ErrProxyAlreadyStarted) {
		return err
	}
	return nil
}

// Delay adds latency to what the upstream answers, with a tenth of jitter. The
// kernel's own way, netem, is missing in many machines.
func (p *Proxy) Delay(latency time.Duration) error {
	ms := latency.Milliseconds()
	_, err := p.proxy.Toxics.AddToxicJson(strings.NewReader(fmt.Sprintf(
		`{"type":"latency","stream":"downstream","attributes":{"latency":%d,"jitter":%d}}`, ms, ms/10)))
	return err
}

// EndDelay takes all latency away.
func (p *Proxy) EndDelay(ctx context.Context) { p.proxy.Toxics.ResetToxics(ctx) }
