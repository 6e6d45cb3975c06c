package websocket

import (
	"fmt"
	"strings"
	"testing"
	"unicode/utf8"

	"confab/internal/rfc6455"
)

// The catalogue uses the numbering of Autobahn's test suite, sections 1 to 7 and 10,
// so that results can be compared. The cases themselves are our own. Every short case
// also runs a second time, octet by octet.

// catalogueSections has the number of cases of each section.
var catalogueSections = map[string]int{"1": 16, "2": 11, "3": 7, "4": 10, "5": 20, "6": 145, "7": 37, "10": 1}

func TestCatalogueIsComplete(t *testing.T) {
	got := make(map[string]int)
	catalogueCases(func(name string, _ []byte, _ ...string) {
		section, _, _ := strings.Cut(name, ".")
		got[section]++
	})
	for section, want := range catalogueSections {
		if got[section] != want {
			t.Errorf("section %s has %d cases, want %d", section, got[section], want)
		}
	}
}

func catalogueCases(add adder) {
	catalogueFraming(add)
	cataloguePings(add)
	catalogueReserved(add)
	catalogueFragments(add)
	catalogueUTF8(add)
	catalogueClose(add)
	var send []byte
	whole := strings.Repeat("*", 65536)
	for at := 0; at < len(whole); at += 1300 {
		first, end := byte(rfc6455.Continuation), min(at+1300, len(whole))
		if at == 0 {
			first = byte(rfc6455.Text)
		}
		if end == len(whole) {
			first |= fin
		}
		send = append(send, clientFrame(first, whole[at:end])...)
	}
	add("10.1.1 auto-fragmentation: 65536 bytes in frames of 1300", send, shown(rfc6455.Text, whole))
}

func catalogueFraming(add adder) {
	for i, size := range []int{0, 125, 126, 127, 128, 65535, 65536, 65536} {
		chopped := ""
		if i == 7 {
			chopped = ", in chops of 997" // As TestConformance writes cases that say so.
		}
		s, b := strings.Repeat("*", size), strings.Repeat("\xfe", size)
		add(fmt.Sprintf("1.1.%d text of %d bytes%s", i+1, size, chopped), text(s), shown(rfc6455.Text, s))
		add(fmt.Sprintf("1.2.%d binary of %d bytes%s", i+1, size, chopped), data(b), shown(rfc6455.Binary, b))
	}
}

func cataloguePings(add adder) {
	binary := "\x00\xff\xfe\xfd\xfc\xfb\x00\xff"
	long := strings.Repeat("\xfe", 125)
	add("2.1 ping", ping(""), shown(rfc6455.Pong, ""))
	add("2.2 ping with text", ping("Hello, world!"), shown(rfc6455.Pong, "Hello, world!"))
	add("2.3 ping with bytes that are no text", ping(binary), shown(rfc6455.Pong, binary))
	add("2.4 ping with 125 bytes", ping(long), shown(rfc6455.Pong, long))
	add("2.5 ping with 126 bytes", clientFrame(fin|byte(rfc6455.Ping), long+"\xfe"), "close 1002")
	add("2.6 ping with 125 bytes, octet by octet", ping(long), shown(rfc6455.Pong, long))
	add("2.7 unsolicited pong", pong(""))
	add("2.8 unsolicited pong with payload", pong("unsolicited"))
	add("2.9 unsolicited pong, then ping", frames(pong("unsolicited"), ping("ping")), shown(rfc6455.Pong, "ping"))
	var ten []byte
	var pongs []string
	for i := range 10 {
		p := fmt.Sprintf("payload-%d", i)
		ten, pongs = append(ten, ping(p)...), append(pongs, shown(rfc6455.Pong, p))
	}
	add("2.10 ten pings", ten, pongs...)
	add("2.11 ten pings, octet by octet", ten, pongs...)
}

