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

// rings returns the descriptors of this process that are io_uring instances.
func rings(t *testing.T) map[int]bool {
	t.Helper()
	const dir = "/proc/self/fd"
	open, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	found := map[int]bool{}
	for _, f := range open {
		if what, _ := os.Readlink(filepath.Join(dir, f.Name())); what != "anon_inode:[io_uring]" {
			continue
		}
		fd, err := strconv.Atoi(f.Name())
		if err != nil {
			t.Fatal(err)
		}
		found[fd] = true
	}
	return found
}

// startRing starts a server with one loop and returns the descriptor of the loop's ring.
func startRing(t *testing.T, secure bool, o Options, h Handler) (s *peerServer, ring int) {
	t.Helper()
	before := rings(t)
	o.Loops = 1
	s = form{open: openRing, tls: secure}.start(t, o, h)
	for fd := range rings(t) {
		if !before[fd] {
			return s, fd
		}
	}
	if r, err := kernel.OpenRing(1); err == nil {
		r.Close()
		t.Fatal("io_uring is not used, though it could be")
	}
	t.Skip("no io_uring here")
	return nil, 0
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
func TestIOURing(t *testing.T) {
	for _, secure := range []bool{false, true} {
		t.Run(fmt.Sprintf("TLS %t", secure), func(t *testing.T) {
			const members = writesPerYield + 7
			// A write that has more pieces than a system call takes.
			const pieces = 74
			causes := make(chan error, members+3)
			s, ring := startRing(t, secure, Options{MaxPending: 64 << 20, PingInterval: -1},
				handler{closed: func(_ *Conn, cause error) { causes <- cause }})
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
			if !rings(t)[ring] {
				t.Error("the ring is not used any more")
			}
		})
	}
}

// If io_uring fails, every connection is still written to, and no connection twice.
func TestIOURingFails(t *testing.T) {
	for _, secure := range []bool{false, true} {
		t.Run(fmt.Sprintf("TLS %t", secure), func(t *testing.T) {
			var log bytes.Buffer
			s, ring := startRing(t, secure, Options{PingInterval: -1, Log: slog.New(slog.NewTextHandler(&log, nil))}, handler{})
			peers := make([]*rawConn, 10)
			for i := range peers {
				peers[i] = s.dialRaw(t)
			}
			eventually(t, "all to join", func() bool { return s.group.size() == len(peers) })
			together(t, s, func() { s.group.Deliver([]byte("1")) })
			together(t, s, func() {
				// The descriptor is not a ring any more.
				null, err := unix.Open(os.DevNull, unix.O_RDWR|unix.O_CLOEXEC, 0)
				if err == nil {
					err = errors.Join(unix.Dup3(null, ring, unix.O_CLOEXEC), unix.Close(null))
				}
				if err != nil {
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
			if n := strings.Count(log.String(), "Writes with io_uring failed"); n != 1 {
				t.Errorf("%d lines in the log, want 1:\n%s", n, log.String())
			}
		})
	}
}
