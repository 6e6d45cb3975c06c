//go:build !linux

package transport

import (
	"crypto/tls"
	"net"
)

// Only Linux has links without goroutines.

// NewTLSListener is tls.NewListener here. On Linux its connections need no goroutines.
func NewTLSListener(inner net.Listener, config *tls.Config) net.Listener {
	return tls.NewListener(inner, config)
}

// Open returns a poller for a loop.
func Open(l Loop, o *Options) (Poller, error) { return OpenGoroutines(l, o) }

type secure struct{}
