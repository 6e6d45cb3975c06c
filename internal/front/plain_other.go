//go:build !linux

package front

import "net"

// AcceptPlain returns ln: only Linux has event loops that take over descriptors.
func AcceptPlain(ln net.Listener) (net.Listener, error) { return ln, nil }

// backlog is unknown here.
func (*Listeners) backlog() int { return 0 }
