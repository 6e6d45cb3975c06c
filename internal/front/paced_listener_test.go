package front

import (
	"errors"
	"net"
	"testing"
	"testing/synctest"
	"time"
)

// flood is a listener that always has a connection until it is closed.
type flood struct{ closed chan struct{} }

func (f flood) Accept() (net.Conn, error) {
	select {
	case <-f.closed:
		return nil, net.ErrClosed
	default:
		conn, _ := net.Pipe()
		return conn, nil
	}
}

func (f flood) Close() error   { close(f.closed); return nil }
func (f flood) Addr() net.Addr { return &net.TCPAddr{} }

func TestPaced(t *testing.T) {
	// accepted returns how many connections are accepted within a second.
	accepted := func(t *testing.T, connects float64, tls bool) (n int) {
		t.Helper()
		synctest.Test(t, func(t *testing.T) {
			ln := Pace(t.Context(), flood{make(chan struct{})}, connects, tls)
			for start := time.Now(); time.Since(start) < time.Second; n++ {
				if _, err := ln.Accept(); err != nil {
					t.Fatal(err)
				}
			}
			ln.Close()
		})
		return n
	}
	if n := accepted(t, 1000, false); n < 4000 || n > 4100 {
		t.Errorf("%d were accepted in a second, want 4 for each connect", n)
	}
	if n := accepted(t, 1000, true); n < 1000 || n > 1050 {
		t.Errorf("%d were accepted with TLS in a second, want one for each connect", n)
	}
	t.Run("closing ends the wait", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			ln := Pace(t.Context(), flood{make(chan struct{})}, 0.001, true)
			done := make(chan error, 1)
			go func() {
				var err error
				for err == nil {
					_, err = ln.Accept()
				}
				done <- err
			}()
			synctest.Wait()
			ln.Close()
			if err := <-done; !errors.Is(err, net.ErrClosed) {
				t.Errorf("it ends with %v", err)
			}
		})
	})
}
