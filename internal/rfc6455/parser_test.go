package rfc6455

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
)

// recorder records the events of a parser.
type recorder struct {
	events []string
	// stopEvery, if not 0, stops the parser after every stopEvery-th event.
	stopEvery int
}

func (r *recorder) add(format string, args ...any) bool {
	r.events = append(r.events, fmt.Sprintf(format, args...))
	return r.stopEvery == 0 || len(r.events)%r.stopEvery != 0
}

func (r *recorder) Message(op Opcode, p []byte) bool {
	if op == Text && !utf8.Valid(p) {
		return r.add("a text that is not valid: %q", p)
	}
	return r.add("message %d %q", op, p)
}
func (r *recorder) Ping(p []byte) bool { return r.add("ping %q", p) }
func (r *recorder) Pong([]byte) bool   { return r.add("pong") }
func (r *recorder) Close(code uint16, reason string) bool {
	r.add("close %d %q", code, reason)
	return false
}

// closed reports whether the last event ended the input.
func (r *recorder) closed() bool {
	return len(r.events) > 0 && bytes.HasPrefix([]byte(r.events[len(r.events)-1]), []byte("close"))
}

// parseAll parses input in pieces whose sizes next returns. It returns the events,
// followed by the error.
func parseAll(input []byte, limit int, r *recorder, next func() int) []string {
	var p Parser
	for len(input) > 0 {
		n := min(max(next(), 1), len(input))
		// A parser modifies its input and must not keep it.
		feed := bytes.Clone(input[:n])
		input = input[n:]
		for len(feed) > 0 {
			rest, err := p.Parse(feed, limit, r)
			if err != nil {
				r.stopEvery = 0
				r.add("error: %v", err)
				return r.events
			}
			if r.closed() {
				return r.events
			}
			rest = bytes.Clone(rest)
			for i := range feed {
				feed[i] = 0xaa
			}
			if p.Idle() {
				p = Parser{}
			}
			feed = rest
		}
	}
	if !p.Idle() {
		r.add("incomplete: %d bytes of header, %d of message, message %d", p.have, len(p.data), p.message)
	}
	return r.events
}

// clientFrame returns a masked frame.
func clientFrame(first byte, payload string) []byte {
	b := AppendHeader(nil, 0, len(payload))
	b[0] = first
	b[1] |= bitMask
	b = append(b, 0x37, 0xfa, 0x21, 0x3d)
	at := len(b)
	b = append(b, payload...)
	unmask(b[at:], 0x3d21fa37)
	return b
}

// FuzzParser checks that the result does not depend on how input is split or whether
// the parser is stopped in between.
func FuzzParser(f *testing.F) {
	for _, input := range [][]byte{
		clientFrame(bitFin|byte(Text), "κόσμε"),
		clientFrame(bitFin|byte(Text), "\xf0\x9f"),
		clientFrame(bitFin|byte(Binary), strings.Repeat("\xff", 200)),
		slices.Concat(clientFrame(byte(Text), "\xce"), clientFrame(bitFin|byte(Ping), "p"), clientFrame(bitFin, "\xba")),
		slices.Concat(clientFrame(byte(Text), "a"), clientFrame(byte(Continuation), "b"), clientFrame(bitFin|byte(Text), "c")),
		slices.Concat(clientFrame(bitFin|byte(Pong), ""), clientFrame(bitFin|byte(Close), "\x03\xe8bye"), clientFrame(bitFin|byte(Text), "late")),
		clientFrame(bitFin|byte(Close), "\x03"),
		clientFrame(byte(Ping), ""),
		clientFrame(bitFin|0x3, ""),
		{bitFin | byte(Text), bitMask | 126, 0, 125, 0, 0, 0, 0},
		{bitFin | byte(Binary), bitMask | 127, 0x80, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0},
		{bitFin | byte(Text), 1, 'x'},
	} {
		f.Add(input, []byte{3, 1, 4, 1, 5})
	}
	f.Fuzz(func(t *testing.T, input, sizes []byte) {
		const limit = 1000
		whole := parseAll(input, limit, &recorder{}, func() int { return len(input) })
		single := parseAll(input, limit, &recorder{}, func() int { return 1 })
		if diff := cmp.Diff(whole, single); diff != "" {
			t.Fatalf("in one piece (-) and in single bytes (+):\n%s", diff)
		}
		i := 0
		split := parseAll(input, limit, &recorder{stopEvery: len(sizes)%3 + 1}, func() int {
			if len(sizes) == 0 {
				return 2
			}
			i++
			return int(sizes[i%len(sizes)])
		})
		if diff := cmp.Diff(whole, split); diff != "" {
			t.Fatalf("in one piece (-) and split by %v (+):\n%s", sizes, diff)
		}
	})
}

func TestUnmask(t *testing.T) {
	key := uint32(0x3d21fa37)
	for size := range 40 {
		plain := make([]byte, size)
		for i := range plain {
			plain[i] = byte(i * 7)
		}
		masked := bytes.Clone(plain)
		for i := range masked {
			masked[i] ^= byte(key >> (8 * (i % 4)))
		}
		for split := range size + 1 {
			got := bytes.Clone(masked)
			unmask(got[split:], unmask(got[:split], key))
			if !bytes.Equal(got, plain) {
				t.Fatalf("%d bytes split at %d: %x, want %x", size, split, got, plain)
			}
		}
	}
}

// FuzzUTF8 compares the check of pieces with the check of the whole text.
func FuzzUTF8(f *testing.F) {
	for _, s := range []string{
		"κόσμε", "\x00", "\u07ff", "\u0800", "\ud7ff", "\ue000", "\uffff", "\U00010000", "\U0010ffff", "日本語", "🎉🎊",
		"\x80", "\xbf", "\xfe", "\xc0\x80", "\xc1\xbf", "\xe0\x80\xaf", "\xed\xa0\x80", "\xf0\x8f\xbf\xbf", "\xf4\x90\x80\x80", "\xce", "\xe2\x82", "\xf0\x9f\x8e",
	} {
		f.Add([]byte(s), uint8(1))
	}
	f.Fuzz(func(t *testing.T, text []byte, size uint8) {
		var u utf8Check
		valid := true
		for rest := text; valid && len(rest) > 0; {
			n := min(int(size)+1, len(rest))
			valid = u.write(rest[:n])
			rest = rest[n:]
		}
		if got, want := valid && u.complete(), utf8.Valid(text); got != want {
			t.Errorf("%q in pieces of %d: valid = %v, want %v", text, int(size)+1, got, want)
		}
	})
}
