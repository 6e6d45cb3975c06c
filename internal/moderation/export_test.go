package moderation

import (
	"context"
	"encoding/binary"
	"fmt"
	"net/netip"
	"runtime"
	"testing"
	"time"

	"confab/internal/sqldb"
)

// Store puts n bans into a SQLite database, a tenth of them of ranges, with one statement.
func Store(ctx context.Context, bans *Bans, n int) error {
	return bans.sql.Update(ctx, func(ctx context.Context, s sqldb.Session) error {
		_, err := s.Exec(ctx, `WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < $1)
			INSERT INTO bans (`+BansTable.Columns+`)
			SELECT printf('ban%09d', i), i, CASE i % 5 WHEN 0 THEN 'MUTE' ELSE 'BAN' END, CASE i % 2 WHEN 0 THEN '' ELSE printf('room%08d', i % 1000) END,
				CAST(CASE i % 10 WHEN 0 THEN printf('%d.%d.%d.0/24', 1 + i >> 16 & 127, i >> 8 & 255, i & 255) ELSE printf('user-%d', i) END AS BLOB),
				i % 10 = 0, x'7370616d', x'726f6f74', 1700000000000000000, CASE i % 3 WHEN 0 THEN 4000000000000000000 ELSE 0 END, i, 0 FROM n`, n)
		return err
	})
}

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

// Started returns other bans of the same database, as another server would start them.
func Started(ctx context.Context, bans *Bans) (*Bans, error) {
	other := New(bans.sql, bans.now, bans.log)
	return other, other.Start(ctx, Hooks{})
}

// SetOwnClock sets a server's own clock, before Start.
func SetOwnClock(b *Bans, own func() time.Time) { b.clock.own = own }
