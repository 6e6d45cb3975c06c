package server

import (
	"bufio"
	"encoding/binary"
	"io"
	"net"
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/ivschat"

	"confab/internal/testbed/process"
)

const (
	quietMembers = 20 // of each room
	quietFor     = time.Minute
)

// quietKinds are the rooms that BenchmarkQuiet compares; the first is a plain one.
var quietKinds = []struct {
	name string
	tags map[string]string
}{
	{"plain", nil},
	{"catch-up", map[string]string{"confab:catch-up": "1m"}},
	{"presence", map[string]string{"confab:presence": "count"}},
	{"presence-full", map[string]string{"confab:presence": "full"}},
}

// BenchmarkQuiet shows what a connection costs in a room without messages: processor
// time of the server, most of it for Pings and Pongs, and memory of its heap; and both beside
// those of a plain room. Each kind of room has a server of its own with b.N connections in rooms
// of 20. All are measured at the same time, so that other work on the machine affects all alike.
func BenchmarkQuiet(b *testing.B) {
	if b.N == 1 {
		return // The testing package tries each benchmark with one connection first.
	}
	servers := make([]*server, len(quietKinds))
	empty, heap := make([]float64, len(quietKinds)), make([]float64, len(quietKinds))
	for i := range servers {
		servers[i] = start(b, process.Options{Args: []string{"--log-level", "info", "--max-connections", "0", "--max-connections-per-address", "0"}})
	}
	idle := spent(b, servers, quietFor/3)
	var conns []net.Conn
	var all sync.WaitGroup
	for i, s := range servers {
		var tokens []string
		for len(tokens) < b.N {
			room, err := s.api.CreateRoom(b.Context(), &ivschat.CreateRoomInput{Tags: quietKinds[i].tags})
			if err != nil {
				b.Fatal(err)
			}
			s.room = *room.Arn
			tokens = append(tokens, s.tokens(b, min(quietMembers, b.N-len(tokens)))...)
		}
		s.heap(b) // A second collection empties the pools.
		empty[i] = s.heap(b)
		for _, token := range tokens {
			conn, err := connect(s.Endpoint, token)
			if err != nil {
				b.Fatal(err)
			}
			conns = append(conns, conn)
			all.Go(func() { answerPings(conn) })
		}
	}
	time.Sleep(10 * time.Second) // What follows the joins is over, and the first pings are answered.
	busy := spent(b, servers, quietFor)
	for i, s := range servers { // By now what a join leaves for a while is gone on all of them.
		s.heap(b)
		heap[i] = (s.heap(b) - empty[i]) / float64(b.N)
	}
	each := func(i int) float64 { return (busy[i] - idle[i]) / float64(b.N) }
	for i, kind := range quietKinds {
		b.ReportMetric(heap[i], "heap-bytes/conn-"+kind.name)
		b.ReportMetric(each(i), "cpu-µs/conn/s-"+kind.name)
		if i > 0 {
			b.ReportMetric(heap[i]-heap[0], "heap-bytes-above-plain/conn-"+kind.name)
			b.ReportMetric(each(i)-each(0), "cpu-µs-above-plain/conn/s-"+kind.name)
		}
	}
	b.ReportMetric(0, "ns/op")
	for _, conn := range conns {
		conn.Close()
	}
	all.Wait()
}

// spent returns how many µs of processor time each server uses in a second, over a while.
func spent(b *testing.B, servers []*server, d time.Duration) []float64 {
	b.Helper()
	used := func() (all []time.Duration) {
		for _, s := range servers {
			one, err := s.CPU()
			if err != nil {
				b.Fatal(err)
			}
			all = append(all, one)
		}
		return all
	}
	begin, before := time.Now(), used()
	time.Sleep(d)
	after, took := used(), time.Since(begin).Seconds()
	each := make([]float64, len(servers))
	for i := range servers {
		each[i] = float64((after[i] - before[i]).Microseconds()) / took
	}
	return each
}

// heap returns the bytes of the server's heap behind a collection.
func (s *server) heap(b *testing.B) float64 {
	b.Helper()
	r, err := http.NewRequestWithContext(b.Context(), http.MethodGet, "http://"+s.Admin(b)+"/debug/pprof/heap?gc=1", nil)
	if err != nil {
		b.Fatal(err)
	}
	r.Close = true
	res, err := http.DefaultClient.Do(r)
	if err != nil {
		b.Fatal(err)
	}
	res.Body.Close()
	if res.StatusCode != http.StatusOK {
		b.Fatalf("the heap profile was answered %d", res.StatusCode)
	}
	return s.Metric(b, "go_memstats_heap_alloc_bytes")
}

// answerPings answers the Pings of a connection until it ends.
func answerPings(conn net.Conn) {
	in := bufio.NewReaderSize(conn, 256)
	const ping, pong = 0x89, 0x8a
	for {
		var head [4]byte
		if _, err := io.ReadFull(in, head[:2]); err != nil {
			return
		}
		size := int(head[1])
		if size == 126 {
			if _, err := io.ReadFull(in, head[2:]); err != nil {
				return
			}
			size = int(binary.BigEndian.Uint16(head[2:]))
		}
		payload := make([]byte, size)
		if _, err := io.ReadFull(in, payload); err != nil {
			return
		}
		if head[0] != ping {
			continue
		}
		answer := append([]byte{pong, 0x80 | byte(size), 0, 0, 0, 0}, payload...) // The masking key is 0.
		if _, err := conn.Write(answer); err != nil {
			return
		}
	}
}
