package websocket

import (
	"bytes"
	"fmt"
	"strings"

	"confab/internal/rfc6455"
)

func conformanceCases() []conformanceCase {
	var cases []conformanceCase
	add := func(name string, send []byte, want ...string) {
		cases = append(cases, conformanceCase{name, send, append([]string{}, want...)})
	}
	framingCases(add)
	pingCases(add)
	reservedCases(add)
	fragmentCases(add)
	utf8Cases(add)
	closeCases(add)
	limitCases(add)
	catalogueCases(add)
	for i := range cases {
		if len(cases[i].want) == 0 {
			// Only the client's Close frame is answered.
			cases[i].want = []string{"close 1000"}
			cases[i].send = append(cases[i].send, closing(1000, "")...)
		}
	}
	return cases
}

type adder func(name string, send []byte, want ...string)

func framingCases(add adder) {
	for _, size := range []int{0, 1, 2, 7, 8, 9, 15, 16, 17, 124, 125, 126, 127, 128, 255, 256, 65534, 65535, 65536, 65537} {
		s := strings.Repeat("*", size)
		add(fmt.Sprintf("framing: text of %d bytes", size), text(s), shown(rfc6455.Text, s))
		b := strings.Repeat("\xfe", size)
		add(fmt.Sprintf("framing: binary of %d bytes", size), data(b), shown(rfc6455.Binary, b))
	}
	add("framing: many messages in one segment", bytes.Repeat(text("x"), 50), repeat("text x", 50)...)
	add("framing: a masking key of zeros", []byte{fin | 1, 0x80 | 2, 0, 0, 0, 0, 'o', 'k'}, "text ok")
	add("framing: a frame without a mask", []byte{fin | 1, 2, 'n', 'o'}, "close 1002")
	add("framing: an empty frame without a mask", []byte{fin | 1, 0}, "close 1002")
	add("framing: a ping without a mask", []byte{fin | 9, 0}, "close 1002")
	add("framing: 125 bytes with a length of two bytes", frames([]byte{fin | 1, 0x80 | 126, 0, 125, 0, 0, 0, 0}, make([]byte, 125)), "close 1002")
	add("framing: 0 bytes with a length of two bytes", []byte{fin | 1, 0x80 | 126, 0, 0, 0, 0, 0, 0}, "close 1002")
	add("framing: 65535 bytes with a length of eight bytes", []byte{fin | 1, 0x80 | 127, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 0, 0, 0, 0}, "close 1002")
	add("framing: a length with the highest bit set", []byte{fin | 2, 0x80 | 127, 0x80, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0}, "close 1002")
	add("framing: a message before a frame without a mask", frames(text("first"), []byte{fin | 1, 1, 'x'}), "text first", "close 1002")
}

func repeat(s string, n int) []string {
	all := make([]string, n)
	for i := range all {
		all[i] = s
	}
	return all
}

func pingCases(add adder) {
	for _, p := range []string{"", "Hello", "\x00\xff\xfe\xfd\xfc\xfb\x00\xff", strings.Repeat("\xfe", 125)} {
		add(fmt.Sprintf("ping: %d bytes", len(p)), ping(p), shown(rfc6455.Pong, p))
		add(fmt.Sprintf("ping: an unsolicited pong of %d bytes", len(p)), frames(pong(p), text("x")), "text x")
	}
	add("ping: 126 bytes", clientFrame(fin|9, strings.Repeat("x", 126)), "close 1002")
	add("ping: 65536 bytes", clientFrame(fin|9, strings.Repeat("x", 65536)), "close 1002")
	add("pong: 126 bytes", clientFrame(fin|10, strings.Repeat("x", 126)), "close 1002")
	add("ping: between pongs", frames(pong("a"), ping("b"), pong("c")), shown(rfc6455.Pong, "b"))
	var many []byte
	var pongs []string
	for i := range 10 {
		p := fmt.Sprintf("ping %d", i)
		many, pongs = append(many, ping(p)...), append(pongs, shown(rfc6455.Pong, p))
	}
	add("ping: ten in a row", many, pongs...)
	add("ping: between two messages", frames(text("a"), ping("p"), text("b")), "text a", shown(rfc6455.Pong, "p"), "text b")
}

