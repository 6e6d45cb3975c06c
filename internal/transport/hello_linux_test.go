package transport_test

import (
	"bytes"
	"crypto/tls"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"confab/internal/transport"
)

// script is a connection from which given pieces arrive, and its listener.
type script struct {
	net.Conn
	pieces [][]byte
}

func (s *script) Accept() (net.Conn, error) { return s, nil }
func (s *script) Close() error              { return nil }
func (s *script) Addr() net.Addr            { return nil }

func (s *script) Read(p []byte) (int, error) {
	if len(s.pieces) == 0 {
		return 0, io.EOF
	}
	n := copy(p, s.pieces[0])
	if s.pieces[0] = s.pieces[0][n:]; len(s.pieces[0]) == 0 {
		s.pieces = s.pieces[1:]
	}
	return n, nil
}

// readAll returns what crypto/tls reads of a connection of NewTLSListener, read by read.
func readAll(t testing.TB, room int, pieces ...[]byte) (reads [][]byte) {
	t.Helper()
	conn, err := transport.NewTLSListener(&script{pieces: pieces}, &tls.Config{}).Accept()
	if err != nil {
		t.Fatal(err)
	}
	wire := conn.(*tls.Conn).NetConn()
	for {
		p := make([]byte, room)
		n, err := wire.Read(p)
		if n > 0 {
			reads = append(reads, p[:n])
		}
		if errors.Is(err, io.EOF) {
			return reads
		}
		if err != nil {
			t.Fatal(err)
		}
	}
}

// record returns a TLS record.
func record(kind byte, payload []byte) []byte {
	return append(binary.BigEndian.AppendUint16([]byte{kind, 3, 1}, uint16(len(payload))), payload...)
}

// payloadOf returns numbers, so that no part equals another.
func payloadOf(n int) []byte {
	var p []byte
	for i := 0; len(p) < n; i++ {
		p = binary.BigEndian.AppendUint16(p, uint16(i))
	}
	return p[:n]
}

// parts returns a payload as records of one kind with a number of bytes each.
func parts(kind byte, payload []byte, each int) (reads [][]byte) {
	for part := range slices.Chunk(payload, each) {
		reads = append(reads, record(kind, part))
	}
	return reads
}

func TestClientHello(t *testing.T) {
	const handshake, alert = 22, 21
	hello := payloadOf(1500)
	large := record(handshake, payloadOf(5000))
	later := record(handshake, payloadOf(700))
	for _, c := range []struct {
		name   string
		pieces [][]byte
		want   [][]byte
	}{
		{"a large one is divided", [][]byte{record(handshake, hello)}, parts(handshake, hello, 375)},
		{
			"so is one that arrives slowly",
			slices.Collect(slices.Chunk(record(handshake, hello), 7)),
			parts(handshake, hello, 375),
		},
		{"the parts differ by the rest", [][]byte{record(handshake, payloadOf(601))}, parts(handshake, payloadOf(601), 301)},
		{"a small one is not", [][]byte{record(handshake, payloadOf(507))}, [][]byte{record(handshake, payloadOf(507))}},
		{
			"what follows comes by itself",
			[][]byte{slices.Concat(record(handshake, hello), []byte("more")), []byte("later")},
			append(parts(handshake, hello, 375), []byte("more"), []byte("later")),
		},
		{
			"a later record is not divided",
			[][]byte{record(handshake, payloadOf(10)), later},
			[][]byte{record(handshake, payloadOf(10)), later},
		},
		{"one that is not a handshake comes as it is", [][]byte{record(alert, payloadOf(700))}, [][]byte{record(alert, payloadOf(700))}},
		{"so does a request without TLS", [][]byte{[]byte("GET / HTTP/1.1\r\n\r\n")}, [][]byte{[]byte("GET / HTTP/1.1\r\n\r\n")}},
		{"so does an empty record", [][]byte{record(handshake, nil)}, [][]byte{record(handshake, nil)}},
		{"so does one that ends early", [][]byte{record(handshake, hello)[:900]}, [][]byte{record(handshake, hello)[:900]}},
		{"so does half of a header", [][]byte{{handshake, 3}}, [][]byte{{handshake, 3}}},
		{"so does a very large one", [][]byte{large}, [][]byte{large[:4096], large[4096:]}},
	} {
		t.Run(c.name, func(t *testing.T) {
			if diff := cmp.Diff(c.want, readAll(t, 8<<10, c.pieces...)); diff != "" {
				t.Errorf("crypto/tls reads (-want +got):\n%s", diff)
			}
		})
	}
}

// FuzzClientHello checks that crypto/tls gets every byte that a client sends, apart from the
// headers of the parts of the first record.
func FuzzClientHello(f *testing.F) {
	f.Add(record(22, payloadOf(1500)), uint16(100), uint16(576))
	f.Add(append(record(22, payloadOf(600)), "more"...), uint16(3), uint16(1))
	f.Add([]byte{22, 3, 1, 0, 0, 22}, uint16(1), uint16(5))
	f.Fuzz(func(t *testing.T, sent []byte, each, room uint16) {
		pieces := slices.Collect(slices.Chunk(slices.Clone(sent), int(each)+1))
		got := bytes.Join(readAll(t, int(room)+1, pieces...), nil)
		if bytes.Equal(got, sent) {
			return
		}
		if len(sent) < 5 {
			t.Fatalf("sent %x, crypto/tls reads %x", sent, got)
		}
		end := 5 + int(binary.BigEndian.Uint16(sent[3:]))
		var joined []byte
		for len(joined) < end-5 {
			if len(got) < 5 || !bytes.Equal(got[:3], sent[:3]) {
				t.Fatalf("after %d bytes, the next record begins with %x", len(joined), got[:min(len(got), 5)])
			}
			size := int(binary.BigEndian.Uint16(got[3:]))
			if size == 0 || size > 507 || size > len(got)-5 {
				t.Fatalf("after %d bytes, the next record has %d", len(joined), size)
			}
			joined, got = append(joined, got[5:5+size]...), got[5+size:]
		}
		if !bytes.Equal(joined, sent[5:end]) || !bytes.Equal(got, sent[end:]) {
			t.Fatalf("sent %x, crypto/tls reads %x and then %x", sent, joined, got)
		}
	})
}
