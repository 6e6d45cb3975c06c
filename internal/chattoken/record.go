package chattoken

import (
	"encoding/binary"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"confab/internal/chat"
)

// recordVersion is the first byte of a record. A node refuses a token with another
// version, so a release that reads a new version must come before one that writes it.
const recordVersion = 1

// capabilities gives every capability its bit in the record. Append only.
var capabilities = [...]chat.Capability{chat.SendMessage, chat.DisconnectUser, chat.DeleteMessage}

// capabilitySets has the capabilities of each combination of bits, for all tokens to share.
var capabilitySets = func() (sets [1 << len(capabilities)][]chat.Capability) {
	for bits := range sets {
		for i, c := range capabilities {
			if bits&(1<<i) != 0 {
				sets[bits] = append(sets[bits], c)
			}
		}
		sets[bits] = slices.Clip(sets[bits])
	}
	return sets
}()

// appendToken appends t to b as
//
//	version, 16 bytes of id, capability bits, room id, user id,
//	three times (seconds, nanoseconds), number of attributes, keys and values
//
// where a string is its length as a varint and its bytes. Region, account and type of
// the room are left out because the associated data has them. The order of capabilities
// is lost, and an empty list becomes nil; attributes are sorted by key.
func appendToken(b []byte, t *chat.Token) ([]byte, error) {
	var bits byte
	for _, c := range t.Capabilities {
		i := slices.Index(capabilities[:], c)
		if i < 0 {
			return nil, fmt.Errorf("seal a chat token: no capability is called %q", c)
		}
		bits |= 1 << i
	}
	b = append(b, recordVersion)
	b = append(b, t.ID[:]...)
	b = append(b, bits)
	b = appendString(b, t.Room.ID)
	b = appendString(b, t.UserID)
	for _, at := range []time.Time{t.IssuedAt, t.Expires, t.SessionExpires} {
		b = binary.AppendVarint(b, at.Unix())
		b = binary.AppendUvarint(b, uint64(at.Nanosecond()))
	}
	b = binary.AppendUvarint(b, uint64(len(t.Attributes)))
	for _, k := range slices.Sorted(maps.Keys(t.Attributes)) {
		b = appendString(b, k)
		b = appendString(b, t.Attributes[k])
	}
	return b, nil
}

func appendString(b []byte, s string) []byte {
	b = binary.AppendUvarint(b, uint64(len(s)))
	return append(b, s...)
}

// The errors of parseToken for a record that appendToken did not make.
var (
	errVersion = errors.New("unknown version of the token record")
	errRecord  = errors.New("malformed token record")
)

// parseToken is the inverse of appendToken. It never reads beyond b and never
// allocates more than b has bytes for.
func parseToken(b []byte) (*chat.Token, error) {
	r := reader{rest: b}
	if version := r.byte(); version != recordVersion {
		return nil, errVersion
	}
	t := &chat.Token{}
	copy(t.ID[:], r.bytes(uint64(len(t.ID))))
	bits := r.byte()
	t.Capabilities = capabilitySets[bits%byte(len(capabilitySets))]
	t.Room.ID = r.string()
	t.UserID = r.string()
	t.IssuedAt, t.Expires, t.SessionExpires = r.time(), r.time(), r.time()
	for n := r.uvarint(); n > 0 && !r.bad; n-- {
		if t.Attributes == nil {
			t.Attributes = map[string]string{}
		}
		k := r.string()
		t.Attributes[k] = r.string()
	}
	if r.bad || len(r.rest) > 0 || bits>>len(capabilities) != 0 {
		return nil, errRecord
	}
	return t, nil
}

// reader takes values off the front of rest. After the first missing value it is bad,
// and everything it returns is empty.
type reader struct {
	rest []byte
	bad  bool
}

func (r *reader) bytes(n uint64) []byte {
	if r.bad || n > uint64(len(r.rest)) {
		r.bad = true
		return nil
	}
	b := r.rest[:n]
	r.rest = r.rest[n:]
	return b
}

func (r *reader) byte() byte {
	if b := r.bytes(1); b != nil {
		return b[0]
	}
	return 0
}

func (r *reader) uvarint() uint64 {
	v, n := binary.Uvarint(r.rest)
	if n <= 0 {
		r.bad = true
		return 0
	}
	r.rest = r.rest[n:]
	return v
}

func (r *reader) varint() int64 {
	v, n := binary.Varint(r.rest)
	if n <= 0 {
		r.bad = true
		return 0
	}
	r.rest = r.rest[n:]
	return v
}

func (r *reader) string() string { return string(r.bytes(r.uvarint())) }

func (r *reader) time() time.Time {
	seconds, nanoseconds := r.varint(), r.uvarint()
	if nanoseconds >= uint64(time.Second) {
		r.bad = true
	}
	if r.bad {
		return time.Time{}
	}
	return time.Unix(seconds, int64(nanoseconds)).UTC()
}
