package rfc6455

import "unicode/utf8"

// utf8Check checks text that arrives in pieces, which may end inside a
// character. It fails with the first byte that no valid text can have there
// (RFC 6455, section 8.1, asks for no more than the end of the message; early
// is kinder to who debugs it and cheaper for us).
type utf8Check struct {
	tail [utf8.UTFMax]byte // the character that is incomplete
	n    uint8             // bytes of it
}

// write takes the next piece and tells whether the text can still be valid.
func (u *utf8Check) write(p []byte) bool {
	for u.n > 0 && len(p) > 0 {
		u.tail[u.n] = p[0]
		u.n++
		p = p[1:]
		// What can never be completed counts as full, too.
		if !utf8.FullRune(u.tail[:u.n]) {
			continue
		}
		if !utf8.Valid(u.tail[:u.n]) {
			return false
		}
		u.n = 0
	}
	cut := len(p)
	for i := 1; i < utf8.UTFMax && i <= len(p); i++ {
		if start := len(p) - i; utf8.RuneStart(p[start]) {
			if !utf8.FullRune(p[start:]) {
				cut = start
			}
			break
		}
	}
	if !utf8.Valid(p[:cut]) {
		return false
	}
	u.n += uint8(copy(u.tail[u.n:], p[cut:]))
	return true
}

// complete tells whether the text ends between two characters.
func (u *utf8Check) complete() bool { return u.n == 0 }
