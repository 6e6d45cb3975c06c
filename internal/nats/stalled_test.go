package nats_test

import (
	"io"
	"net"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"

	"confab/internal/nats"
)

// TestNATSThatStopsReading puts a proxy in front of NATS that stops forwarding, and
// publishes so much that the TCP buffers fill before a ping fails. Publishers hold
// locks of the cluster, so they must not block for long.
func TestNATSThatStopsReading(t *testing.T) {
	s := external(t, server.RANDOM_PORT)
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	stalled := make(chan struct{})
	go func() {
		client, err := ln.Accept()
		ln.Close() // It cannot come back.
		if err != nil {
			return
		}
		t.Cleanup(func() { client.Close() })
		upstream, err := net.Dial("tcp", s.Addr().String())
		if err != nil {
			return
		}
		t.Cleanup(func() { upstream.Close() })
		go io.Copy(client, upstream) //nolint:errcheck // It ends with the connections.
		buf := make([]byte, 4096)
		for {
			n, err := client.Read(buf)
			if err != nil {
				return
			}
			select {
			case <-stalled:
				return
			default:
				upstream.Write(buf[:n]) //nolint:errcheck // As above.
			}
		}
	}()
	c := open(t, nats.Options{Name: "a", URL: "nats://" + ln.Addr().String()})
	close(stalled)
	data := make([]byte, 32<<10)
	for began := time.Now(); err == nil; {
		before := time.Now()
		err = c.Publish("confab.frames.1", data)
		if took := time.Since(before); took > 5*time.Second {
			t.Fatalf("publish held its caller for %s: %v", took, err)
		}
		if time.Since(began) > 20*time.Second {
			t.Fatal("NATS does not read, and messages are accepted")
		}
	}
}
