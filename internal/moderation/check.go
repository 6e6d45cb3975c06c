package moderation

import (
	"context"
	"net/netip"
	"time"

	"confab/internal/sqldb"
)

// None reports whether there are no bans at all. It takes no lock.
func (b *Bans) None() bool { return b.list.empty() }

// Banned returns AccessDenied, with a text for the person, if the user or the address may
// not be in the room. An invalid address is in no range.
func (b *Bans) Banned(roomID, userID string, ip netip.Addr) error {
	if b.None() {
		return nil
	}
	now := b.now()
	if end, everywhere := b.list.find(TypeBan, roomID, userID, ip, now); end > 0 {
		return banned(end, everywhere, now)
	}
	return nil
}

// BannedSince reports whether a ban of the user in the room, or in every room, was created
// at or after since. That ban may have ended. since must be at most kept ago.
func (b *Bans) BannedSince(ctx context.Context, roomID, userID string, since time.Time) (bool, error) {
	var one int
	return b.sql.Read().Row(ctx, `SELECT 1 FROM bans WHERE subject = $1 AND ranged = 0 AND room_id IN ($2, '') AND type = $3 AND create_time >= $4 LIMIT 1`,
		[]any{[]byte(userID), roomID, string(TypeBan), since.UnixNano()}, &one)
}

// Muted returns AccessDenied, with a text for the person, if the user or the address may
// not send messages in the room.
func (b *Bans) Muted(roomID, userID string, ip netip.Addr) error {
	if err := b.Banned(roomID, userID, ip); err != nil || b.None() {
		return err
	}
	now := b.now()
	if end, _ := b.list.find(TypeMute, roomID, userID, ip, now); end > 0 {
		return muted(end, now)
	}
	return nil
}

// Hides reports whether only the user sees what the user, at an address in text form, sends
// in the room.
func (b *Bans) Hides(roomID, userID, ip string) bool {
	if b.list.hiding.Load() == 0 {
		return false
	}
	address, _ := netip.ParseAddr(ip) // An invalid address is in no range.
	end, _ := b.list.find(TypeHide, roomID, userID, address, b.now())
	return end > 0
}

// Forbids returns what Banned returns, or, if the user sends a message, what Muted returns.
// The address is in text form.
func (b *Bans) Forbids(roomID, userID, ip string, sends bool) error {
	if b.None() {
		return nil
	}
	address, _ := netip.ParseAddr(ip) // An invalid address is in no range.
	if sends {
		return b.Muted(roomID, userID, address)
	}
	return b.Banned(roomID, userID, address)
}

// LatestChange is an SQL expression for the number of the last change of bans, for the
// statement that spends a chat token; see Known.
const LatestChange = `(SELECT max(change) FROM bans)`

// Known reads the changes up to a number, which the caller got from LatestChange in the
// same transaction. So whether a user is banned is decided in the transaction that spends
// the token. Known does nothing before Start: a server with --extensions off ignores bans.
func (b *Bans) Known(ctx context.Context, s sqldb.Session, change int64) error {
	if change <= b.known() || !b.isStarted() {
		return nil
	}
	return b.readIn(ctx, s)
}
