package background

import (
	"errors"
	"os"
	"syscall"
	"time"
)

// bell is a pipe whose reader is woken by the scheduler's poller, so not before the
// network is polled.
type bell struct {
	out, in *os.File
	poll    syscall.RawConn // of out
	strike  syscall.RawConn // of in
}

func newBell() (*bell, error) {
	out, in, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	b := &bell{out: out, in: in}
	// It fails if the poller does not accept the descriptor; wait would not block then.
	err = out.SetReadDeadline(time.Time{})
	if err == nil {
		b.poll, err = out.SyscallConn()
	}
	if err == nil {
		b.strike, err = in.SyscallConn()
	}
	if err != nil {
		return nil, errors.Join(err, out.Close(), in.Close())
	}
	return b, nil
}

// wait writes to the pipe and waits until the poller wakes the reader.
func (b *bell) wait() {
	rung := false
	var one [1]byte
	// Neither fails: the pipe is open, empty, and used only here.
	b.poll.Read(func(fd uintptr) bool { //nolint:errcheck // See above.
		if rung {
			n, _ := syscall.Read(int(fd), one[:])
			return n == 1
		}
		rung = true
		b.strike.Write(func(fd uintptr) bool { //nolint:errcheck // See above.
			n, _ := syscall.Write(int(fd), one[:])
			return n == 1
		})
		return false
	})
}
