package rfc6455

import (
	"encoding/binary"
	"math/bits"
)

// Opcode is the type of a frame (RFC 6455, section 5.2). A Handler receives only
// Text and Binary.
type Opcode byte

// The opcodes of RFC 6455; 3 to 7 and 11 to 15 are reserved.
const (
	Continuation Opcode = 0x0
	Text         Opcode = 0x1
	Binary       Opcode = 0x2
	Close        Opcode = 0x8
	Ping         Opcode = 0x9
	Pong         Opcode = 0xA
)

// control reports whether op is a control frame. Control frames may come between
// the fragments of a message.
func (op Opcode) control() bool { return op&0x8 != 0 }

// The bits around the opcode and the length in the first two bytes of a frame.
const (
	bitFin  = 0x80
	bitsRSV = 0x70
	bitMask = 0x80
)

// Limits of RFC 6455, section 5.
const (
	maxHeader  = 14  // two bytes, eight of length, four of masking key
	maxControl = 125 // payload of a control frame
	maxReason  = maxControl - 2
)

// HeaderLen returns the size of a server's header for a payload of n bytes.
func HeaderLen(n int) int {
	switch {
	case n <= 125:
		return 2
	case n <= 0xffff:
		return 4
	default:
		return 10
	}
}

// AppendHeader appends the header of an unfragmented frame with n bytes of
// payload. It is unmasked, as all frames of a server are.
func AppendHeader(b []byte, op Opcode, n int) []byte {
	b = append(b, bitFin|byte(op))
	switch HeaderLen(n) {
	case 2:
		return append(b, byte(n))
	case 4:
		return binary.BigEndian.AppendUint16(append(b, 126), uint16(n))
	default:
		return binary.BigEndian.AppendUint64(append(b, 127), uint64(n))
	}
}

// AppendFrame appends an unfragmented frame.
func AppendFrame(b []byte, op Opcode, payload []byte) []byte {
	return append(AppendHeader(b, op, len(payload)), payload...)
}

// unmask removes the masking key from p (section 5.3). The lowest byte of key
// applies to p[0]. The result is the key for the byte after p.
func unmask(p []byte, key uint32) uint32 {
	wide := uint64(key)<<32 | uint64(key)
	for len(p) >= 8 {
		binary.LittleEndian.PutUint64(p, binary.LittleEndian.Uint64(p)^wide)
		p = p[8:]
	}
	for i := range p {
		p[i] ^= byte(key)
		key = bits.RotateLeft32(key, -8)
	}
	return key
}
