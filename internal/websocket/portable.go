//go:build !linux

package websocket

import (
	"crypto/tls"
	"net"
)

// Only Linux has transports without goroutines.

// NewTLSListener is tls.NewListener here. On Linux its connections need no goroutines.
func NewTLSListener(inner net.Listener, config *tls.Config) net.Listener {
	return tls.NewListener(inner, config)
}

func openPoller(*Options) (poller, error) { return newGoroutinePoller(), nil }

func (l *loop) adopt(c *Conn, n net.Conn) error {
	c.transport = newStream(n)
	return nil
}
