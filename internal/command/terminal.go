package command

import (
	"io"
	"syscall"

	"golang.org/x/term"
)

// IsTerminal reports whether a stream of the environment is a terminal.
func IsTerminal(stream any) (is bool) {
	control(stream, func(fd int) { is = term.IsTerminal(fd) })
	return is
}

// terminalWidth is the number of columns of a terminal, or 0.
func terminalWidth(stream any) (columns int) {
	control(stream, func(fd int) {
		if width, _, err := term.GetSize(fd); err == nil {
			columns = width
		}
	})
	return columns
}

// control calls do with the descriptor of a stream, or of what the stream writes to behind a
// queue. A stream without one, or whose file is closed, is left alone. os.File.Fd is not
// used: it sets the descriptor to blocking mode, which all processes that share it would notice.
func control(stream any, do func(fd int)) {
	if queue, ok := stream.(interface{ Unwrap() io.Writer }); ok {
		stream = queue.Unwrap()
	}
	file, ok := stream.(syscall.Conn)
	if !ok {
		return
	}
	raw, err := file.SyscallConn()
	if err != nil {
		return
	}
	_ = raw.Control(func(fd uintptr) { do(int(fd)) }) // A closed file is no terminal.
}
