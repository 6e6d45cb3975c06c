//go:build !linux

package telemetry

import "golang.org/x/sys/unix"

// pipeBuffer is how many bytes fit into a pipe that poll calls writable: what
// POSIX promises at least.
const pipeBuffer = 512

// newSink makes the sink for a descriptor. Its mode is not changed, because other
// processes may share it: each write is small enough for what poll promises.
func newSink(fd int) sink {
	var stat unix.Stat_t
	if err := unix.Fstat(fd, &stat); err == nil && regular(uint32(stat.Mode)) {
		return descriptor{fd: fd, most: outputBuffer, ready: true}
	}
	return descriptor{fd: fd, most: pipeBuffer}
}
