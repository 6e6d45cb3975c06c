package cluster_test

import (
	"fmt"
	"runtime"
	"slices"
	"sync"
	"syscall"
	"testing"
	"time"

	"confab/internal/messagingtest"
	"confab/internal/nats"
)

// homed returns a room whose home is the node.
func homed(t testing.TB, nodes map[string]*node, r *messagingtest.Store, home string) string {
	t.Helper()
	for _, room := range r.RoomIDs() {
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

// BenchmarkAskedFrame measures the processor time of three nodes in one process for a
// frame whose home is asked by another node.
func BenchmarkAskedFrame(b *testing.B) {
	r := newRooms(32, 100)
	nodes := startNATS(b, r, "a", "b", "c")
	room := homed(b, nodes, r, "b")
	runtime.GC()
	before := cpu(b)
	b.SetParallelism(4)
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			if _, err := nodes["a"].engine.SendEvent(b.Context(), room, "e", nil); err != nil {
				b.Error(err)
				return
			}
		}
	})
	b.ReportMetric(float64((cpu(b)-before).Nanoseconds())/float64(b.N)/1000, "cpu-µs/frame")
}

func cpu(b *testing.B) time.Duration {
	b.Helper()
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// BenchmarkViewChange measures how long homes are closed when a node joins two
// that have 10,000 busy rooms in their logs: it has to fetch the log of every
// room whose home it becomes.
func BenchmarkViewChange(b *testing.B) {
	const busy = 10_000
	r := newRooms(0, 10)
	nodes := startNATS(b, r, "a", "b")
	for i := range busy { // After the start, so that the nodes do not join them.
		r.Add(messagingtest.NewRoom(roomID(i)))
	}
	ids := make(chan string, busy)
	for _, room := range r.RoomIDs() {
		ids <- room
	}
	close(ids)
	var sending sync.WaitGroup
	for range 64 {
		sending.Go(func() {
			for room := range ids {
				if _, err := nodes["a"].engine.SendEvent(b.Context(), room, "e", nil); err != nil {
					b.Error(err)
				}
			}
		})
	}
	sending.Wait()
	var closed time.Duration
	for i := 0; b.Loop(); i++ {
		b.StopTimer()
		before := nodes["a"].View().ID
		id := fmt.Sprint("c", i)
		conn, err := nats.Open(nats.Options{
			Name: id, Listen: "127.0.0.1:0", Secret: "secret", Log: testLog(b, id),
			Peers: []string{"nats://" + nodes["a"].conn.Address().String(), "nats://" + nodes["b"].conn.Address().String()},
		})
		if err != nil {
			b.Fatal(err)
		}
		n := newNode(b, id, options{rooms: r, transport: conn})
		if err := n.Start(canceled()); err != nil {
			b.Fatal(err)
		}
		for n.View().ID == before || n.View().ID.Number == 0 {
			time.Sleep(time.Millisecond) // Shorter than what is measured by far.
		}
		b.StartTimer()
		began := time.Now()
		for n.Ready() != nil {
			time.Sleep(time.Millisecond) // As above.
		}
		closed += time.Since(began)
		b.StopTimer()
		n.stop()
		conn.Close()
		await(b, nodes, 2)
		b.StartTimer()
	}
	b.ReportMetric(float64(closed.Milliseconds())/float64(b.N), "closed-ms")
}

// BenchmarkIdle measures the processor time of a node of several that have nothing to do, all in
// one process over loopback, without rooms and with clients in some.
func BenchmarkIdle(b *testing.B) {
	for _, size := range []int{3, 10} {
		for _, rooms := range []int{0, 50} {
			b.Run(fmt.Sprintf("%d nodes, %d rooms", size, rooms), func(b *testing.B) {
				var ids []string
				for i := range size {
					ids = append(ids, fmt.Sprint("n", i))
				}
				startNATS(b, newRooms(rooms, 100), ids...)
				time.Sleep(2 * time.Second) // Heartbeats are full after a new view.
				runtime.GC()
				before := cpu(b)
				b.ResetTimer()
				for range b.N {
					time.Sleep(time.Second)
				}
				b.ReportMetric(float64((cpu(b)-before).Microseconds())/1000/b.Elapsed().Seconds()/float64(size), "cpu-ms/s/node")
				b.ReportMetric(0, "ns/op")
			})
		}
	}
}
