package chat

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"strings"
	"time"
)

// IDLength is the length of every id of the service: rooms, logging
// configurations, messages, events and errors.
const IDLength = 12

const idAlphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"

// NewID returns a new random id: 12 letters and digits, 71 random bits.
func NewID() string {
	// 62 does not divide 256, so bytes from 248 up are dropped to keep all letters
	// equally likely.
	const limit = 256 - 256%len(idAlphabet)
	id := make([]byte, 0, IDLength)
	for {
		var random [16]byte
		rand.Read(random[:]) // It never fails; it crashes the program instead.
		for _, b := range random {
			if int(b) >= limit {
				continue
			}
			id = append(id, idAlphabet[int(b)%len(idAlphabet)])
			if len(id) == IDLength {
				return string(id)
			}
		}
	}
}

// DerivedID returns an id that is a hash of the names: the same names have the same id on
// all nodes.
func DerivedID(names ...string) string {
	h := sha256.New()
	for _, name := range names {
		h.Write(binary.BigEndian.AppendUint64(nil, uint64(len(name))))
		h.Write([]byte(name))
	}
	id := make([]byte, IDLength)
	for i, b := range h.Sum(nil)[:IDLength] {
		id[i] = idAlphabet[int(b)%len(idAlphabet)]
	}
	return string(id)
}

// NewTokenID returns a new id for a chat token: 48 bits of the time in milliseconds,
// then 80 random bits. Tokens made at about the same time are mostly used at about
// the same time. Their ids are then adjacent in the database, and one page is written
// for many of them. The id is sealed in the token, so it is not visible.
func NewTokenID(now time.Time) (id [16]byte) {
	binary.BigEndian.PutUint64(id[:8], uint64(now.UnixMilli())<<16)
	rand.Read(id[6:]) // It never fails; it crashes the program instead.
	return id
}

// ValidID reports whether s has the form of an id: 12 ASCII letters and digits.
func ValidID(s string) bool {
	return len(s) == IDLength && isAlphanumeric(s)
}

func isAlphanumeric(s string) bool {
	return s != "" && strings.IndexFunc(s, func(r rune) bool {
		return (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9')
	}) < 0
}