func reservedCases(add adder) {
	for rsv := byte(1); rsv < 8; rsv++ {
		bits := rsv << 4
		for _, op := range []rfc6455.Opcode{rfc6455.Text, rfc6455.Binary, rfc6455.Ping, rfc6455.Pong, rfc6455.Close} {
			add(fmt.Sprintf("reserved bits %03b with opcode %d", rsv, op), clientFrame(fin|bits|byte(op), ""), "close 1002")
		}
		add(fmt.Sprintf("reserved bits %03b behind a message", rsv), frames(text("a"), clientFrame(fin|bits|1, "b"), ping("")), "text a", "close 1002")
		add(fmt.Sprintf("reserved bits %03b in a continuation", rsv), frames(piece(rfc6455.Text, "a"), clientFrame(fin|bits, "b")), "close 1002")
	}
	for _, op := range []byte{3, 4, 5, 6, 7, 11, 12, 13, 14, 15} {
		add(fmt.Sprintf("reserved opcode %d", op), clientFrame(fin|op, ""), "close 1002")
		add(fmt.Sprintf("reserved opcode %d with payload", op), clientFrame(fin|op, "payload"), "close 1002")
		add(fmt.Sprintf("reserved opcode %d behind a message", op), frames(text("a"), clientFrame(fin|op, "b"), ping("")), "text a", "close 1002")
		add(fmt.Sprintf("reserved opcode %d in a message", op), frames(piece(rfc6455.Text, "a"), clientFrame(fin|op, "b")), "close 1002")
	}
	add("reserved opcode 3 by its first byte alone", []byte{fin | 3}, "close 1002")
	add("reserved bit by its first byte alone", []byte{fin | 0x40 | 1}, "close 1002")
}

func fragmentCases(add adder) {
	add("fragments: a ping", piece(rfc6455.Ping, "x"), "close 1002")
	add("fragments: a pong", piece(rfc6455.Pong, "x"), "close 1002")
	add("fragments: a close", piece(rfc6455.Close, ""), "close 1002")
	add("fragments: text in two", frames(piece(rfc6455.Text, "one "), rest("two")), "text one two")
	add("fragments: binary in two", frames(piece(rfc6455.Binary, "one "), rest("two")), `binary "one two"`)
	add("fragments: text in three", frames(piece(rfc6455.Text, "one "), piece(rfc6455.Continuation, "two "), rest("three")), "text one two three")
	add("fragments: all empty", frames(piece(rfc6455.Text, ""), piece(rfc6455.Continuation, ""), rest("")), "text ")
	add("fragments: the first and the last empty", frames(piece(rfc6455.Text, ""), piece(rfc6455.Continuation, "middle"), rest("")), "text middle")
	add("fragments: two messages", frames(piece(rfc6455.Text, "a"), rest("b"), piece(rfc6455.Text, "c"), rest("d")), "text ab", "text cd")
	add("fragments: a ping between", frames(piece(rfc6455.Text, "a"), ping("p"), rest("b")), shown(rfc6455.Pong, "p"), "text ab")
	add("fragments: a pong between", frames(piece(rfc6455.Text, "a"), pong("p"), rest("b")), "text ab")
	add("fragments: pings between many", frames(piece(rfc6455.Text, "a"), ping("1"), piece(rfc6455.Continuation, "b"), ping("2"), piece(rfc6455.Continuation, "c"), ping("3"), rest("d")),
		shown(rfc6455.Pong, "1"), shown(rfc6455.Pong, "2"), shown(rfc6455.Pong, "3"), "text abcd")
	add("fragments: a close between", frames(piece(rfc6455.Text, "a"), closing(1000, "")), "close 1000")
	add("fragments: a continuation of nothing", rest("x"), "close 1002")
	add("fragments: an unfinished continuation of nothing", piece(rfc6455.Continuation, "x"), "close 1002")
	add("fragments: an empty continuation of nothing", rest(""), "close 1002")
	add("fragments: a continuation behind a whole message", frames(text("a"), rest("b")), "text a", "close 1002")
	add("fragments: a continuation behind a fragmented message", frames(piece(rfc6455.Text, "a"), rest("b"), rest("c")), "text ab", "close 1002")
	add("fragments: text inside a text", frames(piece(rfc6455.Text, "a"), text("b")), "close 1002")
	add("fragments: an unfinished text inside a text", frames(piece(rfc6455.Text, "a"), piece(rfc6455.Text, "b")), "close 1002")
	add("fragments: binary inside a text", frames(piece(rfc6455.Text, "a"), data("b")), "close 1002")
	add("fragments: text inside a binary", frames(piece(rfc6455.Binary, "a"), text("b")), "close 1002")
	add("fragments: a message inside a message, by its first byte alone", frames(piece(rfc6455.Text, "a"), []byte{fin | 1}), "close 1002")
	for _, size := range []int{1, 64, 1300, 4096, 65536} {
		whole := strings.Repeat("0123456789abcdef", 4096)
		if size == 1 {
			whole = whole[:300]
		}
		var send []byte
		for at := 0; at < len(whole); at += size {
			first, end := byte(rfc6455.Continuation), min(at+size, len(whole))
			if at == 0 {
				first = byte(rfc6455.Text)
			}
			if end == len(whole) {
				first |= fin
			}
			send = append(send, clientFrame(first, whole[at:end])...)
		}
		add(fmt.Sprintf("fragments: %d bytes in pieces of %d", len(whole), size), send, shown(rfc6455.Text, whole))
	}
	for _, size := range []int{256 << 10, conformanceLimit} {
		s := strings.Repeat("x", size)
		add(fmt.Sprintf("fragments: none, %d bytes", size), text(s), shown(rfc6455.Text, s))
	}
}

