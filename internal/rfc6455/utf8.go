package rfc6455

import "unicode/utf8"

// utf8Check validates text that arrives in pieces, which may end inside a
// character. It fails at the first byte that cannot be part of valid text. RFC
// 6455, section 8.1, only requires a check at the end of the message; an early
// check is easier to debug for the client and cheaper for the server.
type utf8Check struct {
	tail [utf8.UTFMax]byte // the incomplete character
	n    uint8             // bytes in tail
}

// write checks the next piece and reports whether the text can still be valid.
func (u *utf8Check) write(p []byte) bool {
	for u.n > 0 && len(p) > 0 {
		u.tail[u.n] = p[0]
		u.n++
		p = p[1:]
		// Bytes that can never become a valid character count as full, too.
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

// complete reports whether the text ends between two characters.
func (u *utf8Check) complete() bool { return u.n == 0 }
