package cluster_test

import (
	"fmt"
	"runtime"
	"slices"
	"syscall"
	"testing"
	"time"
)

// homed returns a room whose home is the node.
func homed(t testing.TB, nodes map[string]*node, r *rooms, home string) string {
	t.Helper()
	for room := range r.rooms {
		if nodes[home].Owner(room) == home {
			return room
		}
	}
	t.Fatal("no room has its home at " + home)
	return ""
}

// BenchmarkRemoteHome measures the time of an event from request to answer, at
// a home on this node and on another, in a cluster of two over loopback.
func BenchmarkRemoteHome(b *testing.B) {
	r := newRooms(32, 100)
	nodes := startNATS(b, r, "a", "b")
	for _, home := range []string{"a", "b"} {
		room := homed(b, nodes, r, home)
		name := map[string]string{"a": "home here", "b": "home on the other node"}[home]
		b.Run(name, func(b *testing.B) {
			var took []time.Duration
			for b.Loop() {
				began := time.Now()
				if _, err := nodes["a"].engine.SendEvent(b.Context(), room, "e", nil); err != nil {
					b.Fatal(err)
				}
				took = append(took, time.Since(began))
			}
			slices.Sort(took)
			b.ReportMetric(float64(took[len(took)/2].Microseconds()), "p50-µs")
			b.ReportMetric(float64(took[len(took)*99/100].Microseconds()), "p99-µs")
		})
	}
}

// BenchmarkFrame measures the CPU time of the whole process per frame, all
// nodes in one process: what a cluster costs.
func BenchmarkFrame(b *testing.B) {
	for size := 1; size <= 3; size++ {
		b.Run(fmt.Sprintf("%d nodes", size), func(b *testing.B) {
			r := newRooms(32, 100)
			nodes := startNATS(b, r, []string{"a", "b", "c"}[:size]...)
			room := homed(b, nodes, r, "a")
			runtime.GC()
			before := cpu(b)
			b.RunParallel(func(pb *testing.PB) {
				for pb.Next() {
					if _, err := nodes["a"].engine.SendEvent(b.Context(), room, "e", nil); err != nil {
						b.Error(err)
						return
					}
				}
			})
			b.ReportMetric(float64((cpu(b)-before).Nanoseconds())/float64(b.N)/1000, "cpu-µs/frame")
		})
	}
}

func cpu(b *testing.B) time.Duration {
	b.Helper()
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
