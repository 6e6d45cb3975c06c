package edge_test

import (
	"bufio"
	"context"
	"fmt"
	"net"
	"net/http"
	"sync/atomic"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil"

	"confab/internal/chat"
	"confab/internal/edge"
	"confab/internal/rfc6455"
)

// pair returns both ends of a connection over loopback.
func pair(t *testing.T) (client, server net.Conn) {
	t.Helper()
	ln, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	client, err = new(net.Dialer).DialContext(t.Context(), "tcp", ln.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { client.Close() })
	server, err = ln.Accept()
	if err != nil {
		t.Fatal(err)
	}
	return client, server
}

// A client that leaves while it is held keeps its token, however long it was held: the
// deadline of its head no longer applies.
func TestServeNoticesWhoLeaves(t *testing.T) {
	n := start(t, func(o *edge.Options) { o.MaxConnections = 1 })
	n.connect(t, n.token("ann"))
	client, conn := pair(t)
	if err := conn.SetReadDeadline(time.Unix(1, 0)); err != nil {
		t.Fatal(err)
	}
	served := make(chan bool, 1)
	upgrade := &rfc6455.Upgrade{Protocols: []string{n.token("bob")}}
	go func() {
		_, again := n.endpoint.Serve(conn, upgrade, "", nil)
		served <- again
	}()
	eventually(t, func() bool { return testutil.ToFloat64(n.metrics.HandshakesHeld) == 1 })
	client.Close()
	eventually(t, func() bool { return testutil.ToFloat64(n.metrics.Handshakes.WithLabelValues("lost")) == 1 })
	if <-served {
		t.Error("it may ask for something else")
	}
	if n.Spent() != 1 {
		t.Errorf("%d tokens are spent, want ann's", n.Spent())
	}
}

// A client that has closed only its own side still gets an answer.
func TestServeAnswersHalfClosed(t *testing.T) {
	n := start(t, func(o *edge.Options) { o.MaxConnections = 1 })
	n.connect(t, n.token("ann"))
	client, conn := pair(t)
	served := make(chan struct{})
	upgrade := &rfc6455.Upgrade{Protocols: []string{n.token("bob")}}
	go func() {
		defer close(served)
		n.endpoint.Serve(conn, upgrade, "", nil)
	}()
	eventually(t, func() bool { return testutil.ToFloat64(n.metrics.HandshakesHeld) == 1 })
	if err := client.(*net.TCPConn).CloseWrite(); err != nil {
		t.Fatal(err)
	}
	res, err := http.ReadResponse(bufio.NewReader(client), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusServiceUnavailable || !res.Close {
		t.Errorf("it is %s, %v", res.Status, res.Header)
	}
	<-served
}

// canceled opens no token.
type canceled struct{}

func (canceled) Open(context.Context, string) (*chat.Token, error) {
	return nil, fmt.Errorf("read the keys: %w", context.Canceled)
}

// A failure that only looks like the departure of the client is answered, too.
func TestServeAnswersCancellation(t *testing.T) {
	n := start(t, func(o *edge.Options) { o.Tokens = canceled{} })
	client, conn := pair(t)
	go n.endpoint.Serve(conn, &rfc6455.Upgrade{Protocols: []string{n.token("bob")}}, "", nil)
	res, err := http.ReadResponse(bufio.NewReader(client), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusInternalServerError {
		t.Errorf("it is %s", res.Status)
	}
}

// telling is a connection that knows whether its client has left.
type telling struct {
	*net.TCPConn
	left  atomic.Bool
	reads atomic.Int64
}

func (c *telling) Left() bool { return c.left.Load() }

func (c *telling) Read(p []byte) (int, error) {
	c.reads.Add(1)
	return c.TCPConn.Read(p)
}

// A handshake that waits shortly for its turn is not watched, which would cost more than
// the handshake. A client that has left by its turn keeps its token.
func TestServeWatchesLongWaitsOnly(t *testing.T) {
	for _, c := range []struct {
		name          string
		leaves, reads bool
		rate          float64
	}{
		{name: "a client that stays", rate: 4},
		{name: "a client that leaves", rate: 4, leaves: true},
		{name: "a long wait", rate: 0.05, leaves: true, reads: true},
	} {
		t.Run(c.name, func(t *testing.T) {
			n := start(t, func(o *edge.Options) { o.ConnectRate = c.rate })
			n.connect(t, n.token("ann"))
			client, server := pair(t)
			conn := &telling{TCPConn: server.(*net.TCPConn)}
			served := make(chan struct{})
			go func() {
				defer close(served)
				n.endpoint.Serve(conn, &rfc6455.Upgrade{Protocols: []string{n.token("bob")}}, "", nil)
			}()
			eventually(t, func() bool { return testutil.ToFloat64(n.metrics.HandshakesHeld) == 1 })
			if c.leaves {
				conn.left.Store(true)
				client.Close()
			}
			<-served
			if read := conn.reads.Load() > 0; read != c.reads {
				t.Errorf("the client was watched: %t", read)
			}
			lost, spent := 0, 2
			if c.leaves {
				lost, spent = 1, 1
			}
			if got := testutil.ToFloat64(n.metrics.Handshakes.WithLabelValues("lost")); int(got) != lost || n.Spent() != spent {
				t.Errorf("%v clients were lost and %d tokens are spent, want %d and %d", got, n.Spent(), lost, spent)
			}
		})
	}
}
