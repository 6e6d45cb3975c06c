package moderation

import (
	"context"
	"net/netip"
	"time"

	"confab/internal/sqldb"
)

// None reports whether there are no bans at all. It takes no lock.
func (b *Bans) None() bool { return b.list.empty() }

// Banned returns AccessDenied, with words for the person, if the user or the address may
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

// BannedSince reports whether a ban of the user was made at or after a time that is at most
// kept ago, in the room or in every room. It may have ended since.
func (b *Bans) BannedSince(ctx context.Context, roomID, userID string, since time.Time) (bool, error) {
	var one int
	return b.sql.Read().Row(ctx, `SELECT 1 FROM bans WHERE subject = $1 AND ranged = 0 AND room_id IN ($2, '') AND type = $3 AND create_time >= $4 LIMIT 1`,
		[]any{[]byte(userID), roomID, string(TypeBan), since.UnixNano()}, &one)
}

// Muted is Banned for those who may not send messages there.
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

// Forbids is Banned, or Muted if the user sends a message, for a user at an address in
// text form.
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

// LatestChange is an expression for the number of the last change of bans, for a
// statement that spends chat tokens; see Known.
const LatestChange = `(SELECT max(change) FROM bans)`

// Known makes the changes up to a number known, in a transaction that was told it by
// LatestChange. So who is banned is decided in the transaction that spends the token. It
// does nothing before Start: a server whose extensions are off ignores bans.
func (b *Bans) Known(ctx context.Context, s sqldb.Session, change int64) error {
	if change <= b.known() || !b.isStarted() {
		return nil
	}
	return b.readIn(ctx, s)
}
