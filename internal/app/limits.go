package app

import (
	"math"
	"runtime/debug"
	"syscall"

	"confab/internal/config"
	"confab/internal/edge"
)

// limits are what the endpoint holds connections to. With a limit of memory the
// garbage collector works for it, too.
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

// otherFiles is how many files a node wants besides connections: calls of the
// API, handshakes that wait, the database, destinations of logs.
const otherFiles = 1024

// otherThan is how many of the files are not for connections.
func otherThan(files uint64) int { return min(otherFiles, int(files)/4) }

// maxConnections is how many connections a node takes, given how many files it
// may have open: without files left, nobody could even be told so.
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

// maxSockets is how many sockets the main port has at most, given how many files the
// process may have open: when all connections that a node takes are there, some more
// for handshakes that wait and for calls of the API.
func maxSockets(files uint64) int {
	if files >= math.MaxInt32 {
		return 0
	}
	return int(files) - 3*otherThan(files)/4
}

// maxAdminSockets is more than scrapers and an operator need.
const maxAdminSockets = 64

// fewFiles is a limit of open files that a room of a few thousand reaches.
const fewFiles = 8192

// openFiles is how many files, and so connections, this process may have open.
// The Go runtime has raised the limit to the hard one at the start.
func openFiles() uint64 {
	var limit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil {
		return math.MaxUint64
	}
	return limit.Cur
}
