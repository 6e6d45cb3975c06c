package rfc6455

import (
	"encoding/binary"
	"unicode/utf8"
)

// parseClose reads the payload of a Close frame (section 5.5.1 and 7.4).
func parseClose(p []byte) (code uint16, reason string, err error) {
	switch len(p) {
	case 0:
		return StatusNoStatus, "", nil
	case 1:
		return 0, "", violation("a Close frame with half a status code")
	}
	code = binary.BigEndian.Uint16(p)
	if !sendable(code) {
		return 0, "", violation("a Close frame with a status code that must not be sent")
	}
	if !utf8.Valid(p[2:]) {
		return 0, "", invalidText("a Close frame with a reason that is not valid UTF-8")
	}
	return code, string(p[2:]), nil
}

// sendable reports whether a Close frame may carry the status code: the codes of
// RFC 6455 and of IANA's registry (1012 to 1014), and the ranges for libraries
// and applications.
func sendable(code uint16) bool {
	switch {
	case code >= 1000 && code <= 1003, code >= 1007 && code <= 1014:
		return true
	default:
		return code >= 3000 && code <= 4999
	}
}

// CloseFrame returns a Close frame. A reason that is too long is cut between two
// characters. A reason that is not UTF-8 is left out. If the code must not be
// sent, the whole payload is left out.
func CloseFrame(code uint16, reason string) []byte {
	if !sendable(code) {
		return AppendHeader(nil, Close, 0)
	}
	if !utf8.ValidString(reason) {
		reason = ""
	}
	for len(reason) > maxReason {
		_, size := utf8.DecodeLastRuneInString(reason)
		reason = reason[:len(reason)-size]
	}
	b := AppendHeader(nil, Close, 2+len(reason))
	b = binary.BigEndian.AppendUint16(b, code)
	return append(b, reason...)
}
