package front

import (
	"context"
	"errors"
	"io"
	"net"
	"os"
	"syscall"
	"testing"
	"time"

	"golang.org/x/net/nettest"
	"golang.org/x/sys/unix"
)

// plainPort is a listener of AcceptPlain, and a function that makes a connection.
func plainPort(t *testing.T, address string) (l net.Listener, connect func() (client net.Conn, c *plainConn)) {
	t.Helper()
	ln, err := new(net.ListenConfig).Listen(t.Context(), "tcp", address)
	if err != nil {
		t.Skip(err) // There may be no IPv6.
	}
	l, err = AcceptPlain(ln)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	// The clients of most tests send nothing at first, so without this each test would wait.
	var set error
	if err := l.(*plainListener).raw.Control(func(fd uintptr) {
		set = unix.SetsockoptInt(int(fd), unix.IPPROTO_TCP, unix.TCP_DEFER_ACCEPT, 0)
	}); err != nil || set != nil {
		t.Fatal(err, set)
	}
	return l, func() (net.Conn, *plainConn) {
		t.Helper()
		client, err := new(net.Dialer).DialContext(context.Background(), "tcp", l.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		conn, err := l.Accept()
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() {
			client.Close()
			conn.Close()
		})
		return client, conn.(*plainConn)
	}
}

// It is a net.Conn, whether it is a bare descriptor or not.
func TestPlainConn(t *testing.T) {
	_, connect := plainPort(t, "127.0.0.1:0")
	nettest.TestConn(t, func() (net.Conn, net.Conn, func(), error) {
		client, c := connect()
		return client, c, func() {
			client.Close()
			c.Close()
		}, nil
	})
}

func TestPlainConn_Detach(t *testing.T) {
	_, connect := plainPort(t, "127.0.0.1:0")
	t.Run("what has arrived is read before a loop takes the descriptor over", func(t *testing.T) {
		client, c := connect()
		say(t, client, "hello")
		if err := c.SetReadDeadline(time.Now().Add(time.Minute)); err != nil {
			t.Fatal(err)
		}
		waitFor(t, c.fd, unix.POLLIN)
		b := make([]byte, 64)
		if n, err := c.Read(b); string(b[:n]) != "hello" {
			t.Fatalf("read %q, %v", b[:n], err)
		}
		if err := c.SetDeadline(time.Time{}); err != nil {
			t.Fatal(err)
		}
		fd, ok := c.Detach()
		if !ok {
			t.Fatal("Go's poller watches it")
		}
		defer unix.Close(fd)
		if on, err := unix.GetsockoptInt(fd, unix.IPPROTO_TCP, unix.TCP_NODELAY); err != nil || on != 1 {
			t.Errorf("TCP_NODELAY is %d, %v", on, err)
		}
		if _, err := unix.Read(fd, b); !errors.Is(err, unix.EAGAIN) {
			t.Errorf("a read of the descriptor returns %v", err)
		}
		_, read := c.Read(b)
		_, write := c.Write(b)
		for what, err := range map[string]error{"Read": read, "Write": write, "Close": c.Close(), "SetDeadline": c.SetDeadline(time.Time{}), "CloseWrite": c.CloseWrite()} {
			if !errors.Is(err, net.ErrClosed) {
				t.Errorf("%s returns %v afterwards", what, err)
			}
		}
		if _, err := unix.Write(fd, []byte("x")); err != nil {
			t.Error(err)
		}
		if n, err := io.ReadFull(client, b[:1]); n != 1 {
			t.Error(err)
		}
	})
	t.Run("one that has waited cannot be detached", func(t *testing.T) {
		client, c := connect()
		done := make(chan error)
		go func() {
			_, err := c.Read(make([]byte, 1))
			done <- err
		}()
		for { // It is a file once the read waits.
			c.mu.Lock()
			waits := c.file != nil
			c.mu.Unlock()
			if waits {
				break
			}
		}
		say(t, client, "x")
		if err := <-done; err != nil {
			t.Fatal(err)
		}
		if _, ok := c.Detach(); ok {
			t.Error("it was detached")
		}
		if _, err := c.SyscallConn(); err != nil {
			t.Error(err)
		}
	})
	t.Run("an end is read", func(t *testing.T) {
		client, c := connect()
		client.Close()
		waitFor(t, c.fd, unix.POLLIN)
		if _, err := c.Read(make([]byte, 1)); err != io.EOF { //nolint:errorlint // As io.Reader says.
			t.Errorf("it is %v", err)
		}
	})
	t.Run("whether the client has left is known without a wait", func(t *testing.T) {
		client, c := connect()
		if c.Left() {
			t.Error("it has left already")
		}
		say(t, client, "x")
		waitFor(t, c.fd, unix.POLLIN)
		if c.Left() {
			t.Error("it has left before its bytes are read")
		}
		if n, err := c.Read(make([]byte, 9)); n != 1 || err != nil {
			t.Errorf("read %d bytes, %v", n, err)
		}
		client.Close()
		waitFor(t, c.fd, unix.POLLIN)
		if !c.Left() {
			t.Error("it has not left")
		}
		if _, ok := c.Detach(); !ok {
			t.Error("Go's poller watches it")
		}
	})
	t.Run("a deadline that has passed counts before what has arrived", func(t *testing.T) {
		client, c := connect()
		say(t, client, "hello")
		waitFor(t, c.fd, unix.POLLIN)
		if err := c.SetReadDeadline(time.Unix(1, 0)); err != nil {
			t.Fatal(err)
		}
		if _, err := c.Read(make([]byte, 1)); !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("it is %v", err)
		}
	})
	t.Run("half of it can be closed", func(t *testing.T) {
		client, c := connect()
		if err := c.CloseWrite(); err != nil {
			t.Fatal(err)
		}
		if _, err := client.Read(make([]byte, 1)); err != io.EOF { //nolint:errorlint // As io.Reader says.
			t.Errorf("the client reads %v", err)
		}
	})
}

