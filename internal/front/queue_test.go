package front

import (
	"errors"
	"net"
	"testing"
	"testing/synctest"
	"time"
)

// offered is a listener whose connections a test offers.
type offered struct {
	conns  chan net.Conn
	errs   chan error
	closed chan struct{}
}

func newOffered() offered {
	return offered{make(chan net.Conn, 64), make(chan error, 1), make(chan struct{})}
}

func (o offered) Accept() (net.Conn, error) {
	select {
	case conn := <-o.conns:
		return conn, nil
	case err := <-o.errs:
		return nil, err
	case <-o.closed:
		return nil, net.ErrClosed
	}
}

func (o offered) Close() error   { close(o.closed); return nil }
func (o offered) Addr() net.Addr { return &net.TCPAddr{} }

// numbered is a connection with a number.
type numbered struct {
	net.Conn
	n int
}

func (o offered) offer(from, to int) {
	for n := from; n <= to; n++ {
		o.conns <- numbered{n: n}
	}
}

// accepted returns the number of the next connection.
func accepted(t *testing.T, q *Queue) int {
	t.Helper()
	conn, err := q.Accept()
	if err != nil {
		t.Fatal(err)
	}
	return conn.(numbered).n
}

func TestQueue(t *testing.T) {
	test := func(name string, turns float64, do func(t *testing.T, o offered, q *Queue)) {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				o := newOffered()
				do(t, o, NewQueue(t.Context(), o, turns))
			})
		})
	}
	test("accepts ahead, in order", 0, func(t *testing.T, o offered, q *Queue) {
		o.offer(1, 3)
		synctest.Wait()
		if len(o.conns) != 3 {
			t.Error("it accepts before it is started")
		}
		q.Start()
		synctest.Wait()
		if len(o.conns) != 0 {
			t.Error("it does not accept ahead")
		}
		for want := 1; want <= 3; want++ {
			if n := accepted(t, q); n != want {
				t.Errorf("got %d, want %d", n, want)
			}
		}
		q.Close()
	})
	test("a rate gives turns to the oldest and the newest", 10, func(t *testing.T, o offered, q *Queue) {
		o.offer(1, 4)
		q.Start()
		synctest.Wait()
		begin := time.Now()
		for _, want := range []int{1, 4, 2} {
			if n := accepted(t, q); n != want {
				t.Errorf("got %d, want %d", n, want)
			}
		}
		o.offer(5, 5)
		synctest.Wait()
		for _, want := range []int{5, 3} {
			if n := accepted(t, q); n != want {
				t.Errorf("got %d, want %d", n, want)
			}
		}
		if took := time.Since(begin).Round(time.Millisecond); took != 400*time.Millisecond { // One is free.
			t.Errorf("five turns at 10 a second took %s", took)
		}
		q.Close()
	})
	test("what was accepted is served after the end", 0.001, func(t *testing.T, o offered, q *Queue) {
		o.offer(1, 3)
		q.Start()
		synctest.Wait()
		first := accepted(t, q)
		done := make(chan int)
		go func() { done <- accepted(t, q) }()
		synctest.Wait() // It waits for its turn.
		q.Close()
		if second, third := <-done, accepted(t, q); first+second+third != 6 {
			t.Errorf("got %d, %d, %d", first, second, third)
		}
		for range 2 {
			if _, err := q.Accept(); !errors.Is(err, net.ErrClosed) {
				t.Errorf("then %v", err)
			}
		}
	})
	test("an end without a start", 0, func(t *testing.T, _ offered, q *Queue) {
		q.Close()
		q.Start()
		if _, err := q.Accept(); !errors.Is(err, net.ErrClosed) {
			t.Errorf("got %v", err)
		}
	})
	test("an error comes after the connections, and once", 0, func(t *testing.T, o offered, q *Queue) {
		o.offer(1, 1)
		q.Start()
		synctest.Wait()
		o.errs <- errors.ErrUnsupported
		synctest.Wait()
		o.offer(2, 2)
		if n := accepted(t, q); n != 1 {
			t.Errorf("got %d", n)
		}
		if _, err := q.Accept(); !errors.Is(err, errors.ErrUnsupported) {
			t.Errorf("got %v", err)
		}
		if n := accepted(t, q); n != 2 {
			t.Errorf("got %d", n)
		}
		q.Close()
	})
	test("an error that is not seen does not outlast the end", 0, func(t *testing.T, o offered, q *Queue) {
		q.Start()
		o.errs <- errors.ErrUnsupported
		synctest.Wait()
		q.Close()
		for range 2 {
			if _, err := q.Accept(); err == nil {
				t.Error("no error")
			}
		}
	})
}
