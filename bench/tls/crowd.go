//go:build linux

package main

import (
	"bytes"
	"context"
	"crypto/tls"
	"fmt"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"confab/bench/load"
)

// crowd are the clients.
type crowd struct {
	deliveries atomic.Int64
	ended      atomic.Int64 // connections that the server has ended

	mu      sync.Mutex // guards conns and failed while connect runs
	conns   []net.Conn
	failed  error
	readers sync.WaitGroup
}

// connectsAtOnce is how many handshakes are under way.
const connectsAtOnce = 64

// connect connects a client for each token, over TLS unless config is nil.
func (c *crowd) connect(address string, config *tls.Config, tokens []string) error {
	var next atomic.Int64
	var all sync.WaitGroup
	for range min(connectsAtOnce, len(tokens)) {
		all.Go(func() {
			for i := int(next.Add(1)) - 1; i < len(tokens); i = int(next.Add(1)) - 1 {
				conn, err := dial(address, config, tokens[i])
				c.mu.Lock()
				if err != nil {
					c.failed = err
					next.Store(int64(len(tokens)))
				} else {
					c.conns = append(c.conns, conn)
					c.readers.Go(func() { c.read(conn) })
				}
				c.mu.Unlock()
			}
		})
	}
	all.Wait()
	return c.failed
}

// dial connects one client.
func dial(address string, config *tls.Config, token string) (net.Conn, error) {
	conn, err := (&net.Dialer{}).DialContext(context.Background(), "tcp", address)
	if err != nil {
		return nil, err
	}
	// It ends with a reset, so that no port waits.
	if err := conn.(*net.TCPConn).SetLinger(0); err != nil { //nolint:forcetypeassert // That is what tcp is.
		conn.Close()
		return nil, err
	}
	if config != nil {
		conn = tls.Client(conn, config)
	}
	if err := upgrade(conn, token); err != nil {
		conn.Close()
		return nil, err
	}
	return conn, nil
}

// upgrade makes the handshake. Nothing comes behind its answer yet.
func upgrade(conn net.Conn, token string) error {
	if _, err := conn.Write(load.Request("/", token)); err != nil {
		return fmt.Errorf("write a handshake: %w", err)
	}
	buf := make([]byte, 4096)
	n, err := conn.Read(buf)
	if err != nil {
		return fmt.Errorf("read the answer to a handshake: %w", err)
	}
	if !bytes.HasPrefix(buf[:n], []byte("HTTP/1.1 101")) {
		return fmt.Errorf("the handshake was answered with %.60q", buf[:n])
	}
	return nil
}

// read counts what a client receives, and answers pings.
func (c *crowd) read(conn net.Conn) {
	ping, pong := []byte{0x89, 0}, load.AppendFrame(nil, 0xA, nil)
	buf := make([]byte, 8<<10)
	for {
		n, err := conn.Read(buf)
		if err != nil {
			c.ended.Add(1)
			return
		}
		c.deliveries.Add(int64(bytes.Count(buf[:n], []byte("#"))))
		if bytes.Contains(buf[:n], ping) {
			if _, err := conn.Write(pong); err != nil {
				c.ended.Add(1)
				return
			}
		}
	}
}

// send sends at the rate for so long, and waits for what is under way.
func (c *crowd) send(rate int, d time.Duration) error {
	tick := time.NewTicker(time.Second / time.Duration(rate))
	defer tick.Stop()
	frame := load.AppendFrame(nil, 1, []byte(`{"Action":"SEND_MESSAGE","Content":"#`+strings.Repeat("x", 110)+`"}`))
	want := c.deliveries.Load()
	for i := range int(d.Seconds() * float64(rate)) {
		<-tick.C
		if _, err := c.conns[i%len(c.conns)].Write(frame); err != nil {
			return err
		}
		want += int64(len(c.conns))
	}
	for end := time.Now().Add(15 * time.Second); c.deliveries.Load() < want; {
		if time.Now().After(end) {
			return fmt.Errorf("%d deliveries are missing", want-c.deliveries.Load())
		}
		<-tick.C
	}
	return nil
}

// close ends all clients.
func (c *crowd) close() {
	for _, conn := range c.conns {
		conn.Close()
	}
	c.readers.Wait()
}
