//go:build linux

package restart

import (
	"bufio"
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"confab/internal/testbed/cluster"
	"confab/internal/testbed/process"
)

const (
	// tries is how often an official client tries to connect before it gives up.
	tries = 4
	// patience is how long a connection may take.
	patience = 2 * time.Minute
)

// crowd is many connections to one room, each of which connects again when it is lost, as
// an official client does. One goroutine owns all sockets: a goroutine for each would cost
// as much processor time as the server that the test measures.
type crowd struct {
	// pick returns the address of a node that may take a connection, if there is one.
	pick func() (unix.Sockaddr, bool)
	poll int // the epoll descriptor
	// members are the connections, by descriptor, and waiting those for which there was no node.
	// tokens are not used yet. They belong to run, and so does head, which holds a handshake.
	members []*member
	waiting []*member
	tokens  []string
	head    []byte
	// balanced is set if a refused connection is not the client's: the balancer takes another node.
	balanced bool

	// mu guards the fields below.
	mu     sync.Mutex
	joins  int // members that run has not connected yet
	size   int
	online int
	lost   time.Time       // when the first connection was lost
	back   time.Time       // when the last one was back
	away   []time.Duration // of each that was lost and is back
	gaveUp []error
	used   time.Duration // processor time, at the last measured
}

// member is one connection of a crowd.
type member struct {
	token  string
	sent   bool   // the handshake
	answer []byte // to the handshake, until it is complete
	online bool
	tries  int       // that are left
	lost   time.Time // zero before the first loss
}

// newCrowd returns a crowd that connects to a node, or to several through a load balancer. The
// members do not go through the TCP proxy of the Balancer, which would need two descriptors for
// each of them, more than a process may have.
func newCrowd(places []cluster.Place, tokens []string) (*crowd, error) {
	addresses := map[string]unix.Sockaddr{}
	for _, p := range places {
		to, err := netip.ParseAddrPort(p.Address)
		if err != nil {
			return nil, err
		}
		addresses[p.Name] = &unix.SockaddrInet4{Port: int(to.Port()), Addr: to.Addr().As4()}
	}
	poll, err := unix.EpollCreate1(unix.EPOLL_CLOEXEC)
	if err != nil {
		return nil, err
	}
	c := &crowd{poll: poll, tokens: tokens}
	c.pick = func() (unix.Sockaddr, bool) { return addresses[places[0].Name], true }
	if len(places) > 1 {
		balancer := cluster.Reach(places).Balancer
		c.pick = func() (unix.Sockaddr, bool) {
			n, ok := balancer.Pick()
			return addresses[n.Name], ok
		}
		c.balanced = true
	}
	go c.run()
	return c, nil
}

// join connects n more and waits until all are online.
func (c *crowd) join(n int) error {
	c.mu.Lock()
	c.joins += n
	c.size += n
	c.mu.Unlock()
	return c.settle()
}

// run connects the members and reads from them.
func (c *crowd) run() {
	events := make([]unix.EpollEvent, 256)
	for {
		n, err := unix.EpollWait(c.poll, events, 5)
		if err != nil && !errors.Is(err, unix.EINTR) {
			panic(err)
		}
		for _, e := range events[:max(n, 0)] {
			c.ready(int(e.Fd))
		}
		c.mu.Lock()
		joins := min(c.joins, 64)
		c.joins -= joins
		c.mu.Unlock()
		waiting := c.waiting
		c.waiting = nil
		for _, m := range waiting {
			c.connect(m)
		}
		for range joins {
			c.connect(&member{tries: tries})
		}
	}
}