// Valid and invalid texts. An invalid text has a byte or two that make it invalid,
// whatever bytes follow.
var (
	validText = []string{
		"κόσμε", "Hello-µ@ßöäüàá-UTF-8!!", "\x00", "\x7f", "\u0080", "\u07ff", "\u0800", "\u0fff", "\u1000",
		"\ud7ff", "\ue000", "\ufdd0", "\ufffd", "\ufffe", "\uffff", "\U00010000", "\U0001fffe", "\U0003ffff", "\U000fffff", "\U00100000", "\U0010ffff",
		"日本語", "🎉🎊", "e\u0301", "\u200b\ufeff",
	}
	badText = []string{
		"\x80", "\xbf", "\x80\xbf", "\xfe", "\xff", "\xfe\xfe\xff\xff", "\xc0\x80", "\xc0\xaf", "\xc1\xbf", "\xe0\x80\x80", "\xe0\x80\xaf", "\xe0\x9f\xbf",
		"\xf0\x80\x80\x80", "\xf0\x8f\xbf\xbf", "\xf8\x80\x80\x80\x80", "\xf8\x88\x80\x80\x80", "\xfc\x80\x80\x80\x80\x80", "\xfc\x84\x80\x80\x80\x80",
		"\xed\xa0\x80", "\xed\xad\xbf", "\xed\xae\x80", "\xed\xbf\xbf", "\xed\xa0\x80\xed\xb0\x80", "\xf4\x90\x80\x80", "\xf5\x80\x80\x80", "\xf7\xbf\xbf\xbf",
		"\xc3(", "\xe2(\xa1", "\xe2\x82(", "\xf0(\x8c\xbc", "\xf0\x90(\xbc", "\xf0\x90\x8c(", "\xce\xba\xe1\xbd\xb9\xcf\x83\xce\xbc\xce\xb5\xed\xa0\x80edited",
	}
)

func utf8Cases(add adder) {
	for _, s := range validText {
		add(fmt.Sprintf("UTF-8: %+q", s), text(s), shown(rfc6455.Text, s))
		var send []byte
		for i := range len(s) {
			first := byte(rfc6455.Continuation)
			if i == 0 {
				first = byte(rfc6455.Text)
			}
			send = append(send, clientFrame(first, s[i:i+1])...)
		}
		add(fmt.Sprintf("UTF-8: %+q in fragments of one byte", s), append(send, rest("")...), shown(rfc6455.Text, s))
	}
	for _, s := range badText {
		add(fmt.Sprintf("invalid UTF-8: %q", s), text(s), "close 1007")
		add(fmt.Sprintf("invalid UTF-8: %q behind a message", s), frames(text("a"), text("ok "+s+" ok")), "text a", "close 1007")
		// The fragment and the message are incomplete, and it must fail already here.
		add(fmt.Sprintf("invalid UTF-8: %q in a fragment, early", s), piece(rfc6455.Text, "ok"+s), "close 1007")
		header := []byte{fin | 1, 0x80 | 126, 4, 0, 0, 0, 0, 0}
		add(fmt.Sprintf("invalid UTF-8: %q in an incomplete frame, early", s), frames(header, []byte("ok"+s)), "close 1007")
		add(fmt.Sprintf("UTF-8: %q is fine in binary", s), data(s), shown(rfc6455.Binary, s))
	}
	for _, s := range []string{"\xce", "\xe2\x82", "\xf0\x9f\x8e", "\xf4\x8f"} {
		add(fmt.Sprintf("invalid UTF-8: a message that ends with %q", s), text("ok"+s), "close 1007")
		add(fmt.Sprintf("invalid UTF-8: a fragmented message that ends with %q", s), frames(piece(rfc6455.Text, "ok"+s), rest("")), "close 1007")
		add(fmt.Sprintf("invalid UTF-8: a ping inside %q", s), frames(piece(rfc6455.Text, s), ping("p"), rest("x")), shown(rfc6455.Pong, "p"), "close 1007")
	}
	add("UTF-8: a character over three frames with pings between", frames(piece(rfc6455.Text, "\xf0\x9f"), ping(""), piece(rfc6455.Continuation, "\x8e"), ping(""), rest("\x89")),
		shown(rfc6455.Pong, ""), shown(rfc6455.Pong, ""), "text 🎉")
	add("UTF-8: binary fragments are not text", frames(piece(rfc6455.Binary, "\xff"), rest("\xfe")), shown(rfc6455.Binary, "\xff\xfe"))
	add("UTF-8: a message behind one that ended inside its check", frames(piece(rfc6455.Text, "\xce"), rest("\xba"), text("x")), "text κ", "text x")
}

