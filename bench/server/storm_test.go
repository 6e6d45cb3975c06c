package server

import (
	"bufio"
	"cmp"
	"fmt"
	"net"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"confab/internal/testbed/process"
)

// stormClients is the endpoint of a client process: TestMain runs one instead of
// the tests when it is set. The tokens come on standard input, one a line.
const stormClients = "CONFAB_BENCH_STORM"

// storm connects with every token at once and reports, on standard output, how
// many got in and how long the last took. It stays until its input ends.
func storm(endpoint string) int {
	in := bufio.NewScanner(os.Stdin)
	in.Buffer(nil, 64<<10)
	var tokens []string
	for in.Scan() && in.Text() != "" {
		tokens = append(tokens, in.Text())
	}
	begin := time.Now()
	conns := make([]net.Conn, len(tokens))
	var mu sync.Mutex
	failed := map[string]int{}
	var all sync.WaitGroup
	for i, token := range tokens {
		all.Go(func() {
			var err error
			if conns[i], err = connect(endpoint, token); err != nil {
				mu.Lock()
				defer mu.Unlock()
				failed[err.Error()]++
			}
		})
	}
	all.Wait()
	connected := 0
	for _, c := range conns {
		if c != nil {
			connected++
		}
	}
	fmt.Println(connected, time.Since(begin).Milliseconds())
	for text, n := range failed {
		fmt.Fprintf(os.Stderr, "%d: %s\n", n, text)
	}
	in.Scan()
	return 0
}

// defaultPace is the default of --connect-rate.
const defaultPace = "2000/s"

// BenchmarkStorm has 15,000 clients come back at once, as after the death of
// another node, while people talk in a room. The pace is defaultPace,
// or CONFAB_BENCH_RATE.
func BenchmarkStorm(b *testing.B) {
	const processes, each, calm = 3, 5000, 5 * time.Second
	for b.Loop() {
		s := start(b, process.Options{Args: []string{"--connect-rate", cmp.Or(os.Getenv("CONFAB_BENCH_RATE"), defaultPace)}})
		clients := make([]*stormProcess, processes)
		for i := range clients {
			clients[i] = s.stormProcess(b, s.tokens(b, each))
		}
		elsewhere := *s
		elsewhere.room = s.newRoom(b)
		room := elsewhere.converse(b)
		time.Sleep(calm) // The window that is measured before the storm.
		report(b, room, "before")
		before, err := s.CPU()
		if err != nil {
			b.Fatal(err)
		}
		for _, c := range clients {
			c.begin(b)
		}
		connected, longest := 0, time.Duration(0)
		for _, c := range clients {
			n, took := c.result(b)
			connected += n
			longest = max(longest, took)
		}
		after, err := s.CPU()
		if err != nil {
			b.Fatal(err)
		}
		p99 := report(b, room, "during")
		time.Sleep(calm) // The window that is measured behind it.
		report(b, room, "after")
		b.Logf("%d of %d connected; the last after %v", connected, processes*each, longest)
		b.ReportMetric(longest.Seconds(), "last-s")
		b.ReportMetric(float64(p99.Microseconds())/1e3, "p99-ms")
		b.ReportMetric((after-before).Seconds()/float64(processes*each)*1e6, "server-cpu-µs/connect")
		if connected != processes*each {
			b.Errorf("%d were refused", processes*each-connected)
		}
		room.stop()
		if n := room.lost.Load(); n != 0 {
			b.Errorf("%d of the room were lost", n)
		}
		for _, c := range clients {
			c.End(b)
		}
	}
}

func report(b *testing.B, room *liveRoom, when string) (p99 time.Duration) {
	b.Helper()
	p50, p90, p99, n := room.take()
	b.Logf("%s: p50 %v, p90 %v, p99 %v of %d deliveries", when,
		p50.Round(10*time.Microsecond), p90.Round(10*time.Microsecond), p99.Round(10*time.Microsecond), n)
	return p99
}

// tokens makes n tokens for the server's room.
func (s *server) tokens(b *testing.B, n int) []string {
	b.Helper()
	tokens := make([]string, n)
	var all sync.WaitGroup
	for c := range callers {
		all.Go(func() {
			for i := c; i < n; i += callers {
				var err error
				if tokens[i], err = s.token(b.Context(), i); err != nil {
					b.Error(err)
					return
				}
			}
		})
	}
	all.Wait()
	return tokens
}

// stormProcess is a process of its own: one may have too few files open.
type stormProcess struct{ *process.Child }

func (s *server) stormProcess(b *testing.B, tokens []string) *stormProcess {
	b.Helper()
	// Clients are other machines: they must not take this one's processors from the
	// server and from those who measure.
	cmd := exec.CommandContext(b.Context(), "nice", "-n", "19", os.Args[0])
	cmd.Env = append(os.Environ(), stormClients+"="+s.Endpoint)
	c := &stormProcess{process.StartChild(b, cmd)}
	c.Tell(b, strings.Join(tokens, "\n"))
	return c
}

func (c *stormProcess) begin(b *testing.B) {
	b.Helper()
	c.Tell(b, "") // The end of the tokens.
}

func (c *stormProcess) result(b *testing.B) (connected int, longest time.Duration) {
	b.Helper()
	n, ms, _ := strings.Cut(c.Line(b), " ")
	connected, err := strconv.Atoi(n)
	if err != nil {
		b.Fatal(err)
	}
	took, err := strconv.Atoi(ms)
	if err != nil {
		b.Fatal(err)
	}
	return connected, time.Duration(took) * time.Millisecond
}
