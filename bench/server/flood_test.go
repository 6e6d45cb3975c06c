package server

import (
	"bytes"
	"io"
	"testing"
	"time"

	"confab/internal/testbed/process"
)

// BenchmarkFlood has three clients send bad requests as fast as they are read,
// and take their answers, beside a room in which people talk.
func BenchmarkFlood(b *testing.B) {
	const flooders, lasts = 3, 5 * time.Second
	for b.Loop() {
		s := start(b, process.Options{})
		room := s.converse(b)
		time.Sleep(lasts) // The window that is measured without the flood.
		p50, p90, p99, n := room.take()
		b.Logf("before: p50 %v, p90 %v, p99 %v of %d deliveries", p50, p90, p99, n)
		before, err := s.CPU()
		if err != nil {
			b.Fatal(err)
		}
		for range flooders {
			conn := s.member(b, "flooder")
			go io.Copy(io.Discard, conn) //nolint:errcheck // It ends with the connection.
			go func() {
				frames := bytes.Repeat(masked("not a request"), 500)
				for {
					if _, err := conn.Write(frames); err != nil {
						return
					}
				}
			}()
			defer conn.Close()
		}
		time.Sleep(lasts) // The window that is measured with it.
		after, err := s.CPU()
		if err != nil {
			b.Fatal(err)
		}
		p50, p90, p99, n = room.take()
		b.Logf("during: p50 %v, p90 %v, p99 %v of %d deliveries", p50, p90, p99, n)
		b.ReportMetric((after-before).Seconds()/lasts.Seconds(), "server-cores")
		b.ReportMetric(float64(p50.Microseconds())/1e3, "p50-ms")
		b.ReportMetric(float64(p90.Microseconds())/1e3, "p90-ms")
		room.stop()
		if n := room.lost.Load(); n != 0 {
			b.Errorf("%d of the room were lost", n)
		}
	}
}
