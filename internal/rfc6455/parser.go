package rfc6455

import (
	"encoding/binary"
	"fmt"
)

// Parser parses the bytes of a client into messages and control frames. It takes
// input in pieces of any size and rejects a violation at the first byte that shows
// it. Its zero value is ready for the start of a message. An idle parser can be
// discarded and replaced by a zero one, so only connections in the middle of a
// message keep one.
type Parser struct {
	head [maxHeader]byte // the header, as far as it has arrived
	have uint8           // bytes in head
	body bool            // the header is complete; the rest is about its payload
	op   Opcode
	fin  bool
	key  uint32 // masking key for the next byte
	left int    // bytes of payload that have not arrived

	control []byte // payload of the incomplete control frame

	message Opcode // Text or Binary inside a message, else 0
	data    []byte // the part of the message that has arrived
	text    utf8Check

	// Rest has input that is not parsed yet. Only the owner of the parser uses it.
	Rest []byte
}

// Receiver receives what a parser has parsed. Payloads are valid during the call
// only. If a method returns false, the parser stops after the frame.
type Receiver interface {
	Message(op Opcode, payload []byte) bool
	Ping(payload []byte) bool
	Pong(payload []byte) bool
	// Close is the last call; it returns false.
	Close(code uint16, reason string) bool
}

// Idle reports whether the parser holds no input.
func (r *Parser) Idle() bool {
	return r.have == 0 && r.message == 0 && len(r.Rest) == 0
}

// Parse parses p, which it modifies. It returns the unparsed rest of p if a method
// of to returned false. Messages may have up to limit bytes. An error is a
// *ProtocolError; the parser must not be used after it.
func (r *Parser) Parse(p []byte, limit int, to Receiver) (rest []byte, err error) {
	for {
		if !r.body {
			n, err := r.header(p, limit)
			p = p[n:]
			if err != nil || !r.body {
				return nil, err
			}
		}
		n := min(r.left, len(p))
		if n == 0 && r.left > 0 {
			return nil, nil
		}
		part := p[:n:n]
		p = p[n:]
		r.left -= n
		r.key = unmask(part, r.key)
		var more bool
		if r.op.control() {
			more, err = r.controlPart(part, to)
		} else {
			more, err = r.dataPart(part, to)
		}
		if err != nil || !more {
			return p, err
		}
	}
}

// header consumes the bytes of a header and sets body when it is complete.
func (r *Parser) header(p []byte, limit int) (n int, err error) {
	size := 2
	if r.have >= 2 {
		size = headerSize(r.head[1])
	}
	for int(r.have) < size {
		if n == len(p) {
			return n, nil
		}
		r.head[r.have] = p[n]
		r.have++
		n++
		switch r.have {
		case 1:
			err = r.checkFirst()
		case 2:
			err = r.checkSecond()
			size = headerSize(r.head[1])
		}
		if err != nil {
			return n, err
		}
	}
	return n, r.begin(r.head[:size], limit)
}

// headerSize returns the size of a client's header, given its second byte.
func headerSize(second byte) int {
	switch second &^ bitMask {
	case 126:
		return 2 + 2 + 4
	case 127:
		return 2 + 8 + 4
	default:
		return 2 + 4
	}
}

// checkFirst checks the first byte of a header (section 5.2, 5.4 and 5.5).
func (r *Parser) checkFirst() error {
	b := r.head[0]
	r.op, r.fin = Opcode(b&0x0f), b&bitFin != 0
	if b&bitsRSV != 0 {
		return violation("a reserved bit is set and no extension was negotiated")
	}
	switch r.op {
	case Continuation:
		if r.message == 0 {
			return violation("a continuation frame without a message to continue")
		}
	case Text, Binary:
		if r.message != 0 {
			return violation("a new message before the end of a fragmented one")
		}
	case Close, Ping, Pong:
		if !r.fin {
			return violation("a fragmented control frame")
		}
	default:
		return violation("a reserved opcode")
	}
	return nil
}

// checkSecond checks the second byte of a header (section 5.1 and 5.5).
func (r *Parser) checkSecond() error {
	b := r.head[1]
	if b&bitMask == 0 {
		return violation("a frame of a client without a mask")
	}
	if r.op.control() && b&^bitMask > maxControl {
		return violation("a control frame with more than 125 bytes")
	}
	return nil
}

// begin decodes a complete header.
func (r *Parser) begin(h []byte, limit int) error {
	var length uint64
	switch short := h[1] &^ bitMask; short {
	case 126:
		length = uint64(binary.BigEndian.Uint16(h[2:]))
		if length < 126 {
			return violation("a length that is not encoded in the fewest bytes")
		}
	case 127:
		length = binary.BigEndian.Uint64(h[2:])
		if length>>63 != 0 {
			return violation("a length with its highest bit set")
		}
		if length <= 0xffff {
			return violation("a length that is not encoded in the fewest bytes")
		}
	default:
		length = uint64(short)
	}
	if !r.op.control() {
		// Both are far below 2^63.
		if length+uint64(len(r.data)) > uint64(limit) {
			return &ProtocolError{Code: StatusTooBig, Reason: fmt.Sprintf("a message may have up to %d bytes", limit)}
		}
		if r.op != Continuation {
			r.message = r.op
		}
	}
	r.key = binary.LittleEndian.Uint32(h[len(h)-4:])
	r.left = int(length)
	r.body = true
	return nil
}

// end resets the parser for the next frame.
func (r *Parser) end() { r.have, r.body = 0, false }

// dataPart handles a piece of the payload of a data frame.
func (r *Parser) dataPart(part []byte, to Receiver) (more bool, err error) {
	if r.message == Text && !r.text.write(part) {
		return false, invalidText("a text message that is not valid UTF-8")
	}
	last := r.left == 0 && r.fin
	payload := part
	if !last || len(r.data) > 0 {
		r.data = append(r.data, part...)
		payload = r.data
	}
	if r.left > 0 {
		return true, nil
	}
	r.end()
	if !last {
		return true, nil
	}
	if r.message == Text && !r.text.complete() {
		return false, invalidText("a text message that ends inside a character")
	}
	op := r.message
	r.message, r.data = 0, nil
	return to.Message(op, payload), nil
}

// controlPart handles a piece of the payload of a control frame.
func (r *Parser) controlPart(part []byte, to Receiver) (more bool, err error) {
	payload := part
	if r.left > 0 || len(r.control) > 0 {
		r.control = append(r.control, part...)
		payload = r.control
	}
	if r.left > 0 {
		return true, nil
	}
	r.end()
	r.control = nil
	switch r.op {
	case Ping:
		return to.Ping(payload), nil
	case Pong:
		return to.Pong(payload), nil
	default:
		code, reason, err := parseClose(payload)
		if err != nil {
			return false, err
		}
		return to.Close(code, reason), nil
	}
}
