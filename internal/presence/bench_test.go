package presence_test

import (
	"fmt"
	"runtime"
	"testing"
	"time"

	"confab/internal/chat"
	"confab/internal/presence"
)

// BenchmarkConnection is what presence costs for a connection: it joins, is told who is
// there, and leaves. bytes/connection is the memory while it is there.
func BenchmarkConnection(b *testing.B) {
	n := &node{Service: presence.New()}
	defer n.Close()
	n.Interval = time.Hour
	w := n.Watch(room, chat.PresenceCount, n)
	users := make([]string, b.N)
	for i := range users {
		users[i] = fmt.Sprintf("user-%020d", i)
	}
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	b.ReportAllocs()
	b.ResetTimer()
	for _, u := range users {
		w.Joined(u)
		w.Greeting()
	}
	b.StopTimer()
	runtime.GC()
	runtime.ReadMemStats(&after)
	b.ReportMetric(float64(after.HeapAlloc-before.HeapAlloc)/float64(b.N), "bytes/connection")
	b.StartTimer()
	for _, u := range users {
		w.Left(u)
	}
}