// waitFor waits for events of a descriptor.
func waitFor(t *testing.T, fd int, events int16) {
	t.Helper()
	if _, err := unix.Poll([]unix.PollFd{{Fd: int32(fd), Events: events}}, 10_000); err != nil {
		t.Fatal(err)
	}
}

// acceptable reports whether a connection can be accepted.
func acceptable(t *testing.T, c syscall.RawConn) (yes bool) {
	t.Helper()
	err := c.Control(func(fd uintptr) {
		n, err := unix.Poll([]unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}, 0)
		yes = n > 0 && err == nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return yes
}

func TestAcceptPlain(t *testing.T) {
	for _, address := range []string{"127.0.0.1:0", "[::1]:0", ":0"} {
		t.Run("both addresses are known on "+address, func(t *testing.T) {
			_, connect := plainPort(t, address)
			client, c := connect()
			if got, want := c.RemoteAddr().String(), client.LocalAddr().String(); got != want {
				t.Errorf("the remote address is %s, want %s", got, want)
			}
			if got, want := c.LocalAddr().String(), client.RemoteAddr().String(); got != want {
				t.Errorf("the local address is %s, want %s", got, want)
			}
		})
	}
	t.Run("the first read of an accepted connection does not wait", func(t *testing.T) {
		ln, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		l, err := AcceptPlain(ln)
		if err != nil {
			t.Fatal(err)
		}
		defer l.Close()
		client, err := new(net.Dialer).DialContext(t.Context(), "tcp", l.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		defer client.Close()
		if acceptable(t, l.(*plainListener).raw) {
			t.Error("a connection that has sent nothing can be accepted")
		}
		say(t, client, "hello")
		conn, err := l.Accept()
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		b := make([]byte, 8)
		if n, err := conn.Read(b); string(b[:n]) != "hello" {
			t.Errorf("read %q, %v", b[:n], err)
		}
		fd, ok := conn.(*plainConn).Detach()
		if !ok {
			t.Fatal("Go's poller watches it")
		}
		unix.Close(fd)
	})
	t.Run("Close ends Accept and closes the port", func(t *testing.T) {
		l, _ := plainPort(t, "127.0.0.1:0")
		done := make(chan error)
		go func() {
			_, err := l.Accept()
			done <- err
		}()
		if err := l.Close(); err != nil {
			t.Error(err)
		}
		if err := <-done; !errors.Is(err, net.ErrClosed) {
			t.Errorf("Accept returns %v", err)
		}
		if conn, err := new(net.Dialer).DialContext(t.Context(), "tcp", l.Addr().String()); err == nil {
			conn.Close()
			t.Error("it still accepts")
		}
	})
	t.Run("a duplicate of the port stays open", func(t *testing.T) {
		ln, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		ports := &Listeners{Main: ln, opened: []net.Listener{ln}}
		second, err := ports.Duplicate()
		if err != nil {
			t.Fatal(err)
		}
		defer second.Close()
		if ports.Main, err = AcceptPlain(ln); err != nil {
			t.Fatal(err)
		}
		ports.Close()
		client, err := new(net.Dialer).DialContext(t.Context(), "tcp", ln.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		defer client.Close()
		if second.Main, err = AcceptPlain(second.Main); err != nil {
			t.Fatal(err)
		}
		conn, err := second.Main.Accept()
		if err != nil {
			t.Fatal(err)
		}
		conn.Close()
	})
	t.Run("other listeners are left as they are", func(t *testing.T) {
		ln, err := new(net.ListenConfig).Listen(t.Context(), "unix", t.TempDir()+"/socket")
		if err != nil {
			t.Fatal(err)
		}
		defer ln.Close()
		if l, err := AcceptPlain(ln); l != ln || err != nil {
			t.Errorf("it is %v, %v", l, err)
		}
	})
}