// connect begins to connect a member.
func (c *crowd) connect(m *member) {
	if len(c.tokens) == 0 {
		m.tries = 0
		c.failed(m, errors.New("there are no tokens left"))
		return
	}
	to, ok := c.pick()
	if !ok {
		c.waiting = append(c.waiting, m)
		return
	}
	last := len(c.tokens) - 1
	m.token, c.tokens = c.tokens[last], c.tokens[:last]
	m.sent, m.online, m.answer = false, false, m.answer[:0]
	m.tries--
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		c.failed(m, err)
		return
	}
	if err := unix.Connect(fd, to); err != nil && !errors.Is(err, unix.EINPROGRESS) {
		c.refused(fd, m, err)
		return
	}
	if grow := fd + 1 - len(c.members); grow > 0 {
		c.members = append(c.members, make([]*member, grow)...)
	}
	c.members[fd] = m
	// Edge triggered: each socket is registered once.
	event := unix.EpollEvent{Events: unix.EPOLLIN | unix.EPOLLOUT | unix.EPOLLRDHUP | unix.EPOLLET, Fd: int32(fd)}
	if err := unix.EpollCtl(c.poll, unix.EPOLL_CTL_ADD, fd, &event); err != nil {
		panic(err)
	}
}

// ready sends the handshake and reads what has come.
func (c *crowd) ready(fd int) {
	m := c.members[fd]
	if m == nil {
		return
	}
	if !m.sent {
		if code, err := unix.GetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_ERROR); err != nil || code != 0 {
			c.refused(fd, m, cmp.Or(err, error(syscall.Errno(code))))
			return
		}
		c.head = fmt.Appendf(c.head[:0], "GET / HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"+
			"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Protocol: %s\r\n\r\n", m.token)
		n, err := unix.Write(fd, c.head)
		if errors.Is(err, unix.EAGAIN) {
			return // It is not connected yet.
		}
		if m.sent = true; err == nil && n < len(c.head) {
			err = io.ErrShortWrite
		}
		if err != nil {
			c.end(fd, m, err)
			return
		}
	}
	var in [4096]byte
	for {
		n, err := unix.Read(fd, in[:])
		switch {
		case errors.Is(err, unix.EAGAIN):
			return
		case err == nil && n == 0:
			err = io.EOF
		case err == nil && !m.online:
			err = c.answered(m, in[:n])
		}
		if err != nil {
			c.end(fd, m, err)
			return
		}
	}
}

// answered reads the answer to a handshake.
func (c *crowd) answered(m *member, read []byte) error {
	m.answer = append(m.answer, read...)
	if !bytes.Contains(m.answer, []byte("\r\n\r\n")) {
		return nil
	}
	status, _, _ := bytes.Cut(m.answer, []byte("\r\n"))
	if !bytes.HasPrefix(status, []byte("HTTP/1.1 101 ")) {
		return errors.New(string(status))
	}
	m.online, m.answer = true, nil
	c.mu.Lock()
	defer c.mu.Unlock()
	c.online++
	c.back = time.Now()
	if !m.lost.IsZero() {
		c.away = append(c.away, c.back.Sub(m.lost))
	}
	return nil
}

// end closes a connection, and connects its member again.
func (c *crowd) end(fd int, m *member, err error) {
	c.members[fd] = nil
	unix.Close(fd)
	if !m.online {
		c.failed(m, err)
		return
	}
	m.lost, m.tries = time.Now(), tries
	c.mu.Lock()
	c.online--
	if c.lost.IsZero() {
		c.lost = m.lost
	}
	c.mu.Unlock()
	c.connect(m)
}

// refused closes a socket that is not connected. Its token is not spent.
func (c *crowd) refused(fd int, m *member, err error) {
	if fd < len(c.members) {
		c.members[fd] = nil
	}
	unix.Close(fd)
	c.tokens = append(c.tokens, m.token)
	if c.balanced {
		m.tries++
		c.waiting = append(c.waiting, m)
		return
	}
	c.failed(m, err)
}