func catalogueReserved(add adder) {
	behind := func(f []byte) []byte { return frames(text("ok"), f, ping("")) }
	add("3.1 text with RSV 1", clientFrame(fin|1<<4|1, "x"), "close 1002")
	add("3.2 text, then RSV 2, then ping", behind(clientFrame(fin|2<<4|1, "x")), "text ok", "close 1002")
	add("3.3 text, then RSV 3, then ping, frame by frame", behind(clientFrame(fin|3<<4|1, "x")), "text ok", "close 1002")
	add("3.4 text, then RSV 4, then ping, octet by octet", behind(clientFrame(fin|4<<4|1, "x")), "text ok", "close 1002")
	add("3.5 binary with RSV 5", clientFrame(fin|5<<4|2, "x"), "close 1002")
	add("3.6 ping with RSV 6", clientFrame(fin|6<<4|9, "x"), "close 1002")
	add("3.7 close with RSV 7", clientFrame(fin|7<<4|8, "\x03\xe8"), "close 1002")
	for i := range 5 {
		for kind, opcode := range []byte{3, 11} {
			op := opcode + byte(i)
			name := fmt.Sprintf("4.%d.%d opcode %d", kind+1, i+1, op)
			switch i {
			case 0:
				add(name, clientFrame(fin|op, ""), "close 1002")
			case 1:
				add(name+" with payload", clientFrame(fin|op, "reserved"), "close 1002")
			case 2:
				add(name+" behind text", behind(clientFrame(fin|op, "")), "text ok", "close 1002")
			default:
				add(name+" with payload, behind text", behind(clientFrame(fin|op, "reserved")), "text ok", "close 1002")
			}
		}
	}
}

func catalogueFragments(add adder) {
	add("5.1 ping in two fragments", frames(piece(rfc6455.Ping, "a"), rest("b")), "close 1002")
	add("5.2 pong in two fragments", frames(piece(rfc6455.Pong, "a"), rest("b")), "close 1002")
	for i, how := range []string{"", ", frame by frame", ", octet by octet"} {
		add(fmt.Sprintf("5.%d text in two fragments%s", 3+i, how), frames(piece(rfc6455.Text, "a"), rest("b")), "text ab")
		add(fmt.Sprintf("5.%d text in two fragments with a ping between%s", 6+i, how), frames(piece(rfc6455.Text, "a"), ping("p"), rest("b")), shown(rfc6455.Pong, "p"), "text ab")
		add(fmt.Sprintf("5.%d the end of nothing, then text%s", 9+i, how), frames(rest("a"), text("b")), "close 1002")
		add(fmt.Sprintf("5.%d a continuation of nothing, then text%s", 12+i, how), frames(piece(rfc6455.Continuation, "a"), text("b")), "close 1002")
	}
	add("5.15 a continuation behind a message in two fragments, then text",
		frames(piece(rfc6455.Text, "a"), rest("b"), piece(rfc6455.Continuation, "c"), text("d")), "text ab", "close 1002")
	again := frames(piece(rfc6455.Text, "b"), rest("c"))
	add("5.16 twice: a continuation of nothing, then text in two fragments",
		frames(piece(rfc6455.Continuation, "a"), again, piece(rfc6455.Continuation, "a"), again), "close 1002")
	add("5.17 twice: the end of nothing, then text in two fragments", frames(rest("a"), again, rest("a"), again), "close 1002")
	add("5.18 two fragments that both say text", frames(piece(rfc6455.Text, "a"), text("b")), "close 1002")
	five := frames(piece(rfc6455.Text, "a"), piece(rfc6455.Continuation, "b"), ping("1"), piece(rfc6455.Continuation, "c"), piece(rfc6455.Continuation, "d"), ping("2"), rest("e"))
	add("5.19 five fragments with pings between, octet by octet", five, shown(rfc6455.Pong, "1"), shown(rfc6455.Pong, "2"), "text abcde")
	add("5.20 five fragments with pings between", five, shown(rfc6455.Pong, "1"), shown(rfc6455.Pong, "2"), "text abcde")
}

// eachByte returns a text message with one frame per byte.
func eachByte(s string) []byte {
	send := piece(rfc6455.Text, "")
	for i := range len(s) {
		send = append(send, piece(rfc6455.Continuation, s[i:i+1])...)
	}
	return append(send, rest("")...)
}

const (
	goodText = "Hello-µ@ßöäüàá-UTF-8!!"
	greek    = "κόσμε"
	surplus  = greek + "\xf4\x90\x80\x80" + "edited" // 0x110000 in the middle
	halfPair = greek + "\xed\xa0\x80" + "edited"
)

