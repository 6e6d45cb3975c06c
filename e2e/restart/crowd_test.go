package restart

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"confab/internal/testbed/process"
)

const (
	// tries is how often an official client tries to connect before it gives up.
	tries = 4
	// patience is how long a connection may take.
	patience = 2 * time.Minute
)

// crowd is many connections to one room, each of which connects again when it is lost, as
// an official client does.
type crowd struct {
	address string
	tokens  chan string

	ctx context.Context
	all sync.WaitGroup

	// mu guards the fields below.
	mu     sync.Mutex
	size   int
	online int
	lost   time.Time       // when the first connection was lost
	back   time.Time       // when the last one was back
	away   []time.Duration // of each that was lost and is back
	gaveUp []error
}

// join connects n more and waits until all are online.
func (c *crowd) join(n int) error {
	c.mu.Lock()
	c.size += n
	c.mu.Unlock()
	for range n {
		c.all.Go(c.live)
	}
	return c.settle()
}

// live connects again and again, until the context ends or it gives up.
func (c *crowd) live() {
	for lost := (time.Time{}); ; {
		var conn net.Conn
		var err error
		for range tries {
			if conn, err = c.connect(); err == nil || c.ctx.Err() != nil {
				break
			}
		}
		if c.ctx.Err() != nil {
			return
		}
		c.mu.Lock()
		now := time.Now()
		switch {
		case err != nil:
			c.gaveUp = append(c.gaveUp, err)
		case !lost.IsZero():
			c.away = append(c.away, now.Sub(lost))
			fallthrough
		default:
			c.online++
			c.back = now
		}
		c.mu.Unlock()
		if err != nil {
			return
		}
		end := context.AfterFunc(c.ctx, func() { conn.Close() })
		io.Copy(io.Discard, conn) //nolint:errcheck // It ends with the connection.
		end()
		conn.Close()
		c.mu.Lock()
		c.online--
		lost = time.Now()
		if c.lost.IsZero() {
			c.lost = lost
		}
		c.mu.Unlock()
	}
}

// connect makes one handshake.
func (c *crowd) connect() (net.Conn, error) {
	ctx, cancel := context.WithTimeout(c.ctx, patience)
	defer cancel()
	var token string
	select {
	case token = <-c.tokens:
	default:
		return nil, errors.New("there are no tokens left")
	}
	conn, err := new(net.Dialer).DialContext(ctx, "tcp", c.address)
	if err != nil {
		c.tokens <- token // It is not spent.
		return nil, err
	}
	if err := handshake(conn, token); err != nil {
		conn.Close()
		return nil, err
	}
	return conn, nil
}

func handshake(conn net.Conn, token string) error {
	if err := conn.SetDeadline(time.Now().Add(patience)); err != nil {
		return err
	}
	if _, err := fmt.Fprintf(conn, "GET / HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"+
		"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Protocol: %s\r\n\r\n", token); err != nil {
		return err
	}
	res, err := http.ReadResponse(bufio.NewReaderSize(conn, 1024), nil)
	if err != nil {
		return err
	}
	res.Body.Close()
	if res.StatusCode != http.StatusSwitchingProtocols {
		return errors.New(res.Status)
	}
	return conn.SetDeadline(time.Time{})
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
	Problem                 string // why there is no result
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
	return r
}

// crowdEnv has the test's own program be a crowd instead, in a process of its own: its
// value is where to connect. Tokens come on standard input, one a line, until an empty
// line. Then each line asks for what was measured.
const crowdEnv = "CONFAB_TEST_RESTART_CROWD"

// beCrowd is the other process. It returns its exit status.
func beCrowd(address string, size int) int {
	in := bufio.NewScanner(os.Stdin)
	in.Buffer(nil, 64<<10)
	var tokens []string
	for in.Scan() && in.Text() != "" {
		tokens = append(tokens, in.Text())
	}
	c := &crowd{address: address, tokens: make(chan string, len(tokens)), ctx: context.Background()}
	for _, token := range tokens {
		c.tokens <- token
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
func startCrowd(t *testing.T, address string, tokens []string) *crowdProcess {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), os.Args[0], "-connections", strconv.Itoa(*connections))
	cmd.Env = append(os.Environ(), crowdEnv+"="+address)
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
