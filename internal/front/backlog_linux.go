package front

import (
	"syscall"

	"golang.org/x/sys/unix"
)

// backlog returns how many connections may wait to be accepted from the main port, or 0 if
// that is unknown. It is the length that the port was opened with, at most
// net.core.somaxconn.
func (l *Listeners) backlog() int {
	conn, ok := l.opened[0].(syscall.Conn)
	if !ok {
		return 0
	}
	raw, err := conn.SyscallConn()
	if err != nil {
		return 0
	}
	var info *unix.TCPInfo
	control := raw.Control(func(fd uintptr) { info, err = unix.GetsockoptTCPInfo(int(fd), unix.IPPROTO_TCP, unix.TCP_INFO) })
	if control != nil || err != nil {
		return 0
	}
	return int(info.Sacked) // Of a port, this field is its backlog.
}
