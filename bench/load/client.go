//go:build linux

package load

import (
	"bytes"
	"crypto/tls"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"time"

	"golang.org/x/sys/unix"
)

// Client is one connection.
type Client struct {
	// Room is Handshake.Room.
	Room int
	// Value is for the Receiver.
	Value any

	fd        int
	tls       *tls.Conn // nil without TLS
	slot      int32     // -1 before there is a socket
	closed    bool
	handshake *Handshake // until its end
	answered  bool       // the 101 is there
	position  int32      // in the ledger: how many messages it got
	rest      []byte     // input up to the end of a frame
}

// Handshake is how a client becomes a member of a room.
type Handshake struct {
	// Room is what the Ledger calls the room.
	Room int
	// Request is the HTTP request; see Request.
	Request []byte
	// Hello, if any, is written behind the 101, and the client is connected when
	// a message that contains Joined has come.
	Hello, Joined []byte
	// Value is what Client.Value is, and Connected, if set, is called at the end.
	Value     any
	Connected func(c *Client)
	// TLS, if set, is how the client speaks it.
	TLS *tls.Config
	// ReceiveBuffer is the size of the socket's buffer; 0 leaves it to the system.
	ReceiveBuffer int
}

// Request is a WebSocket handshake for a path; protocol is the subprotocol,
// none if empty.
func Request(path, protocol string) []byte {
	b := fmt.Appendf(nil, "GET %s HTTP/1.1\r\nHost: bench\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"+
		"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n", path)
	if protocol != "" {
		b = fmt.Appendf(b, "Sec-WebSocket-Protocol: %s\r\n", protocol)
	}
	return append(b, "\r\n"...)
}

// CloseError is the Close frame of the server.
type CloseError struct{ Code uint16 }

func (e *CloseError) Error() string {
	return fmt.Sprintf("closed by the server with status %d", e.Code)
}

// errEOF is io.EOF, in words that say whose.
var errEOF = fmt.Errorf("the server has ended the connection: %w", io.EOF)

// connected writes the handshake.
func (f *Fleet) connected(c *Client) error {
	code, err := unix.GetsockoptInt(c.fd, unix.SOL_SOCKET, unix.SO_ERROR)
	if err == nil && code != 0 {
		err = unix.Errno(code)
	}
	if err != nil {
		return fmt.Errorf("connect: %w", err)
	}
	if err := f.watch(c, unix.EPOLL_CTL_MOD, unix.EPOLLIN); err != nil {
		return err
	}
	return f.Send(c, c.handshake.Request)
}

// arrived takes input.
func (f *Fleet) arrived(c *Client, p []byte) error {
	if len(c.rest) > 0 {
		p = append(c.rest, p...)
		c.rest = nil
	}
	if c.handshake != nil && !c.answered {
		head, behind, whole := bytes.Cut(p, []byte("\r\n\r\n"))
		if !whole {
			c.rest = append([]byte(nil), p...)
			return nil
		}
		if !bytes.HasPrefix(head, []byte("HTTP/1.1 101")) {
			line, _, _ := bytes.Cut(head, []byte("\r\n"))
			return fmt.Errorf("the handshake was answered with %q", line)
		}
		p = behind
		c.answered = true
		if len(c.handshake.Hello) == 0 {
			f.joined(c)
		} else if err := f.Send(c, c.handshake.Hello); err != nil {
			return err
		}
	}
	return f.frames(c, p)
}

func (f *Fleet) joined(c *Client) {
	connected := c.handshake.Connected
	c.handshake = nil
	f.opening--
	f.open++
	if connected != nil {
		connected(c)
	}
}

// frames takes apart what a server writes: unmasked frames.
func (f *Fleet) frames(c *Client, p []byte) error {
	now := f.Now()
	for !c.closed {
		if len(p) < 2 {
			break
		}
		head, n := 2, int(p[1])
		switch {
		case n > 127:
			return errors.New("the server has masked a frame")
		case n == 126 && len(p) >= 4:
			head, n = 4, int(binary.BigEndian.Uint16(p[2:]))
		case n == 127 && len(p) >= 10:
			head, n = 10, int(binary.BigEndian.Uint64(p[2:]))
		case n >= 126:
			head, n = len(p), 1
		}
		if len(p) < head+n {
			break
		}
		if err := f.frame(c, p[0], p[head:head+n], now); err != nil {
			return err
		}
		p = p[head+n:]
	}
	if len(p) > 0 && !c.closed {
		c.rest = append([]byte(nil), p...)
	}
	return nil
}

func (f *Fleet) frame(c *Client, first byte, payload []byte, now time.Duration) error {
	switch first {
	case 0x81, 0x82:
		if c.handshake != nil {
			if bytes.Contains(payload, c.handshake.Joined) {
				f.joined(c)
			}
			return nil
		}
		f.receiver.Message(c, payload, now)
		return nil
	case 0x88:
		e := &CloseError{Code: 1005}
		if len(payload) >= 2 {
			e.Code = binary.BigEndian.Uint16(payload)
		}
		return e
	case 0x89:
		return f.Send(c, AppendFrame(nil, 0xA, payload))
	case 0x8A:
		return nil
	default:
		return fmt.Errorf("the server has written a frame that begins with %#x", first)
	}
}

// AppendFrame appends a client's frame. Its masking key is zero, which is as
// good as any here and leaves the payload as it is.
func AppendFrame(b []byte, opcode byte, payload []byte) []byte {
	b = append(b, 0x80|opcode)
	switch n := len(payload); {
	case n < 126:
		b = append(b, 0x80|byte(n))
	case n <= 0xffff:
		b = binary.BigEndian.AppendUint16(append(b, 0x80|126), uint16(n))
	default:
		b = binary.BigEndian.AppendUint64(append(b, 0x80|127), uint64(n))
	}
	return append(append(b, 0, 0, 0, 0), payload...)
}
