// Package moderation has the bans: which users and addresses may not be in a room, may not
// send messages there, or are not read by others. They are in the main database of package
// store, and in the memory of every server, where handshakes and messages look them up.
//
//	Bans      the bans: changes in SQL, see store.go; what other servers changed, see follow.go
//	list      the bans in force, in memory: a lookup costs a few hashes, and no I/O
//
// A change has a number, which grows over all servers. A server knows all changes up to a
// number, and reads those after it: when another server notifies it, and twice a second in
// case a notice was lost. So the known bans stay in force while the database is not reachable.
//
// Database failures are *chat.Error with the code Unavailable.
package moderation

import (
	"fmt"
	"net/netip"
	"strings"
	"time"

	"confab/internal/chat"
)

// Type is what a ban forbids.
type Type string

// The types of bans.
const (
	TypeBan  Type = "BAN"  // to be in the room
	TypeMute Type = "MUTE" // to send messages
	TypeHide Type = "HIDE" // to be read by others
)

// Types are all types of bans, in the order of their places in an entry.
var Types = []Type{TypeBan, TypeMute, TypeHide}

// Ban excludes a user or a range of addresses from one room or from all rooms; its Type
// says from what.
type Ban struct {
	ID   string
	Type Type
	// RoomID is empty for every room.
	RoomID string
	// UserID is empty if Range is set.
	UserID string
	Range  netip.Prefix
	Reason string
	// CreatedBy is the ARN of a principal, or a room's ARN, a slash and the user id of a
	// moderator.
	CreatedBy  string
	CreateTime time.Time
	// Expires is when the ban ends, in whole seconds; zero if it has no end.
	Expires time.Time
}

// subject is the column of the ban's subject.
func (b *Ban) subject() (subject []byte, ranged int) {
	if b.UserID != "" {
		return []byte(b.UserID), 0
	}
	return []byte(b.Range.String()), 1
}

// ParseRange reads a range in CIDR notation. Bits behind the prefix are cleared, and IPv4
// addresses that are written as IPv6 become IPv4.
func ParseRange(s string) (netip.Prefix, error) {
	if !strings.Contains(s, "/") {
		if a, err := netip.ParseAddr(s); err == nil && a.Zone() == "" {
			return netip.Prefix{}, fmt.Errorf("must be a range in CIDR notation, as %s/%d is for this one address", s, a.BitLen())
		}
	}
	p, err := netip.ParsePrefix(s)
	if err != nil {
		return netip.Prefix{}, fmt.Errorf("must be a range in CIDR notation such as 192.0.2.0/24 or 2001:db8::/48, this is %.64q", s)
	}
	if a := p.Addr(); a.Is4In6() {
		if p.Bits() < mappedBits {
			return netip.Prefix{}, fmt.Errorf("must have a prefix of %d bits or more, as for an IPv4 address that is written as IPv6, or be IPv4: %s", mappedBits, a.Unmap())
		}
		p = netip.PrefixFrom(a.Unmap(), p.Bits()-mappedBits)
	}
	return p.Masked(), nil
}

// mappedBits is the length of the prefix before an IPv4 address that is written as IPv6.
const mappedBits = 96

// Wide reports whether a range has so many addresses that it is likely a mistake: all of
// IPv4 or IPv6, or more than 2^24 addresses of IPv4 or networks of 2^112 of IPv6.
func Wide(p netip.Prefix) bool {
	if p.Addr().Is4() {
		return p.Bits() < 8
	}
	return p.Bits() < 16
}

// inWords describes the time until the end of a ban: " for 4 minutes".
func inWords(end uint32, now time.Time) string {
	if end == forGood {
		return ""
	}
	left := time.Unix(int64(end), 0).Sub(now)
	for _, unit := range []struct {
		name string
		size time.Duration
	}{{"second", time.Second}, {"minute", time.Minute}, {"hour", time.Hour}, {"day", 24 * time.Hour}} {
		n := max((left+unit.size/2)/unit.size, 1)
		if unit.name == "day" || n <= map[string]time.Duration{"second": 90, "minute": 90, "hour": 36}[unit.name] {
			if n > 1 {
				return fmt.Sprintf(" for %d %ss", n, unit.name)
			}
			return fmt.Sprintf(" for 1 %s", unit.name)
		}
	}
	return ""
}

// banned is the error for a handshake of a banned user, and for a request of a session that
// is about to end.
func banned(end uint32, everywhere bool, now time.Time) error {
	from := "this room"
	if everywhere {
		from = "all rooms"
	}
	return chat.Errorf(chat.AccessDenied, "You are banned from %s%s", from, inWords(end, now)).By("ban")
}

// muted is the error for a message of a muted user.
func muted(end uint32, now time.Time) error {
	return chat.Errorf(chat.AccessDenied, "You are muted%s", inWords(end, now)).By("mute")
}

// noSuchBan is the error for a ban that does not exist, or has ended.
func noSuchBan(id string) error {
	return &chat.Error{Code: chat.NotFound, Message: fmt.Sprintf("The ban %.64q does not exist", id), Resource: chat.ARN{Type: chat.BanResource, ID: id}}
}
