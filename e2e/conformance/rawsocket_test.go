package conformance

import (
	"bufio"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"slices"
	"testing"
)

// The opcodes of RFC 6455, section 11.8.
const (
	opContinuation = 0
	opText         = 1
	opBinary       = 2
	opClose        = 8
	opPing         = 9
	opPong         = 10
)

// rawConn speaks WebSocket frame by frame.
type rawConn struct {
	net.Conn
	r *bufio.Reader
}

// rawFrame is one WebSocket frame; rsv are the three reserved bits.
type rawFrame struct {
	last    bool
	rsv     byte
	op      byte
	payload []byte
	// unmasked and length are for frames that break the rules.
	unmasked bool
	length   uint64
}

// bytes returns the frame as a client sends it.
func (f rawFrame) bytes() []byte {
	first := f.rsv<<4 | f.op
	if f.last {
		first |= 0x80
	}
	b := []byte{first}
	length := uint64(len(f.payload))
	if f.length > 0 {
		length = f.length
	}
	switch {
	case length < 126:
		b = append(b, byte(length))
	case length < 1<<16:
		b = binary.BigEndian.AppendUint16(append(b, 126), uint16(length))
	default:
		b = binary.BigEndian.AppendUint64(append(b, 127), length)
	}
	if f.unmasked {
		return append(b, f.payload...)
	}
	b[1] |= 0x80
	var mask [4]byte
	rand.Read(mask[:])
	b = append(b, mask[:]...)
	for i, c := range f.payload {
		b = append(b, c^mask[i%4])
	}
	return b
}

func (c *rawConn) send(t *testing.T, frames ...rawFrame) {
	t.Helper()
	var b []byte
	for _, f := range frames {
		b = append(b, f.bytes()...)
	}
	if _, err := c.Write(b); err != nil {
		t.Fatal(err)
	}
}

// textFrame is a whole message in one frame.
func textFrame(s string) rawFrame { return rawFrame{last: true, op: opText, payload: []byte(s)} }

// errNoFrame says that the bytes are no frame a server may send.
var errNoFrame = errors.New("not a frame of a server")

// receive reads one frame.
func (c *rawConn) receive() (rawFrame, error) {
	var head [2]byte
	if _, err := io.ReadFull(c.r, head[:]); err != nil {
		return rawFrame{}, err
	}
	f := rawFrame{last: head[0]&0x80 != 0, rsv: head[0] >> 4 & 7, op: head[0] & 15}
	length := uint64(head[1])
	switch length {
	case 126:
		var b [2]byte
		if _, err := io.ReadFull(c.r, b[:]); err != nil {
			return f, err
		}
		length = uint64(binary.BigEndian.Uint16(b[:]))
	case 127:
		var b [8]byte
		if _, err := io.ReadFull(c.r, b[:]); err != nil {
			return f, err
		}
		length = binary.BigEndian.Uint64(b[:])
	}
	if head[1]&0x80 != 0 || f.rsv != 0 || length > 1<<20 {
		return f, errNoFrame
	}
	f.payload = make([]byte, length)
	_, err := io.ReadFull(c.r, f.payload)
	return f, err
}

// next reads one frame and fails the case if there is none.
func (c *rawConn) next(t *testing.T, op byte) rawFrame {
	t.Helper()
	f, err := c.receive()
	if err != nil {
		t.Fatalf("no frame: %v", err)
	}
	if f.op != op {
		t.Fatalf("opcode %d %q, want %d", f.op, f.payload, op)
	}
	return f
}

// wantClose reads up to a Close frame, checks its status, and that TCP ends behind it.
func (c *rawConn) wantClose(t *testing.T, status ...uint16) {
	t.Helper()
	for {
		f, err := c.receive()
		if err != nil {
			t.Fatalf("the connection ended with %v, want a Close frame", err)
		}
		if f.op != opClose {
			continue
		}
		var got uint16
		if len(f.payload) >= 2 {
			got = binary.BigEndian.Uint16(f.payload)
		}
		if slices.Contains(status, got) {
			c.wantEnd(t)
			return
		}
		t.Fatalf("Close status %d %q, want one of %d", got, f.payload, status)
	}
}

// wantEnd answers the Close and checks that the server ends the connection.
func (c *rawConn) wantEnd(t *testing.T) {
	t.Helper()
	//nolint:errcheck // The server may be gone before the answer.
	c.Write(rawFrame{last: true, op: opClose, payload: []byte{3, 232}}.bytes())
	for {
		if _, err := c.receive(); err != nil {
			if timeout, ok := errors.AsType[net.Error](err); ok && timeout.Timeout() {
				t.Errorf("TCP stayed open for %s behind the Close frame", patience)
			}
			return
		}
	}
}
