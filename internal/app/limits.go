package app

import (
	"context"
	"math"
	"runtime/debug"
	"sync/atomic"
	"syscall"

	"confab/internal/config"
	"confab/internal/edge"
	"confab/internal/front"
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

// sessions counts the sessions of the endpoint, once there is one.
type sessions struct{ atomic.Pointer[edge.Endpoint] }

func (s *sessions) Len() int {
	if e := s.Load(); e != nil {
		return e.Len()
	}
	return 0
}

func (s *sessions) LenFrom(name string) int {
	if e := s.Load(); e != nil {
		return e.LenFrom(name)
	}
	return 0
}

// queueSockets limits the sockets of the main port, which accept then accepts ahead of the
// server. It returns where the endpoint is to be stored.
func (s *Server) queueSockets(ctx context.Context) (*sessions, error) {
	files, live := openFiles(), &sessions{}
	if s.cert == nil {
		plain, err := front.AcceptPlain(s.listeners.Main)
		if err != nil {
			return nil, err
		}
		s.listeners.Main = plain
	}
	s.listeners.Main = front.LimitSockets(ctx, s.listeners.Main, front.SocketLimits{
		Max: maxSockets(files), Idle: maxConnections(s.cfg, files), PerAddress: s.cfg.MaxConnectionsPerAddress,
		TrustedProxies: s.cfg.TrustedProxies, Sessions: live,
	}, s.log)
	turns := 0.0
	if s.cert != nil {
		turns = float64(s.cfg.ConnectRate)
	}
	queue := front.NewQueue(ctx, s.listeners.Main, turns)
	s.listeners.Main, s.accept = queue, queue.Start
	if s.cert == nil {
		s.handshakes = front.NewHandshakeListener(queue)
		s.listeners.Main, s.accept = s.handshakes, s.handshakes.Start
	}
	return live, nil
}

// maxAdminSockets is more than scrapers and an operator need.
const maxAdminSockets = 64

// openFiles is how many files, and so connections, this process may have open. The Go
// runtime has raised the limit to the hard limit at the start.
func openFiles() uint64 {
	var limit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil {
		return math.MaxUint64
	}
	return limit.Cur
}
