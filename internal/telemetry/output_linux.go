package telemetry

import (
	"errors"
	"strconv"

	"golang.org/x/sys/unix"
)

// pipeBuffer is how many bytes fit into a pipe that poll calls writable (pipe(7)).
const pipeBuffer = 4096

// newSink makes the sink for a descriptor that other processes may share. Its
// mode must not be changed, because they would see it. A pipe or terminal is
// opened once more, in non-blocking mode; where that is forbidden, as with a
// pipe that another user has made, each write is small enough for what poll
// promises.
func newSink(fd int) sink {
	var stat unix.Stat_t
	if err := unix.Fstat(fd, &stat); err != nil {
		return descriptor{fd: fd, most: pipeBuffer}
	}
	switch {
	case regular(stat.Mode):
		return descriptor{fd: fd, most: outputBuffer, ready: true}
	case stat.Mode&unix.S_IFMT == unix.S_IFSOCK:
		return socket{descriptor{fd: fd}}
	}
	own, err := unix.Open("/proc/self/fd/"+strconv.Itoa(fd), unix.O_WRONLY|unix.O_NONBLOCK|unix.O_NOCTTY|unix.O_CLOEXEC, 0)
	if err != nil {
		return descriptor{fd: fd, most: pipeBuffer}
	}
	return descriptor{fd: own, most: outputBuffer, ready: true}
}

// socket is a sink for a socket, which cannot be opened once more.
type socket struct{ descriptor }

func (s socket) write(p []byte) (int, error) {
	for {
		n, err := unix.SendmsgN(s.fd, p, nil, nil, unix.MSG_DONTWAIT|unix.MSG_NOSIGNAL)
		if !errors.Is(err, unix.EINTR) {
			return max(n, 0), err
		}
	}
}
