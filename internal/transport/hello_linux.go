package transport

import (
	"encoding/binary"
	"net"
	"sync"
)

// hello reads the first record of a TLS client, its ClientHello, and passes it on as several
// smaller records.
//
// Reason: crypto/tls keeps the memory into which it has read a connection's largest record,
// with room for as much again, and offers no way to free it. For a client that only listens,
// that record is the ClientHello, which has 1.5 KB and more since clients send post-quantum
// key shares. A handshake message may be divided into records in any way (RFC 8446, section
// 5.1), and no signature or hash covers how it was.
type hello struct {
	conn  net.Conn
	buf   *[helloSize]byte // nil until something has arrived
	n     int              // bytes in buf
	out   []byte           // the rest of what is being passed on
	whole bool             // the first record is in buf, and is passed on in parts
	next  int              // where the payload of the next part begins
	end   int              // of the first record
	part  int              // how much payload a part has
}

const (
	// helloSize is the size up to which a first record is divided. Few are larger.
	helloSize = 4 << 10
	// maxPart makes a part with its header fit into bytes.MinRead, with which crypto/tls begins.
	maxPart = 512 - recordHeader
	// recordHeader is the size of the header of a record: type, version, length.
	recordHeader = 5
	// handshakeRecord is the type of a record that has a part of a handshake.
	handshakeRecord = 22
)

var helloBuffers = sync.Pool{New: func() any { return new([helloSize]byte) }}

// read is Read of the connection. Each call returns bytes of one record. done means that the
// connection itself is to be read from now on.
func (h *hello) read(p []byte) (n int, done bool, err error) {
	if h.buf == nil {
		// A client that sends nothing costs no buffer.
		n, err = h.conn.Read(p[:min(len(p), helloSize)])
		if n == 0 {
			return 0, false, err
		}
		if err != nil || p[0] != handshakeRecord {
			return n, true, err
		}
		h.buf = helloBuffers.Get().(*[helloSize]byte) //nolint:forcetypeassert // See helloBuffers.
		h.n = copy(h.buf[:], p[:n])
		h.fill()
	}
	n = copy(p, h.out)
	h.out = h.out[n:]
	if len(h.out) == 0 && h.whole {
		h.cut()
	}
	if len(h.out) == 0 {
		helloBuffers.Put(h.buf)
		h.buf = nil
		return n, true, nil
	}
	return n, false, nil
}

// fill reads the rest of the first record, and makes its first part. If the record is empty,
// too large, or does not arrive, what was read is passed on as it is.
func (h *hello) fill() {
	var err error
	for {
		h.out = h.buf[:h.n]
		if h.n >= recordHeader {
			size := int(binary.BigEndian.Uint16(h.buf[3:]))
			if h.end = recordHeader + size; size == 0 || h.end > helloSize {
				return
			}
			if h.n >= h.end {
				// crypto/tls collects the parts in memory that it doubles when it is full.
				for h.part = size; h.part > maxPart; {
					h.part = (h.part + 1) / 2
				}
				h.whole, h.next = true, recordHeader
				h.cut()
				return
			}
		}
		if err != nil {
			return
		}
		var m int
		m, err = h.conn.Read(h.buf[h.n:])
		h.n += m
	}
}

// cut makes the next part of the first record. Its header replaces bytes that were passed on.
// What was read behind the first record is passed on as it is.
func (h *hello) cut() {
	size := min(h.part, h.end-h.next)
	if size == 0 {
		h.whole, h.out = false, h.buf[h.end:h.n]
		return
	}
	begin := h.next - recordHeader
	copy(h.buf[begin:], h.buf[:3])
	binary.BigEndian.PutUint16(h.buf[begin+3:], uint16(size))
	h.next += size
	h.out = h.buf[begin:h.next]
}