func closeCases(add adder) {
	add("close: empty", clientFrame(fin|8, ""), "close")
	add("close: one byte", clientFrame(fin|8, "\x03"), "close 1002")
	add("close: behind a message", frames(text("a"), closing(1000, "bye")), "text a", "close 1000")
	add("close: twice", frames(closing(1000, ""), closing(1001, "")), "close 1000")
	add("close: a ping behind it", frames(closing(1000, ""), ping("x")), "close 1000")
	add("close: text behind it", frames(closing(1000, ""), text("x")), "close 1000")
	add("close: garbage behind it", frames(closing(1000, ""), []byte{0xff, 0xff, 0xff}), "close 1000")
	add("close: 256 KiB behind it", frames(closing(1000, ""), text(strings.Repeat("x", 256<<10))), "close 1000")
	add("close: a reason", closing(1000, "Hello World!"), "close 1000")
	add("close: the longest reason", closing(1000, strings.Repeat("*", 123)), "close 1000")
	add("close: a reason that is too long", closing(1000, strings.Repeat("*", 124)), "close 1002")
	add("close: a reason with an emoji", closing(1000, "🎉"), "close 1000")
	for _, s := range badText[:8] {
		add(fmt.Sprintf("close: a reason of %q", s), closing(1000, s), "close 1007")
	}
	add("close: a reason that ends inside a character", closing(1000, "\xce"), "close 1007")
	for _, code := range []uint16{1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 1012, 1013, 1014, 3000, 3999, 4000, 4999} {
		add(fmt.Sprintf("close: code %d", code), closing(code, ""), fmt.Sprintf("close %d", code))
	}
	for _, code := range []uint16{0, 1, 999, 1004, 1005, 1006, 1015, 1016, 1100, 1999, 2000, 2999, 5000, 9999, 65535} {
		add(fmt.Sprintf("close: invalid code %d", code), closing(code, ""), "close 1002")
		add(fmt.Sprintf("close: invalid code %d with a reason", code), closing(code, "why"), "close 1002")
	}
}

func limitCases(add adder) {
	add("limit: one byte too many, by the header alone", []byte{fin | 1, 0x80 | 127, 0, 0, 0, 0, 0, 0x10, 0, 1, 0, 0, 0, 0}, "close 1009")
	add("limit: the longest length there is", []byte{fin | 2, 0x80 | 127, 0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0}, "close 1009")
	big := strings.Repeat("x", conformanceLimit)
	add("limit: exactly, in fragments", frames(piece(rfc6455.Binary, big[:conformanceLimit/2]), rest(big[conformanceLimit/2:])), shown(rfc6455.Binary, big))
	add("limit: exceeded by a fragment, by its header alone", frames(piece(rfc6455.Binary, big), []byte{fin, 0x80 | 1, 0, 0, 0, 0}), "close 1009")
	add("limit: exceeded while the client continues", frames(piece(rfc6455.Binary, big), text(big)), "close 1002")
	add("limit: exceeded, and the client continues", frames(piece(rfc6455.Binary, big), rest(big)), "close 1009")
	add("limit: a message behind a large one", frames(text(big), text("small")), shown(rfc6455.Text, big), "text small")
	add("limit: pings do not count", frames(piece(rfc6455.Binary, big), ping("p"), rest("")), shown(rfc6455.Pong, "p"), shown(rfc6455.Binary, big))
}