func catalogueUTF8(add adder) {
	add("6.1.1 empty text", text(""), "text ")
	add("6.1.2 three empty fragments", frames(piece(rfc6455.Text, ""), piece(rfc6455.Continuation, ""), rest("")), "text ")
	add("6.1.3 an empty, a full and an empty fragment", frames(piece(rfc6455.Text, ""), piece(rfc6455.Continuation, "middle"), rest("")), "text middle")
	add("6.2.1 valid text", text(goodText), "text "+goodText)
	add("6.2.2 valid text in two fragments", frames(piece(rfc6455.Text, goodText[:13]), rest(goodText[13:])), "text "+goodText)
	add("6.2.3 valid text, a frame for every byte", eachByte(goodText), "text "+goodText)
	add("6.2.4 valid text, a frame for every byte, of many bytes each", eachByte(greek), "text "+greek)
	add("6.3.1 invalid text", text(halfPair), "close 1007")
	add("6.3.2 invalid text, a frame for every byte", eachByte(halfPair), "close 1007")
	// The bytes that have arrived show it already.
	cut := len(greek) + 4
	add("6.4.1 invalid in the second of three fragments, without the third", frames(piece(rfc6455.Text, greek), piece(rfc6455.Continuation, "\xf4\x90\x80\x80")), "close 1007")
	add("6.4.2 invalid in the second fragment by its first two bytes", frames(piece(rfc6455.Text, greek+"\xf4"), piece(rfc6455.Continuation, "\x90")), "close 1007")
	header := []byte{fin | 1, 0x80 | 100, 0, 0, 0, 0}
	add("6.4.3 invalid in the middle of a frame that is not complete", frames(header, []byte(surplus[:cut])), "close 1007")
	add("6.4.4 invalid in the middle of a frame by its first two bytes", frames(header, []byte(greek+"\xf4\x90")), "close 1007")
	for i, s := range []string{greek, goodText, "日本語", "🎉🎊", "𝄞𝄢"} {
		add(fmt.Sprintf("6.5.%d %s", i+1, s), text(s), "text "+s)
	}
	for n := 1; n <= len(greek)+1; n++ {
		s := (greek + "!")[:n]
		want := "close 1007"
		if utf8.ValidString(s) {
			want = "text " + s
		}
		add(fmt.Sprintf("6.6.%d the first %d bytes of %s!", n, n, greek), text(s), want)
	}
	numbered := func(section int, want string, all ...string) {
		for i, s := range all {
			w := want
			if w == "" {
				w = shown(rfc6455.Text, s)
			}
			add(fmt.Sprintf("6.%d.%d %+q", section, i+1, s), text(s), w)
		}
	}
	const valid, invalid = "", "close 1007"
	numbered(7, valid, "\x00", "\u0080", "\u0800", "\U00010000")
	numbered(8, invalid, "\xf8\x88\x80\x80\x80", "\xfc\x84\x80\x80\x80\x80")
	numbered(9, valid, "\x7f", "\u07ff", "\uffff", "\U0010ffff")
	numbered(10, invalid, "\xf7\xbf\xbf\xbf", "\xfb\xbf\xbf\xbf\xbf", "\xfd\xbf\xbf\xbf\xbf\xbf")
	numbered(11, valid, "\ud7ff", "\ue000", "\ufffd", "\U0010ffff")
	add("6.11.5 0x110000", text("\xf4\x90\x80\x80"), invalid)
	var continuations []string
	for n := 1; n <= 6; n++ {
		continuations = append(continuations, strings.Repeat("\x80\xbf", 3)[:n])
	}
	var all64 strings.Builder
	for b := 0x80; b < 0xc0; b++ {
		all64.WriteByte(byte(b))
	}
	numbered(12, invalid, append(continuations, "\xbf", all64.String())...)
	starts := func(from, to int) string {
		var b strings.Builder
		for c := from; c <= to; c++ {
			b.WriteByte(byte(c))
			b.WriteByte(' ')
		}
		return b.String()
	}
	numbered(13, invalid, starts(0xc0, 0xdf), starts(0xe0, 0xef), starts(0xf0, 0xf7), starts(0xf8, 0xfb), starts(0xfc, 0xfd))
	incomplete := []string{
		"\xc0", "\xe0\x80", "\xf0\x80\x80", "\xf8\x80\x80\x80", "\xfc\x80\x80\x80\x80",
		"\xdf", "\xef\xbf", "\xf7\xbf\xbf", "\xfb\xbf\xbf\xbf", "\xfd\xbf\xbf\xbf\xbf",
	}
	numbered(14, invalid, incomplete...)
	numbered(15, invalid, strings.Join(incomplete, ""))
	numbered(16, invalid, "\xfe", "\xff", "\xfe\xfe\xff\xff")
	numbered(17, invalid, "\xc0\xaf", "\xe0\x80\xaf", "\xf0\x80\x80\xaf", "\xf8\x80\x80\x80\xaf", "\xfc\x80\x80\x80\x80\xaf")
	numbered(18, invalid, "\xc1\xbf", "\xe0\x9f\xbf", "\xf0\x8f\xbf\xbf", "\xf8\x87\xbf\xbf\xbf", "\xfc\x83\xbf\xbf\xbf\xbf")
	numbered(19, invalid, "\xc0\x80", "\xe0\x80\x80", "\xf0\x80\x80\x80", "\xf8\x80\x80\x80\x80", "\xfc\x80\x80\x80\x80\x80")
	numbered(20, invalid, "\xed\xa0\x80", "\xed\xad\xbf", "\xed\xae\x80", "\xed\xaf\xbf", "\xed\xb0\x80", "\xed\xbe\x80", "\xed\xbf\xbf")
	var pairs []string
	for _, high := range []string{"\xed\xa0\x80", "\xed\xad\xbf", "\xed\xae\x80", "\xed\xaf\xbf"} {
		pairs = append(pairs, high+"\xed\xb0\x80", high+"\xed\xbf\xbf")
	}
	numbered(21, invalid, pairs...)
	var nonCharacters []string
	for plane := rune(0); plane <= 0x10; plane++ {
		nonCharacters = append(nonCharacters, string(plane<<16|0xfffe), string(plane<<16|0xffff))
	}
	numbered(22, valid, nonCharacters...)
	numbered(23, valid, "\ufff9", "\ufffa", "\ufffb", "\ufffc", "\ufffd", "\ufeff", "\u200b")
}

