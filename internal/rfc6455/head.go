package rfc6455

import (
	"bytes"
	"encoding/base64"
	"strings"
)

// headEnd ends the head of a request.
const headEnd = "\r\n\r\n"

// MayUpgrade reports whether ParseHead, which did not accept b, may accept it when
// more input has arrived. It never accepts a line that ends with LF alone.
func MayUpgrade(b []byte) bool {
	const get = "GET /"
	n := min(len(b), len(get))
	if string(b[:n]) != get[:n] || bytes.Contains(b, []byte(headEnd)) {
		return false
	}
	for i := bytes.IndexByte(b, '\n'); i >= 0; {
		if i == 0 || b[i-1] != '\r' {
			return false
		}
		next := bytes.IndexByte(b[i+1:], '\n')
		if next < 0 {
			break
		}
		i += 1 + next
	}
	return true
}

// ParseHead parses the head of a handshake in the plain form that browsers and
// libraries send: one subprotocol, no body, nothing unusual. forwarded is its
// X-Forwarded-For, and size the length of the head with the empty line. A size of
// 0 means that b is incomplete or something else: net/http and CheckUpgrade must
// handle it. They accept every head that ParseHead accepts, with the same result.
func ParseHead(b []byte) (u *Upgrade, forwarded string, size int) {
	end := bytes.Index(b, []byte(headEnd))
	if end < 0 {
		return nil, "", 0
	}
	head := b[:end+2]
	request, head, _ := bytes.Cut(head, []byte("\r\n"))
	if !plainRequest(request) {
		return nil, "", 0
	}
	var h head13
	for len(head) > 0 {
		var line []byte
		line, head, _ = bytes.Cut(head, []byte("\r\n"))
		if !h.add(line) {
			return nil, "", 0
		}
	}
	if !h.complete() {
		return nil, "", 0
	}
	u = &Upgrade{Protocols: []string{string(h.protocol)}, Agent: agent(h.agent), accept: accept(h.key), query: query(request)}
	return u, strings.Join(h.forwarded, ","), end + len(headEnd)
}

// HeadValue returns the first value of a header in a head that ParseHead accepted.
func HeadValue(head []byte, name string) string {
	for line := range bytes.SplitSeq(head, []byte("\r\n")) {
		if n, value, ok := bytes.Cut(line, []byte(":")); ok && is(n, name) {
			return string(bytes.Trim(value, " \t"))
		}
	}
	return ""
}

// plainRequest reports whether the first line of a request has a path that needs no
// decoding.
func plainRequest(line []byte) bool {
	target, ok := bytes.CutPrefix(line, []byte("GET /"))
	if !ok {
		return false
	}
	if target, ok = bytes.CutSuffix(target, []byte(" HTTP/1.1")); !ok {
		return false
	}
	return !bytes.HasPrefix(target, []byte("/")) && only(target, "/?&=._-~+:@!,;")
}

// query returns the query in the first line of a request.
func query(request []byte) string {
	_, q, _ := bytes.Cut(request, []byte("?"))
	q, _, _ = bytes.Cut(q, []byte(" "))
	return string(q)
}

// only reports whether b consists of letters, digits and the marks.
func only(b []byte, marks string) bool {
	for _, c := range b {
		letter := 'a' <= c|0x20 && c|0x20 <= 'z'
		if !letter && (c < '0' || c > '9') && strings.IndexByte(marks, c) < 0 {
			return false
		}
	}
	return true
}

// head13 has the headers of a handshake of version 13.
type head13 struct {
	host, upgrade, key, protocol []byte
	agent                        []byte // empty without one
	connection, version          bool
	forwarded                    []string
}

// complete reports whether all required headers have been added.
func (h *head13) complete() bool {
	return h.host != nil && h.upgrade != nil && h.key != nil && h.protocol != nil && h.connection && h.version
}

// add parses one header and reports whether ParseHead may accept it.
func (h *head13) add(line []byte) bool {
	name, value, ok := bytes.Cut(line, []byte(":"))
	if !ok || len(name) == 0 || !only(name, "-_") {
		return false
	}
	value = bytes.Trim(value, " \t")
	for _, c := range value {
		if (c < ' ' || c > '~') && c != '\t' {
			return false
		}
	}
	switch {
	case is(name, "Host"):
		return once(&h.host, value) && only(value, ".:-[]")
	case is(name, "Connection"):
		return h.connect(value)
	case is(name, "Upgrade"):
		return once(&h.upgrade, value) && is(value, "websocket")
	case is(name, "Sec-WebSocket-Version"):
		first := !h.version
		h.version = true
		return first && string(value) == "13"
	case is(name, "Sec-WebSocket-Key"):
		var nonce [18]byte
		n, err := base64.StdEncoding.Decode(nonce[:], value[:min(len(value), keySize)])
		return once(&h.key, value) && len(value) == keySize && err == nil && n == 16
	case is(name, "Sec-WebSocket-Protocol"):
		return once(&h.protocol, value) && isToken(value)
	case is(name, "User-Agent"):
		if h.agent == nil { // net/http goes by the first of several.
			h.agent = value
		}
	case is(name, "X-Forwarded-For"):
		h.forwarded = append(h.forwarded, string(value))
	case is(name, "Content-Length"), is(name, "Transfer-Encoding"), is(name, "Expect"), is(name, "Trailer"):
		return false
	}
	return true
}

// connect parses the options of the Connection header.
func (h *head13) connect(value []byte) bool {
	for option := range bytes.SplitSeq(value, []byte(",")) {
		option = bytes.Trim(option, " \t")
		switch {
		case is(option, "upgrade"):
			h.connection = true
		case !is(option, "keep-alive"):
			return false
		}
	}
	return true
}

// once sets a field and reports whether the value is its first and is not empty.
func once(field *[]byte, value []byte) bool {
	first := *field == nil && len(value) > 0
	*field = value
	return first
}

// is reports whether b and s are equal, ignoring case.
func is(b []byte, s string) bool { return len(b) == len(s) && strings.EqualFold(string(b), s) }
