//go:build !linux

package websocket

import (
	"errors"
	"net"
)

// Only Linux has a transport without goroutines.

func openPoller() (poller, error) { return newBell(), nil }

func (l *loop) adopt(c *Conn, n net.Conn) error {
	c.transport = newStream(n)
	return nil
}

type vectors struct{}

// writeSocket is for members with a descriptor.
func writeSocket(int32, [][]byte, *vectors) (int, error) { return 0, errors.ErrUnsupported }
