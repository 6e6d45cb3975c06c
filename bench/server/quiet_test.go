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
	quietFor     = 20 * time.Second
)

// BenchmarkQuiet shows what a connection costs in a room without messages: processor
// time of the server, most of it for Pings and Pongs, and memory of its heap; and both beside
// those of a plain room. There are b.N connections in rooms of 20.
func BenchmarkQuiet(b *testing.B) {
	var plainHeap, plainSpent float64
	for _, c := range []struct {
		name string
		tags map[string]string
	}{
		{"plain", nil},
		{"catch-up", map[string]string{"confab:catch-up": "1m"}},
		{"presence", map[string]string{"confab:presence": "count"}},
		{"presence full", map[string]string{"confab:presence": "full"}},
	} {
		b.Run(c.name, func(b *testing.B) {
			s := start(b, process.Options{Args: []string{"--log-level", "info", "--max-connections", "0", "--max-connections-per-address", "0"}})
			idle := s.spent(b, quietFor)
			var tokens []string
			for len(tokens) < b.N {
				room, err := s.api.CreateRoom(b.Context(), &ivschat.CreateRoomInput{Tags: c.tags})
				if err != nil {
					b.Fatal(err)
				}
				s.room = *room.Arn
				tokens = append(tokens, s.tokens(b, min(quietMembers, b.N-len(tokens)))...)
			}
			s.heap(b) // A second collection empties the pools.
			empty := s.heap(b)
			var all sync.WaitGroup
			conns := make([]net.Conn, len(tokens))
			for i, token := range tokens {
				var err error
				if conns[i], err = connect(s.Endpoint, token); err != nil {
					b.Fatal(err)
				}
				all.Go(func() { answerPings(conns[i]) })
			}
			time.Sleep(10 * time.Second) // What follows the joins is over, and the first pings are answered.
			s.heap(b)
			heap, spent := (s.heap(b)-empty)/float64(b.N), (s.spent(b, quietFor)-idle)/float64(b.N)
			b.ReportMetric(heap, "heap-bytes/conn")
			b.ReportMetric(spent, "cpu-µs/conn/s")
			if c.tags == nil {
				plainHeap, plainSpent = heap, spent
			} else {
				b.ReportMetric(heap-plainHeap, "heap-bytes-above-plain/conn")
				b.ReportMetric(spent-plainSpent, "cpu-µs-above-plain/conn/s")
			}
			for _, conn := range conns {
				conn.Close()
			}
			all.Wait()
		})
	}
}

// spent returns how many µs of processor time the server uses in a second, over a while.
func (s *server) spent(b *testing.B, d time.Duration) float64 {
	b.Helper()
	before, err := s.CPU()
	if err != nil {
		b.Fatal(err)
	}
	begin := time.Now()
	time.Sleep(d)
	after, err := s.CPU()
	if err != nil {
		b.Fatal(err)
	}
	return float64((after - before).Microseconds()) / time.Since(begin).Seconds()
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
