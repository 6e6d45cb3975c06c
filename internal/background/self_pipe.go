package background

import (
	"errors"
	"os"
	"syscall"
	"time"
)

// selfPipe is a pipe whose reader is woken by the scheduler's poller, so not before the
// network is polled.
type selfPipe struct {
	out, in *os.File
	poll    syscall.RawConn // of out
	write   syscall.RawConn // of in
}

func newSelfPipe() (*selfPipe, error) {
	out, in, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	p := &selfPipe{out: out, in: in}
	// It fails if the poller does not accept the descriptor; wait would not block then.
	err = out.SetReadDeadline(time.Time{})
	if err == nil {
		p.poll, err = out.SyscallConn()
	}
	if err == nil {
		p.write, err = in.SyscallConn()
	}
	if err != nil {
		return nil, errors.Join(err, out.Close(), in.Close())
	}
	return p, nil
}

// wait writes to the pipe and waits until the poller wakes the reader.
func (p *selfPipe) wait() {
	written := false
	var one [1]byte
	// Neither fails: the pipe is open, empty, and used only here.
	p.poll.Read(func(fd uintptr) bool { //nolint:errcheck // See above.
		if written {
			n, _ := syscall.Read(int(fd), one[:])
			return n == 1
		}
		written = true
		p.write.Write(func(fd uintptr) bool { //nolint:errcheck // See above.
			n, _ := syscall.Write(int(fd), one[:])
			return n == 1
		})
		return false
	})
}
