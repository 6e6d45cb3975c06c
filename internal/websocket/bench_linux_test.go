package websocket

import (
	"bytes"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"runtime"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"

	"confab/internal/rfc6455"
	"confab/internal/transport"
)

// drain reads from many sockets and counts the bytes, in one goroutine, whose cost is
// the same for both sides of a comparison.
type drain struct {
	epoll int
	count atomic.Int64
	want  atomic.Int64
	got   chan struct{}
	stop  atomic.Bool
	done  chan struct{}
}

func newDrain(b *testing.B) *drain {
	fd, err := unix.EpollCreate1(unix.EPOLL_CLOEXEC)
	if err != nil {
		b.Fatal(err)
	}
	d := &drain{epoll: fd, got: make(chan struct{}, 1), done: make(chan struct{})}
	go d.run()
	b.Cleanup(func() {
		d.stop.Store(true)
		<-d.done
		unix.Close(fd)
	})
	return d
}

func (d *drain) run() {
	defer close(d.done)
	runtime.LockOSThread()
	events := make([]unix.EpollEvent, 256)
	buf := make([]byte, 256<<10)
	for !d.stop.Load() {
		n, _ := unix.EpollWait(d.epoll, events, 50)
		for _, ev := range events[:max(n, 0)] {
			got, _, errno := unix.RawSyscall(unix.SYS_READ, uintptr(ev.Fd), uintptr(unsafe.Pointer(&buf[0])), uintptr(len(buf)))
			if errno != 0 || got == 0 {
				unix.EpollCtl(d.epoll, unix.EPOLL_CTL_DEL, int(ev.Fd), nil) //nolint:errcheck // It is closed.
				continue
			}
			if d.count.Add(int64(got)) == d.want.Load() {
				d.got <- struct{}{}
			}
		}
	}
}

// add drains a connection.
func (d *drain) add(b *testing.B, c net.Conn) {
	fd := descriptor(b, c)
	ev := unix.EpollEvent{Events: unix.EPOLLIN, Fd: int32(fd)}
	if err := unix.EpollCtl(d.epoll, unix.EPOLL_CTL_ADD, int(fd), &ev); err != nil {
		b.Fatal(err)
	}
}

// descriptor returns the connection's descriptor, which stays open as long as the
// connection.
func descriptor(b *testing.B, c net.Conn) (fd uintptr) {
	raw, err := c.(syscall.Conn).SyscallConn()
	if err == nil {
		err = raw.Control(func(d uintptr) { fd = d })
	}
	if err != nil {
		b.Fatal(err)
	}
	return fd
}

// await expects n more bytes in total, calls send to send them, and waits for them.
func (d *drain) await(n int, send func()) {
	d.want.Add(int64(n))
	send()
	<-d.got
}

// pairs connects n sockets over loopback. The caller must close the servers; the end
// of the benchmark closes the clients.
func pairs(b *testing.B, n int) (servers, clients []net.Conn) {
	b.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	defer l.Close()
	for range n {
		c, err := net.Dial("tcp", l.Addr().String())
		if err != nil {
			b.Fatal(err)
		}
		s, err := l.Accept()
		if err != nil {
			b.Fatal(err)
		}
		clients, servers = append(clients, c), append(servers, s)
		b.Cleanup(func() { c.Close() })
	}
	return servers, clients
}

// securePairs is pairs over TLS, after the handshakes.
func securePairs(b *testing.B, n int) (servers, clients []net.Conn) {
	b.Helper()
	config, client := certified()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	defer l.Close()
	listener := transport.NewTLSListener(l, config)
	for range n {
		tcp, err := net.Dial("tcp", l.Addr().String())
		if err != nil {
			b.Fatal(err)
		}
		c := tls.Client(tcp, client.Transport.(*http.Transport).TLSClientConfig)
		made := make(chan error, 1)
		go func() { made <- c.Handshake() }()
		s, err := listener.Accept()
		if err != nil {
			b.Fatal(err)
		}
		if err := errors.Join(s.(*tls.Conn).Handshake(), <-made); err != nil {
			b.Fatal(err)
		}
		clients, servers = append(clients, c), append(servers, s)
		b.Cleanup(func() { c.Close() })
	}
	return servers, clients
}

// BenchmarkDeliver measures a delivery to 1,000 connections, one at a time, and
// compares it to a loop that only writes to them.
func BenchmarkDeliver(b *testing.B) {
	for _, way := range ways {
		b.Run(way.name, func(b *testing.B) { benchmarkDeliver(b, way.options) })
	}
}

// ways are the ways to write to many sockets.
var ways = []struct {
	name    string
	options Options
}{
	{"io_uring", Options{IOURing: true}},
	{"io_submit", Options{IOSubmit: true}},
	{"write", Options{}},
}

