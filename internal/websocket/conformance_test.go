package websocket

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"confab/internal/rfc6455"
)

// A conformanceCase has what a client sends to an echo server and what it receives:
// "text x", "binary x", "pong x", "close code" (always last). If a case does not end
// with a Close frame, the client closes with 1000.
type conformanceCase struct {
	name string
	// send is written in one piece, and in a second run byte by byte.
	send []byte
	want []string
}

// conformanceLimit is Options.MaxMessage of the echo server.
const conformanceLimit = 1 << 20

const fin = 0x80

// frames joins the frames of a client.
func frames(f ...[]byte) []byte { return bytes.Join(f, nil) }

func text(s string) []byte                     { return clientFrame(fin|byte(rfc6455.Text), s) }
func ping(s string) []byte                     { return clientFrame(fin|byte(rfc6455.Ping), s) }
func pong(s string) []byte                     { return clientFrame(fin|byte(rfc6455.Pong), s) }
func data(s string) []byte                     { return clientFrame(fin|byte(rfc6455.Binary), s) }
func piece(op rfc6455.Opcode, s string) []byte { return clientFrame(byte(op), s) }
func rest(s string) []byte                     { return clientFrame(fin|byte(rfc6455.Continuation), s) }

func closing(code uint16, reason string) []byte {
	return clientFrame(fin|byte(rfc6455.Close), string(binary.BigEndian.AppendUint16(nil, code))+reason)
}

// shown returns the text of a frame in a case.
func shown(op rfc6455.Opcode, p string) string {
	if len(p) > 200 {
		p = fmt.Sprintf("%d bytes, %x", len(p), sha256.Sum256([]byte(p)))
	}
	switch op {
	case rfc6455.Text:
		return "text " + p
	case rfc6455.Binary:
		return fmt.Sprintf("binary %q", p)
	case rfc6455.Ping:
		return "ping " + p
	case rfc6455.Pong:
		return fmt.Sprintf("pong %q", p)
	case rfc6455.Close:
		if len(p) < 2 {
			return "close"
		}
		return fmt.Sprintf("close %d", binary.BigEndian.Uint16([]byte(p)))
	default:
		return fmt.Sprintf("opcode %d %q", op, p)
	}
}

func TestConformance(t *testing.T) {
	cases := conformanceCases()
	seen := make(map[string]bool)
	for _, c := range cases {
		if seen[c.name] {
			t.Fatalf("two cases are named %q", c.name)
		}
		seen[c.name] = true
	}
	if len(cases) < 600 {
		t.Errorf("only %d cases", len(cases))
	}
	eachForm(t, func(t *testing.T, start func(Options, Handler) *peerServer) {
		// A ping of the server would come between the answers.
		s := start(Options{MaxMessage: conformanceLimit, MaxPending: 8 << 20, PingInterval: -1}, echo)
		for _, c := range cases {
			t.Run(c.name, func(t *testing.T) {
				t.Parallel()
				size := len(c.send)
				if strings.HasSuffix(c.name, "in chops of 997") {
					size = 997
				}
				runConformance(t, s, c, size)
			})
			if len(c.send) > 1 && len(c.send) < 1000 {
				t.Run(c.name+" in single bytes", func(t *testing.T) {
					t.Parallel()
					runConformance(t, s, c, 1)
				})
			}
		}
	})
}

func runConformance(t *testing.T, s *peerServer, c conformanceCase, piece int) {
	t.Helper()
	n := s.dialRaw(t)
	written := make(chan error, 1)
	go func() {
		send := c.send
		if !strings.HasPrefix(c.want[max(len(c.want)-1, 0)], "close") {
			send = append(bytes.Clone(send), closing(1000, "")...)
			if piece == len(c.send) && piece > 1 {
				piece = len(send)
			}
		}
		for len(send) > 0 {
			size := min(piece, len(send))
			if _, err := n.Write(send[:size]); err != nil {
				written <- err
				return
			}
			send = send[size:]
		}
		written <- nil
	}()
	var got []string
	for {
		op, p, err := n.frame()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatalf("after %q: %v, want the end without a reset", got, err)
		}
		got = append(got, shown(op, string(p)))
	}
	if err := receive(t, written, "writing"); err != nil {
		t.Errorf("write: %v", err)
	}
	want := c.want
	if !strings.HasPrefix(want[max(len(want)-1, 0)], "close") {
		want = append(slices.Clip(want), "close 1000")
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("frames (-want +got):\n%s", diff)
	}
}

// The default limit is the one that matters in practice.
func TestDefaultMessageLimit(t *testing.T) {
	eachForm(t, func(t *testing.T, start func(Options, Handler) *peerServer) {
		causes := make(chan error, 1)
		s := start(Options{PingInterval: -1}, handler{message: echo.message, closed: func(_ *Conn, cause error) { causes <- cause }})
		runConformance(t, s, conformanceCase{send: text(strings.Repeat("x", 32<<10)), want: []string{shown(rfc6455.Text, strings.Repeat("x", 32<<10))}}, 1<<20)
		var bye *CloseError
		if cause := receive(t, causes, "Closed"); !errors.As(cause, &bye) {
			t.Errorf("Closed with %v, want a CloseError", cause)
		}
		runConformance(t, s, conformanceCase{send: text(strings.Repeat("x", 32<<10+1)), want: []string{"close 1009"}}, 1<<20)
		cause := receive(t, causes, "Closed")
		var p *rfc6455.ProtocolError
		if !errors.As(cause, &p) || p.Code != rfc6455.StatusTooBig || !errors.Is(cause, rfc6455.ErrProtocol) {
			t.Errorf("Closed with %v, want a ProtocolError with 1009", cause)
		}
	})
}
