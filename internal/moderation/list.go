package moderation

import (
	"hash/maphash"
	"math"
	"net/netip"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// list is the bans in force, in memory. It takes little memory, because it
// keeps no ids, users and rooms, but hashes of 128 bits with a secret seed.
type list struct {
	// size is how many entries there are, and hiding how many of them have a ban of TypeHide.
	// While they are 0, no lock is taken.
	size, hiding atomic.Int64

	mu      sync.RWMutex // mu guards the fields below.
	seeds   [2]maphash.Seed
	entries map[key]entry
	// lengths counts the ranges of each prefix length, of IPv4 and of IPv6. A look-up tries
	// only these lengths.
	lengths [2][129]int
	// known is the number of the last change that is in the list. All earlier ones are,
	// too.
	known int64
}

// key is the hash of a room and a user, or a range.
type key [2]uint64

// entry has the ends of the bans of one key, in the order of Types, in seconds since 1970;
// 0 is no ban.
type entry [3]uint32

// forGood is the end of a ban that does not end.
const forGood = math.MaxUint32

func newList() *list {
	return &list{seeds: [2]maphash.Seed{maphash.MakeSeed(), maphash.MakeSeed()}, entries: map[key]entry{}}
}

// endOf is the end of a ban in an entry.
func endOf(expires time.Time) uint32 {
	if expires.IsZero() || expires.Unix() >= forGood {
		return forGood
	}
	return uint32(max(expires.Unix(), 0))
}

// userKey is the key of a user in a room; "" is every room.
func (l *list) userKey(roomID, userID string) key {
	var b [128]byte // Most keys need no other memory.
	text := append(b[:0], byte(len(roomID)))
	text = append(text, roomID...)
	return l.hash(append(text, userID...))
}

// keyOf is userKey for bytes.
func (l *list) keyOf(room, user []byte) key {
	var b [128]byte
	text := append(b[:0], byte(len(room)))
	text = append(text, room...)
	return l.hash(append(text, user...))
}

func (l *list) hash(text []byte) (k key) {
	for i := range k {
		k[i] = maphash.Bytes(l.seeds[i], text)
	}
	return k
}

// rangeKey is the key of a range in a room. No user's key has this form, whose first byte
// is above the length of a room's id.
func (l *list) rangeKey(roomID string, p netip.Prefix) (k key) {
	a := p.Addr().As16()
	for i := range k {
		var h maphash.Hash
		h.SetSeed(l.seeds[i])
		h.WriteByte(math.MaxUint8)
		h.Write(a[:])
		h.WriteByte(byte(p.Bits()))
		h.WriteByte(byte(p.Addr().BitLen()))
		h.WriteString(roomID)
		k[i] = h.Sum64()
	}
	return k
}

// family returns the index of an address's family in lengths.
func family(a netip.Addr) int {
	if a.Is4() {
		return 0
	}
	return 1
}

// endOfNanos is endOf for nanoseconds since 1970; 0 is for good.
func endOfNanos(expires int64) uint32 {
	if expires == 0 {
		return forGood
	}
	return endOf(time.Unix(0, expires))
}

// placeOf returns the place of a type in an entry, if this release knows it.
func placeOf(t []byte) (i int, known bool) {
	for i := range Types {
		if string(t) == string(Types[i]) {
			return i, true
		}
	}
	return 0, false
}

// setLocked sets the end of a ban; 0 removes the ban.
func (l *list) setLocked(b *Ban, end uint32) {
	i := slices.Index(Types, b.Type)
	if i < 0 {
		return // of a later release
	}
	var k key
	if b.UserID != "" {
		k = l.userKey(b.RoomID, b.UserID)
	} else {
		k = l.rangeKey(b.RoomID, b.Range)
	}
	existed, exists := l.putLocked(i, k, end)
	if b.UserID == "" {
		n := &l.lengths[family(b.Range.Addr())][b.Range.Bits()]
		switch {
		case exists && !existed:
			*n++
		case existed && !exists:
			*n--
		}
	}
}

// putLocked sets the end of one ban of a key. It reports whether the key had an entry
// before, and whether it has one now.
func (l *list) putLocked(i int, k key, end uint32) (existed, exists bool) {
	e, existed := l.entries[k]
	if Types[i] == TypeHide {
		switch was := e[i] > 0; {
		case end > 0 && !was:
			l.hiding.Add(1)
		case end == 0 && was:
			l.hiding.Add(-1)
		}
	}
	e[i] = end
	exists = e != entry{}
	if exists {
		l.entries[k] = e
	} else {
		delete(l.entries, k)
	}
	l.size.Store(int64(len(l.entries)))
	return existed, exists
}

// empty reports whether there are no bans at all.
func (l *list) empty() bool { return l.size.Load() == 0 }

// find returns the end of the longest ban of a type that applies to a user at an address in
// a room, and whether that is a ban of every room. It returns 0 if there is none.
func (l *list) find(t Type, roomID, userID string, ip netip.Addr, now time.Time) (end uint32, everywhere bool) {
	i, at := slices.Index(Types, t), endOf(now)
	l.mu.RLock()
	defer l.mu.RUnlock()
	look := func(k key, all bool) {
		if e, ok := l.entries[k]; ok && e[i] > max(at, end) {
			end, everywhere = e[i], all
		}
	}
	look(l.userKey(roomID, userID), false)
	look(l.userKey("", userID), true)
	if !ip.IsValid() {
		return end, everywhere
	}
	ip = ip.Unmap().WithZone("")
	for bits, n := range l.lengths[family(ip)][:ip.BitLen()+1] {
		if n > 0 {
			p := netip.PrefixFrom(ip, bits).Masked()
			look(l.rangeKey(roomID, p), false)
			look(l.rangeKey("", p), true)
		}
	}
	return end, everywhere
}