func catalogueClose(add adder) {
	add("7.1.1 text, then close", frames(text("Hello"), closing(1000, "")), "text Hello", "close 1000")
	add("7.1.2 close twice", frames(closing(1000, ""), closing(1000, "")), "close 1000")
	add("7.1.3 ping behind close", frames(closing(1000, ""), ping("")), "close 1000")
	add("7.1.4 text behind close", frames(closing(1000, ""), text("Hello")), "close 1000")
	add("7.1.5 close between two fragments", frames(piece(rfc6455.Text, "a"), closing(1000, ""), rest("b")), "close 1000")
	big := strings.Repeat("BAsd7&jh23", 26<<10)
	add("7.1.6 text of 260 KiB, close, ping", frames(text(big), closing(1000, ""), ping("")), shown(rfc6455.Text, big), "close 1000")
	add("7.3.1 close without payload", clientFrame(fin|8, ""), "close")
	add("7.3.2 close with one byte", clientFrame(fin|8, "a"), "close 1002")
	add("7.3.3 close with a code", closing(1000, ""), "close 1000")
	add("7.3.4 close with a code and a reason", closing(1000, "Hello World!"), "close 1000")
	add("7.3.5 close with a reason of 123 bytes", closing(1000, strings.Repeat("*", 123)), "close 1000")
	add("7.3.6 close with a reason of 124 bytes", closing(1000, strings.Repeat("*", 124)), "close 1002")
	add("7.5.1 close with a reason that is not UTF-8", closing(1000, halfPair), "close 1007")
	for i, code := range []uint16{1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 3000, 3999, 4000, 4999} {
		add(fmt.Sprintf("7.7.%d close with %d", i+1, code), closing(code, ""), fmt.Sprintf("close %d", code))
	}
	for i, code := range []uint16{0, 999, 1004, 1005, 1006, 1016, 1100, 2000, 2999} {
		add(fmt.Sprintf("7.9.%d close with %d, which is invalid", i+1, code), closing(code, ""), "close 1002")
	}
	for i, code := range []uint16{5000, 65535} {
		add(fmt.Sprintf("7.13.%d close with %d, which means nothing", i+1, code), closing(code, ""), "close 1002")
	}
}
