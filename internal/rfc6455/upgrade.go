package rfc6455

import (
	"crypto/sha1" //nolint:gosec // RFC 6455 asks for it, to tell caches and confused servers apart.
	"encoding/base64"
	"hash/fnv"
	"net/http"
	"net/url"
	"slices"
	"strings"
)

// HandshakeError means that a request is not a WebSocket handshake, or is one that
// this package does not support. Status and Header belong to the HTTP response.
type HandshakeError struct {
	Status  int
	Header  http.Header // to be added; may be nil
	Message string
}

func (e *HandshakeError) Error() string { return e.Message }

// Upgrade is a valid handshake that has not been answered yet.
type Upgrade struct {
	// Protocols are the subprotocols that the client offers, in the client's order.
	Protocols []string
	// Agent is a hash of the User-Agent header; 0 without one.
	Agent uint64

	accept string
	query  string // the query of the request, as it was sent
}

// Parameter returns the first value of a parameter of the query; empty if there is none.
func (u *Upgrade) Parameter(name string) string {
	if u.query == "" {
		return ""
	}
	values, _ := url.ParseQuery(u.query) // It has the parameters that are well formed.
	return values.Get(name)
}

// agent returns the hash of a User-Agent header (FNV-1a).
func agent(header []byte) uint64 {
	if len(header) == 0 {
		return 0
	}
	h := fnv.New64a()
	h.Write(header)
	return h.Sum64()
}

// acceptSuffix is appended to the client's key before it is hashed (section 4.2.2).
const acceptSuffix = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"

// CheckUpgrade checks a handshake (RFC 6455, section 4.2.1). Its errors are
// *HandshakeError. Any origin may connect: access is controlled by other means
// than the Origin that browsers send. Extensions are not negotiated.
func CheckUpgrade(r *http.Request) (*Upgrade, error) {
	switch {
	case r.Method != http.MethodGet:
		return nil, &HandshakeError{http.StatusMethodNotAllowed, http.Header{"Allow": {http.MethodGet}}, "a WebSocket handshake is a GET request"}
	case UpgradeDropped(r):
		return nil, upgradeRequired("the WebSocket handshake arrived without Connection: Upgrade and Upgrade: websocket, so a proxy on the way has dropped them; " +
			"let it pass both, over HTTP/1.1 (nginx: proxy_http_version 1.1, proxy_set_header Upgrade $http_upgrade, proxy_set_header Connection upgrade)")
	case r.ProtoMajor != 1 || r.ProtoMinor < 1:
		return nil, bad("a WebSocket handshake is an HTTP/1.1 request")
	case r.Host == "":
		return nil, bad("the Host header is missing")
	case !hasToken(r.Header["Connection"], "upgrade") || !hasToken(r.Header["Upgrade"], "websocket"):
		return nil, upgradeRequired("WebSocket only: send Connection: Upgrade and Upgrade: websocket")
	case r.ContentLength != 0:
		return nil, bad("a WebSocket handshake has no body")
	}
	if v := r.Header["Sec-Websocket-Version"]; len(v) != 1 || v[0] != "13" {
		return nil, upgradeRequired("Sec-WebSocket-Version must be 13")
	}
	keys := r.Header["Sec-Websocket-Key"]
	if len(keys) != 1 {
		return nil, bad("there must be exactly one Sec-WebSocket-Key")
	}
	if nonce, err := base64.StdEncoding.DecodeString(keys[0]); err != nil || len(nonce) != 16 {
		return nil, bad("Sec-WebSocket-Key must be 16 bytes in base64")
	}
	protocols := list(r.Header["Sec-Websocket-Protocol"])
	for i, p := range protocols {
		if !isToken(p) {
			return nil, bad("Sec-WebSocket-Protocol must be a list of tokens")
		}
		if slices.Contains(protocols[:i], p) {
			return nil, bad("Sec-WebSocket-Protocol must not have a protocol twice")
		}
	}
	return &Upgrade{Protocols: protocols, Agent: agent([]byte(r.UserAgent())), accept: accept(keys[0]), query: r.URL.RawQuery}, nil
}

// UpgradeDropped reports whether r was a WebSocket handshake whose hop-by-hop
// headers a proxy has dropped: it has a key, but does not ask for an upgrade.
func UpgradeDropped(r *http.Request) bool {
	return r.Method == http.MethodGet && len(r.Header["Sec-Websocket-Key"]) > 0 &&
		(!hasToken(r.Header["Connection"], "upgrade") || !hasToken(r.Header["Upgrade"], "websocket"))
}

// keySize is the length of a Sec-WebSocket-Key: 16 bytes in base64.
const keySize = 24

// accept returns the Sec-WebSocket-Accept for a client's key.
func accept[S string | []byte](key S) string {
	var b [keySize + len(acceptSuffix)]byte
	n := copy(b[:], key)
	n += copy(b[n:], acceptSuffix)
	sum := sha1.Sum(b[:n]) //nolint:gosec // See the import.
	return base64.StdEncoding.EncodeToString(sum[:])
}

// Response returns the answer that accepts the handshake (section 4.2.2).
// protocol is the subprotocol that the server chooses. It is left out if it is
// empty or the client has not offered it.
func (u *Upgrade) Response(protocol string) []byte {
	b := make([]byte, 0, 160+len(protocol))
	b = append(b, "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: "...)
	b = append(b, u.accept...)
	if slices.Contains(u.Protocols, protocol) {
		b = append(b, "\r\nSec-WebSocket-Protocol: "...)
		b = append(b, protocol...)
	}
	return append(b, "\r\n\r\n"...)
}

func bad(message string) error {
	return &HandshakeError{Status: http.StatusBadRequest, Message: message}
}

// upgradeRequired returns an error that lists what is accepted, as RFC 9110
// requires of a 426.
func upgradeRequired(message string) error {
	return &HandshakeError{http.StatusUpgradeRequired, http.Header{
		"Upgrade":               {"websocket"},
		"Sec-Websocket-Version": {"13"},
	}, message}
}

// list splits the values of a header that is a list. The list may be spread over
// several lines and may have empty elements, which are left out.
func list(values []string) []string {
	var elements []string
	for _, v := range values {
		for e := range strings.SplitSeq(v, ",") {
			if e = strings.Trim(e, " \t"); e != "" {
				elements = append(elements, e)
			}
		}
	}
	return elements
}

// hasToken reports whether a header that is a list has the token, ignoring case.
func hasToken(values []string, token string) bool {
	return slices.ContainsFunc(list(values), func(e string) bool { return strings.EqualFold(e, token) })
}

// isToken reports whether s is a token of HTTP (RFC 9110, section 5.6.2).
func isToken[S string | []byte](s S) bool {
	for i := range len(s) {
		if !tokenBytes[s[i]] {
			return false
		}
	}
	return len(s) > 0
}

// tokenBytes are the bytes that a token may have.
var tokenBytes = func() (bytes [256]bool) {
	for _, c := range []byte("!#$%&'*+-.^_`|~0123456789") {
		bytes[c] = true
	}
	for c := byte('a'); c <= 'z'; c++ {
		bytes[c], bytes[c-'a'+'A'] = true, true
	}
	return bytes
}()
