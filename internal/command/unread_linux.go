package command

import (
	"io"

	"golang.org/x/sys/unix"
)

// WhenUnread calls do when the reader of a pipe has left, also while nothing is written. It is
// for outputs that stay open until the program ends.
func WhenUnread(out io.Writer, do func()) {
	go control(out, func(fd int) {
		for {
			pipe := []unix.PollFd{{Fd: int32(fd)}}
			if _, err := unix.Poll(pipe, -1); err != unix.EINTR {
				if pipe[0].Revents&unix.POLLERR != 0 {
					do()
				}
				return
			}
		}
	})
}
