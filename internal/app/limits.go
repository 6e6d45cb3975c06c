package app

import (
	"math"
	"runtime/debug"
	"syscall"

	"confab/internal/config"
	"confab/internal/edge"
)

// limits are the endpoint's limits on connections. The garbage collector also
// observes the memory limit.
func limits(cfg *config.Config) edge.Limits {
	memory := int64(cfg.MaxMemory) << 20
	if memory > 0 {
		debug.SetMemoryLimit(memory)
	}
	return edge.Limits{
		ConnectRate:              float64(cfg.ConnectRate),
		ConnectRatePerUser:       float64(cfg.ConnectRatePerUser),
		ConnectRatePerAddress:    float64(cfg.ConnectRatePerAddress),
		MaxConnections:           maxConnections(cfg, openFiles()),
		MaxConnectionsPerRoom:    cfg.MaxConnectionsPerRoom,
		MaxConnectionsPerUser:    cfg.MaxConnectionsPerUser,
		MaxConnectionsPerAddress: cfg.MaxConnectionsPerAddress,
		MaxMemory:                memory,
	}
}

// otherFiles is how many files a node needs besides connections: calls of the API,
// waiting handshakes, the database, destinations of logs.
const otherFiles = 1024

// otherThan is how many of the files are reserved for other uses than connections.
func otherThan(files uint64) int { return min(otherFiles, int(files)/4) }

// maxConnections is how many connections a node accepts, given its limit of open
// files. The last files are reserved: without one, a node could not even refuse a
// client.
func maxConnections(cfg *config.Config, files uint64) int {
	can := math.MaxInt32
	if files < math.MaxInt32 {
		can = int(files) - otherThan(files)
	}
	if cfg.MaxConnections > 0 {
		return min(cfg.MaxConnections, can)
	}
	return can
}

// maxSockets is the limit of sockets on the main port, given the limit of open files:
// all connections of the node, and some more for waiting handshakes and calls of the
// API.
func maxSockets(files uint64) int {
	if files >= math.MaxInt32 {
		return 0
	}
	return int(files) - 3*otherThan(files)/4
}

// maxAdminSockets is more than scrapers and an operator need.
const maxAdminSockets = 64

// fewFiles is a limit of open files that a room of a few thousand clients reaches.
const fewFiles = 8192

// openFiles is how many files, and so connections, this process may have open. The Go
// runtime has raised the limit to the hard limit at the start.
func openFiles() uint64 {
	var limit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil {
		return math.MaxUint64
	}
	return limit.Cur
}
