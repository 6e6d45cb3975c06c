package logging

import (
	"context"
	"io"
	"net"
	"net/url"
	"sync"
	"testing"
)

// door stands before a server. While it is shut, connections are refused, and
// those that were open have been cut wherever they were.
type door struct {
	URL     string
	address string
	target  string

	mu       sync.Mutex
	listener net.Listener // nil while it is shut
	conns    map[net.Conn]bool
}

func newDoor(t testing.TB, endpoint string) *door {
	t.Helper()
	d := &door{address: "127.0.0.1:0", target: must(url.Parse(endpoint))(t).Host, conns: map[net.Conn]bool{}}
	if err := d.open(t.Context()); err != nil {
		t.Fatal(err)
	}
	d.URL = "http://" + d.address
	t.Cleanup(d.shut)
	return d
}

func (d *door) open(ctx context.Context) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.listener != nil {
		return nil
	}
	l, err := new(net.ListenConfig).Listen(ctx, "tcp", d.address)
	if err != nil {
		return err
	}
	d.listener, d.address = l, l.Addr().String()
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go d.carry(l, c)
		}
	}()
	return nil
}

// carry copies one connection both ways until either side ends.
func (d *door) carry(l net.Listener, in net.Conn) {
	defer in.Close()
	out, err := net.Dial("tcp", d.target)
	if err != nil {
		return
	}
	defer out.Close()
	d.mu.Lock()
	if d.listener != l {
		d.mu.Unlock()
		return
	}
	d.conns[in], d.conns[out] = true, true
	d.mu.Unlock()
	defer func() {
		d.mu.Lock()
		defer d.mu.Unlock()
		delete(d.conns, in)
		delete(d.conns, out)
	}()
	go func() {
		_, _ = io.Copy(out, in) // That it ends is all that counts.
		out.Close()
	}()
	_, _ = io.Copy(in, out)
}

func (d *door) shut() {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.listener == nil {
		return
	}
	d.listener.Close()
	d.listener = nil
	for c := range d.conns {
		c.Close()
	}
}