func benchmarkDeliver(b *testing.B, o Options) {
	const members = 1000
	frame := rfc6455.AppendFrame(nil, rfc6455.Text, bytes.Repeat([]byte{'x'}, 304))
	d := newDrain(b)

	bare, clients := pairs(b, members)
	var fds []uintptr
	for i, c := range bare {
		d.add(b, clients[i])
		fds = append(fds, descriptor(b, c))
		b.Cleanup(func() { c.Close() })
	}
	o.Loops, o.PingInterval = 1, -1
	s := NewServer(o, handler{})
	b.Cleanup(s.Close)
	g := s.NewGroup()
	served, clients := pairs(b, members)
	for i, c := range served {
		d.add(b, clients[i])
		if _, err := s.Attach(Attachment{Conn: c, Group: g}); err != nil {
			b.Fatal(err)
		}
	}
	plain := func() {
		d.await(members*len(frame), func() {
			for _, fd := range fds {
				if n, _, errno := unix.RawSyscall(unix.SYS_WRITE, fd, uintptr(unsafe.Pointer(&frame[0])), uintptr(len(frame))); errno != 0 || int(n) < len(frame) {
					b.Errorf("wrote %d bytes, %v", n, errno)
				}
			}
		})
	}
	deliver := func() {
		d.await(members*len(frame), func() { g.Deliver(frame[4:]) })
	}
	for range 20 {
		plain()
		deliver()
	}
	var plainTime, deliverTime time.Duration
	b.ResetTimer()
	for b.Loop() {
		begin := time.Now()
		plain()
		middle := time.Now()
		deliver()
		plainTime += middle.Sub(begin)
		deliverTime += time.Since(middle)
	}
	perDelivery := func(t time.Duration) float64 { return float64(t.Nanoseconds()) / float64(b.N) / members }
	b.ReportMetric(perDelivery(plainTime), "floor-ns/delivery")
	b.ReportMetric(perDelivery(deliverTime), "ns/delivery")
	b.ReportMetric(float64(deliverTime)/float64(plainTime), "ratio")
	b.ReportMetric(0, "ns/op")
}

// BenchmarkAttach measures the cost to attach a connection and to release it.
func BenchmarkAttach(b *testing.B) {
	closed := make(chan struct{}, 1)
	s := NewServer(Options{Loops: 1, IOURing: true}, handler{closed: func(*Conn, error) { closed <- struct{}{} }})
	b.Cleanup(s.Close)
	g := s.NewGroup()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { l.Close() })
	response := []byte("HTTP/1.1 101 Switching Protocols\r\n\r\n")
	buf := make([]byte, len(response))
	b.ReportAllocs()
	for b.Loop() {
		b.StopTimer()
		client, err := net.Dial("tcp", l.Addr().String())
		if err != nil {
			b.Fatal(err)
		}
		server, err := l.Accept()
		if err != nil {
			b.Fatal(err)
		}
		b.StartTimer()
		if _, err := s.Attach(Attachment{Conn: server, Group: g, Response: response}); err != nil {
			b.Fatal(err)
		}
		if _, err := client.Read(buf); err != nil {
			b.Fatal(err)
		}
		client.Close()
		<-closed
	}
}

// BenchmarkIdle measures the memory of an idle connection, without the memory of the
// kernel.
func BenchmarkIdle(b *testing.B) {
	const members = 2000
	heap := func() float64 {
		runtime.GC()
		runtime.GC()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return float64(m.HeapAlloc + m.StackInuse)
	}
	for name, pairs := range map[string]func(*testing.B, int) ([]net.Conn, []net.Conn){"plain": pairs, "TLS": securePairs} {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				s := NewServer(Options{IOURing: true}, handler{})
				g := s.NewGroup()
				servers, clients := pairs(b, members)
				for i, c := range servers {
					if _, err := s.Attach(Attachment{Conn: c, Group: g, Response: []byte("x")}); err != nil {
						b.Fatal(err)
					}
					if _, err := clients[i].Read(make([]byte, 1)); err != nil {
						b.Fatal(err)
					}
				}
				attached := heap()
				s.Close()
				runtime.KeepAlive(g)
				s, g, servers = nil, nil, nil //nolint:ineffassign // Nothing must keep them.
				b.ReportMetric((attached-heap())/members, "B/conn")
				for _, c := range clients {
					c.Close()
				}
			}
		})
	}
}

// BenchmarkLoops measures the processor time of all threads for a delivery to 1,000
// connections, one message at a time, with one loop and with two. What reading costs does not
// count.
func BenchmarkLoops(b *testing.B) {
	for _, loops := range []int{1, 2} {
		for _, way := range ways {
			b.Run(fmt.Sprintf("loops=%d/%s", loops, way.name), func(b *testing.B) { benchmarkLoops(b, loops, way.options) })
		}
	}
}

func benchmarkLoops(b *testing.B, loops int, o Options) {
	// What is not read fits into the receive buffers.
	const members, messages = 1000, 50
	text := bytes.Repeat([]byte{'x'}, 304)
	o.Loops, o.PingInterval = loops, -1
	s := NewServer(o, handler{})
	b.Cleanup(s.Close)
	g := s.NewGroup()
	served, clients := pairs(b, members)
	for _, c := range served {
		if _, err := s.Attach(Attachment{Conn: c, Group: g}); err != nil {
			b.Fatal(err)
		}
	}
	// written waits until every loop has ended the round in which it writes.
	written := func() {
		for _, l := range s.loops {
			done := make(chan struct{})
			l.post(func() { l.post(func() { close(done) }) })
			<-done
		}
	}
	written()
	buf := make([]byte, messages*rfc6455.HeaderLen(len(text))+messages*len(text))
	var spent time.Duration
	for b.Loop() {
		begin := processorTime(b)
		for range messages {
			g.Deliver(text)
			written()
		}
		spent += processorTime(b) - begin
		for _, c := range clients {
			if _, err := io.ReadFull(c, buf); err != nil {
				b.Fatal(err)
			}
		}
	}
	b.ReportMetric(float64(spent.Nanoseconds())/float64(b.N)/members/messages, "cpu-ns/delivery")
	b.ReportMetric(0, "ns/op")
}

// processorTime returns what this process has used.
func processorTime(b *testing.B) time.Duration {
	var t unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_PROCESS_CPUTIME_ID, &t); err != nil {
		b.Fatal(err)
	}
	return time.Duration(t.Nano())
}
