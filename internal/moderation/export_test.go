package moderation

import (
	"encoding/binary"
	"fmt"
	"net/netip"
	"runtime"
	"testing"
)

// Fill puts n bans into the list, a tenth of them of ranges, and reports the memory of
// each.
func Fill(b *testing.B, bans *Bans, n int) {
	b.Helper()
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	bans.list.mu.Lock()
	for i := range n {
		ban := Ban{Type: TypeBan, UserID: fmt.Sprint("user", i)}
		if i%10 == 0 {
			var a [4]byte
			binary.BigEndian.PutUint32(a[:], uint32(i)<<8)
			ban = Ban{Type: TypeBan, Range: netip.PrefixFrom(netip.AddrFrom4(a), 24+i%9)}
		}
		bans.list.setLocked(&ban, forGood)
	}
	bans.list.mu.Unlock()
	runtime.GC()
	runtime.ReadMemStats(&after)
	b.ReportMetric(float64(after.HeapAlloc-before.HeapAlloc)/float64(n), "B/ban")
}
