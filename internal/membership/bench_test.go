package membership

import (
	"fmt"
	"syscall"
	"testing"
	"time"

	"confab/internal/protocol"
)

// BenchmarkHeartbeat measures the processor time of a heartbeat at the node that sends it and at
// one that gets it, brief and full.
func BenchmarkHeartbeat(b *testing.B) {
	for _, nodes := range []int{10, 30, 100} {
		m, v := beating(nodes)
		beat := protocol.Heartbeat{ID: m.self, Reads: protocol.BriefVersion, Eligible: true, View: v, Promised: 7}
		reader, _ := beating(nodes)
		reader.self = v.Members[1]
		for _, brief := range []bool{true, false} {
			send := func(number uint64) []byte {
				next := beat
				if next.N = number; brief {
					next.Marks, next.Also = m.Marks(&v, &v, number, Epoch)
				} else {
					next.Sees, next.Leases = m.Seen(), m.SupportLeases(&v, &v, Epoch)
				}
				data, err := next.Bytes()
				if err != nil {
					b.Fatal(err)
				}
				return data
			}
			name := fmt.Sprintf("%d nodes, brief %t", nodes, brief)
			b.Run("send/"+name, func(b *testing.B) {
				began := processor()
				for range b.N {
					send(101)
				}
				b.ReportMetric(float64(processor()-began)/float64(b.N), "cpu-ns/op")
			})
			b.Run("get/"+name, func(b *testing.B) {
				reader.peers[beat.ID] = &peer{last: protocol.Heartbeat{ID: beat.ID, Speaks: protocol.Version}}
				data, began := send(101), processor()
				for range b.N {
					got, err := protocol.DecodeHeartbeat(data)
					if err != nil || got.Marks != nil && !reader.Resolve(&got, &v) {
						b.Fatal("it cannot be read")
					}
					reader.peers[beat.ID].last.N = 0
					reader.Note(&got, Epoch)
				}
				b.ReportMetric(float64(processor()-began)/float64(b.N), "cpu-ns/op")
			})
		}
	}
}

// processor returns the processor time of the process.
func processor() time.Duration {
	var u syscall.Rusage
	if syscall.Getrusage(syscall.RUSAGE_SELF, &u) != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
