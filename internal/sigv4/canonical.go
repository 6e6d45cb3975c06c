package sigv4

import (
	"net/http"
	"net/textproto"
	"slices"
	"strings"
)

// appendCanonicalRequest appends the signed content: method, canonical path, query,
// signed headers, their names, and the hash of the body.
func (a *Authorization) appendCanonicalRequest(b []byte, r *http.Request, path string, params []param, payload string) []byte {
	b = append(b, r.Method...)
	b = append(b, '\n')
	b = append(b, path...)
	b = append(b, '\n')
	b = a.appendCanonicalQuery(b, params)
	b = append(b, '\n')
	for _, name := range a.SignedHeaders {
		b = append(b, name...)
		b = append(b, ':')
		b = appendHeader(b, r, name)
		b = append(b, '\n')
	}
	b = append(b, '\n')
	for i, name := range a.SignedHeaders {
		if i > 0 {
			b = append(b, ';')
		}
		b = append(b, name...)
	}
	b = append(b, '\n')
	return append(b, payload...)
}

// escapedARN returns a path that ends in an ARN as SDKs sign it: they escape the ARN
// as one segment, including colons and slashes. decoded is the path without escapes.
// A proxy may decode the path or escape it in its own way; it still leads to the same
// resource.
func escapedARN(decoded string) (string, bool) {
	at := strings.Index(decoded, "/arn:")
	if at < 0 {
		return "", false
	}
	b := appendEscaped(nil, decoded[:at+1], '/')
	return string(appendEscaped(b, decoded[at+1:], 0)), true
}

func canonicalPath(escaped string) string {
	return string(appendCanonicalPath(make([]byte, 0, 2*len(escaped)+1), escaped))
}

// appendCanonicalPath appends the path as received, including escapes, without dot
// segments and doubled slashes, percent-encoded once more. (S3 does neither; every
// other service does both.)
func appendCanonicalPath(b []byte, escaped string) []byte {
	if !strings.HasPrefix(escaped, "/") {
		escaped = "/" + escaped
	}
	if !strings.Contains(escaped, "//") && !strings.Contains(escaped, "/.") {
		return appendEscaped(b, escaped, '/')
	}
	var kept []string
	for segment := range strings.SplitSeq(escaped, "/") {
		switch segment {
		case "", ".":
		case "..":
			kept = kept[:max(len(kept)-1, 0)]
		default:
			kept = append(kept, segment)
		}
	}
	for _, segment := range kept {
		b = append(b, '/')
		b = appendEscaped(b, segment, '/')
	}
	if len(kept) == 0 || strings.HasSuffix(escaped, "/") {
		b = append(b, '/')
	}
	return b
}

// appendCanonicalQuery appends the pairs, encoded, sorted by encoded name and then by
// encoded value. The signature itself is not signed.
func (a *Authorization) appendCanonicalQuery(b []byte, params []param) []byte {
	encoded := make([]param, 0, len(params))
	for _, p := range params {
		if a.Presigned && p.name == querySignature {
			continue
		}
		encoded = append(encoded, param{escape(p.name), escape(p.value)})
	}
	slices.SortFunc(encoded, func(p, q param) int {
		if c := strings.Compare(p.name, q.name); c != 0 {
			return c
		}
		return strings.Compare(p.value, q.value)
	})
	for i, p := range encoded {
		if i > 0 {
			b = append(b, '&')
		}
		b = append(b, p.name...)
		b = append(b, '=')
		b = append(b, p.value...)
	}
	return b
}

// headerValues returns the values of a header. net/http stores the Host separately.
// (It also removes Transfer-Encoding, which signers do not sign, because every proxy
// may change it.)
func headerValues(r *http.Request, name string) []string {
	if name == "host" {
		return []string{r.Host}
	}
	return r.Header[textproto.CanonicalMIMEHeaderKey(name)]
}

func present(r *http.Request, name string) bool { return len(headerValues(r, name)) > 0 }

// appendHeader appends the values of a header in order of arrival, separated by
// commas, trimmed, with every run of spaces and tabs as one space.
func appendHeader(b []byte, r *http.Request, name string) []byte {
	for i, v := range headerValues(r, name) {
		if i > 0 {
			b = append(b, ',')
		}
		v = strings.Trim(v, " \t")
		gap := false
		for j := range len(v) {
			if v[j] == ' ' || v[j] == '\t' {
				gap = true
				continue
			}
			if gap {
				b = append(b, ' ')
				gap = false
			}
			b = append(b, v[j])
		}
	}
	return b
}

func escape(s string) string {
	if !strings.ContainsFunc(s, func(c rune) bool { return c > '~' || !unreserved(byte(c)) }) {
		return s
	}
	return string(appendEscaped(nil, s, 0))
}

// appendEscaped percent-encodes every byte except the unreserved ones of RFC 3986 and
// keep.
func appendEscaped(b []byte, s string, keep byte) []byte {
	const hex = "0123456789ABCDEF"
	for i := range len(s) {
		c := s[i]
		if unreserved(c) || c == keep && keep != 0 {
			b = append(b, c)
		} else {
			b = append(b, '%', hex[c>>4], hex[c&15])
		}
	}
	return b
}

func unreserved(c byte) bool {
	return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' || c == '-' || c == '.' || c == '_' || c == '~'
}
