package websocket

import (
	"bytes"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"confab/internal/kernel"
)

// sender is a way to write to many sockets with one system call.
type sender struct {
	name    string
	open    opener
	allowed func() error
	// instances returns those of this process.
	instances func(t *testing.T) map[uintptr]bool
	// spoil makes an instance fail from now on.
	spoil func(instance uintptr) error
}

var senders = []sender{
	{
		"io_uring", openRing,
		func() error {
			r, err := kernel.OpenRing(1)
			if err == nil {
				r.Close()
			}
			return err
		},
		rings,
		func(ring uintptr) error { // The descriptor is not a ring any more.
			null, err := unix.Open(os.DevNull, unix.O_RDWR|unix.O_CLOEXEC, 0)
			if err != nil {
				return err
			}
			return errors.Join(unix.Dup3(null, int(ring), unix.O_CLOEXEC), unix.Close(null))
		},
	},
	{
		"io_submit", openSubmit,
		func() error {
			w, err := kernel.OpenWrites(1)
			if err == nil {
				w.Close()
			}
			return err
		},
		contexts,
		func(context uintptr) error {
			if _, _, errno := unix.Syscall(unix.SYS_IO_DESTROY, context, 0, 0); errno != 0 {
				return errno
			}
			return nil
		},
	},
}

// eachSender runs a test with each sender, and with TLS for the first one: a sender does not know
// what it sends. start starts a server with one loop and returns the instance of the loop's sender.
func eachSender(t *testing.T, test func(t *testing.T, with *sender, start func(Options, Handler) (*peerServer, uintptr))) {
	t.Helper()
	for i := range senders {
		with := &senders[i]
		for _, secure := range []bool{false, true}[:len(senders)-i] {
			t.Run(fmt.Sprintf("%s, TLS %t", with.name, secure), func(t *testing.T) {
				test(t, with, func(o Options, h Handler) (*peerServer, uintptr) {
					t.Helper()
					return with.start(t, secure, o, h)
				})
			})
		}
	}
}

func (with *sender) start(t *testing.T, secure bool, o Options, h Handler) (s *peerServer, instance uintptr) {
	t.Helper()
	before := with.instances(t)
	o.Loops = 1
	s = form{open: with.open, tls: secure}.start(t, o, h)
	for instance := range with.instances(t) {
		if !before[instance] {
			return s, instance
		}
	}
	if err := with.allowed(); err != nil {
		t.Skip(err)
	}
	t.Fatalf("%s is not used, though it could be", with.name)
	return nil, 0
}

// rings returns the descriptors of this process that are io_uring instances.
func rings(t *testing.T) map[uintptr]bool {
	t.Helper()
	const dir = "/proc/self/fd"
	open, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	found := map[uintptr]bool{}
	for _, f := range open {
		if what, _ := os.Readlink(filepath.Join(dir, f.Name())); what != "anon_inode:[io_uring]" {
			continue
		}
		fd, err := strconv.Atoi(f.Name())
		if err != nil {
			t.Fatal(err)
		}
		found[uintptr(fd)] = true
	}
	return found
}

// contexts returns the contexts of io_setup(2) of this process, which are addresses.
func contexts(t *testing.T) map[uintptr]bool {
	t.Helper()
	maps, err := os.ReadFile("/proc/self/maps")
	if err != nil {
		t.Fatal(err)
	}
	found := map[uintptr]bool{}
	for line := range strings.Lines(string(maps)) {
		if !strings.Contains(line, "[aio]") {
			continue
		}
		var context uintptr
		if _, err := fmt.Sscanf(line, "%x-", &context); err != nil {
			t.Fatal(err)
		}
		found[context] = true
	}
	return found
}

// together calls f to deliver frames that are then written in one round.
func together(t *testing.T, s *peerServer, f func()) {
	t.Helper()
	done := make(chan struct{})
	s.loops[0].post(func() { f(); close(done) })
	receive(t, done, "the loop")
}

// Every connection receives everything: a frame, frames in more pieces than a system
// call takes, and more than fits into a socket. A connection whose peer is gone does
// not affect the others.
func TestSenders(t *testing.T) {
	eachSender(t, func(t *testing.T, with *sender, start func(Options, Handler) (*peerServer, uintptr)) {
		const members = writesPerYield + 7
		// A write that has more pieces than a system call takes.
		const pieces = 74
		causes := make(chan error, members+3)
		s, instance := start(Options{MaxPending: 64 << 20, PingInterval: -1},
			handler{closed: func(_ *Conn, cause error) { causes <- cause }})
		if got := s.Writes(); got != with.name {
			t.Errorf("the server writes with %s", got)
		}
		peers := make([]*rawConn, members)
		for i := range peers {
			peers[i] = s.dialRaw(t)
		}
		n := 0
		for _, frames := range []int{1, 10, pieces * maxChunk / 1000} {
			gone := s.dialRaw(t)
			eventually(t, "all to join", func() bool { return s.group.size() == members+1 })
			together(t, s, func() {
				// The loop notices it only when it writes.
				fd := s.loops[0].conns[members].link.Target().FD
				if err := unix.Shutdown(int(fd), unix.SHUT_WR); err != nil {
					t.Error(err)
				}
				for range frames {
					s.group.Deliver(numbered(n))
					n++
				}
			})
			if cause := receive(t, causes, "the end of the one that is gone"); !errors.Is(cause, unix.EPIPE) {
				t.Errorf("it ended with %v", cause)
			}
			gone.Close()
		}
		for i, peer := range peers {
			for want := range n {
				if _, p, err := peer.frame(); err != nil || number(t, p) != want {
					t.Fatalf("member %d got %.20q, %v; want %d", i, p, err, want)
				}
			}
		}
		if !with.instances(t)[instance] {
			t.Errorf("%s is not used any more", with.name)
		}
	})
}

// If a sender fails, every connection is still written to, and no connection twice.
func TestSenderFails(t *testing.T) {
	eachSender(t, func(t *testing.T, with *sender, start func(Options, Handler) (*peerServer, uintptr)) {
		var log bytes.Buffer
		s, instance := start(Options{PingInterval: -1, Log: slog.New(slog.NewTextHandler(&log, nil))}, handler{})
		peers := make([]*rawConn, 10)
		for i := range peers {
			peers[i] = s.dialRaw(t)
		}
		eventually(t, "all to join", func() bool { return s.group.size() == len(peers) })
		together(t, s, func() { s.group.Deliver([]byte("1")) })
		together(t, s, func() {
			if err := with.spoil(instance); err != nil {
				t.Error(err)
			}
			s.group.Deliver([]byte("2"))
		})
		together(t, s, func() { s.group.Deliver([]byte("3")) })
		for i, peer := range peers {
			for _, want := range []string{"1", "2", "3"} {
				if _, p, err := peer.frame(); err != nil || string(p) != want {
					t.Fatalf("member %d got %.20q, %v; want %s", i, p, err, want)
				}
			}
		}
		s.stop()
		if n := strings.Count(log.String(), "Writes to many sockets failed"); n != 1 {
			t.Errorf("%d lines in the log, want 1:\n%s", n, log.String())
		}
	})
}
