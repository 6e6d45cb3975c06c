package transport

import (
	"errors"
	"os"
	"runtime"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// If Go's own poller rejects an epoll descriptor, the descriptor is closed once: its
// number may be reused at once.
func TestPollerFails(t *testing.T) {
	f, err := os.Open(os.DevNull)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	// The kernel limits how deeply epoll descriptors can be nested.
	inner := -1
	for range 5 {
		fd, err := unix.EpollCreate1(unix.EPOLL_CLOEXEC)
		if err != nil {
			t.Fatal(err)
		}
		if inner >= 0 {
			defer unix.Close(inner)
			if err := unix.EpollCtl(fd, unix.EPOLL_CTL_ADD, inner, &unix.EpollEvent{Events: unix.EPOLLIN}); err != nil {
				t.Fatal(err)
			}
		}
		inner = fd
	}
	if _, err := newEpoll(inner); err == nil {
		t.Fatal("no error")
	}
	if _, err := unix.FcntlInt(uintptr(inner), unix.F_GETFD, 0); !errors.Is(err, unix.EBADF) {
		t.Fatalf("the descriptor: %v, want it closed", err)
	}
	next, err := unix.FcntlInt(f.Fd(), unix.F_DUPFD_CLOEXEC, inner)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(next)
	if next != inner {
		t.Skipf("descriptor %d is taken already", inner)
	}
	for range 10 {
		runtime.GC()
		<-time.After(2 * time.Millisecond)
		if _, err := unix.FcntlInt(uintptr(next), unix.F_GETFD, 0); err != nil {
			t.Fatalf("the descriptor that has its number now: %v", err)
		}
	}
}