// failed tries again, or gives up.
func (c *crowd) failed(m *member, err error) {
	if m.tries > 0 {
		c.connect(m)
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.gaveUp = append(c.gaveUp, err)
}

// settle waits until all are online or have given up.
func (c *crowd) settle() error {
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for end := time.Now().Add(patience); ; <-tick.C {
		c.mu.Lock()
		online, gaveUp, size := c.online, len(c.gaveUp), c.size
		c.mu.Unlock()
		if online+gaveUp >= size {
			return nil
		}
		if time.Now().After(end) {
			return fmt.Errorf("%d of %d are online, %d gave up", online, size, gaveUp)
		}
	}
}

// result is what a restart has cost.
type result struct {
	Moved, GaveUp           int
	Why                     string // of the first that gave up
	P50, P99, Longest, Last time.Duration
	CPU                     time.Duration // that the crowd used
	Problem                 string        // why there is no result
}

// measured waits until the crowd is online again and returns what that took since the
// last call. Those that gave up are replaced.
func (c *crowd) measured() (r result) {
	if err := c.settle(); err != nil {
		return result{Problem: err.Error()}
	}
	c.mu.Lock()
	r.Moved, r.GaveUp = len(c.away), len(c.gaveUp)
	if r.GaveUp > 0 {
		r.Why = c.gaveUp[0].Error()
	}
	if r.Moved > 0 {
		slices.Sort(c.away)
		at := func(share float64) time.Duration { return c.away[int(share*float64(len(c.away)-1))] }
		r.P50, r.P99, r.Longest, r.Last = at(0.5), at(0.99), at(1), c.back.Sub(c.lost)
	}
	c.size -= r.GaveUp
	c.gaveUp = nil
	c.mu.Unlock()
	if err := c.join(r.GaveUp); err != nil {
		r.Problem = err.Error()
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.lost, c.back, c.away, c.gaveUp = time.Time{}, time.Time{}, nil, nil
	used := processorTime()
	r.CPU, c.used = used-c.used, used
	return r
}

// processorTime is what this process has used so far.
func processorTime() time.Duration {
	var used unix.Rusage
	if err := unix.Getrusage(unix.RUSAGE_SELF, &used); err != nil {
		return 0
	}
	return time.Duration(used.Utime.Nano() + used.Stime.Nano())
}

// crowdEnv has the test's own program be a crowd instead, in a process of its own: its
// value is where to connect, as JSON. Tokens come on standard input, one a line, until an empty
// line. Then each line asks for what was measured.
const crowdEnv = "CONFAB_TEST_RESTART_CROWD"

// beCrowd is the other process. It returns its exit status.
func beCrowd(where string, size int) int {
	var places []cluster.Place
	if err := json.Unmarshal([]byte(where), &places); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	in := bufio.NewScanner(os.Stdin)
	in.Buffer(nil, 64<<10)
	var tokens []string
	for in.Scan() && in.Text() != "" {
		tokens = append(tokens, in.Text())
	}
	c, err := newCrowd(places, tokens)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	if err := c.join(size); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	out := json.NewEncoder(os.Stdout)
	for r := c.measured(); out.Encode(r) == nil && in.Scan(); {
		r = c.measured()
	}
	return 0
}

// crowdProcess is a crowd in a process of its own, so that it does not delay the calls
// that the test measures, and has files of its own.
type crowdProcess struct{ *process.Child }

// startCrowd starts a crowd and waits until it is online.
func startCrowd(t *testing.T, places []cluster.Place, tokens []string) *crowdProcess {
	t.Helper()
	where, err := json.Marshal(places)
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), os.Args[0], "-connections", strconv.Itoa(*connections))
	cmd.Env = append(os.Environ(), crowdEnv+"="+string(where))
	c := &crowdProcess{process.StartChild(t, cmd)}
	c.Tell(t, strings.Join(tokens, "\n")+"\n")
	if r := c.read(t); r.Moved+r.GaveUp > 0 {
		t.Fatalf("at the start: %+v", r)
	}
	return c
}

// measured waits until the crowd is online again, and returns what that took since the
// last call.
func (c *crowdProcess) measured(t *testing.T) result {
	t.Helper()
	c.Tell(t, "")
	return c.read(t)
}

func (c *crowdProcess) read(t *testing.T) (r result) {
	t.Helper()
	if err := json.Unmarshal([]byte(c.Line(t)), &r); err != nil {
		t.Fatal(err)
	}
	if r.Problem != "" {
		t.Fatal(r.Problem)
	}
	return r
}
