package sigv4

import (
	"net/http"
	"net/netip"
	"net/textproto"
	"net/url"
	"slices"
	"strings"
)

// Explanation is what Verify has computed the signature from, to find out why a signature
// does not match. Secrets in headers and in the query are masked in CanonicalRequest; the
// hash of it in StringToSign is that of the unmasked one.
type Explanation struct {
	CanonicalRequest string
	StringToSign     string
}

// Signed is what the client signed, where that differs from the request that arrived.
// The fields are empty if nothing differs.
type Signed struct {
	Host, Path string
}

// Hint returns a sentence for the client about changes by a proxy, or "".
func (s Signed) Hint() string {
	var changed []string
	if s.Host != "" {
		changed = append(changed, "Host \""+s.Host+"\"")
	}
	if s.Path != "" {
		changed = append(changed, "path \""+s.Path+"\"")
	}
	if changed == nil {
		return ""
	}
	return "The signature is right for " + strings.Join(changed, " and ") + ": a proxy changes what was signed; it must pass the Host header and the path unchanged."
}

// Explain returns the input of the signature that Verify has computed.
func (a *Authorization) Explain(r *http.Request, payloadSHA256Hex string) Explanation {
	params, err := parseQuery(r.URL.RawQuery)
	if err != nil {
		return Explanation{}
	}
	canonical := a.appendCanonicalRequest(nil, r, canonicalPath(r.URL.EscapedPath()), params, payloadSHA256Hex)
	e := Explanation{StringToSign: string(a.stringToSign(canonical))}
	masked := *r
	masked.Header = r.Header.Clone()
	for name, values := range masked.Header {
		if secretHeader(name) {
			for i := range values {
				values[i] = "***"
			}
		}
	}
	for i, p := range params {
		if p.name == querySecurityToken || secretHeader(p.name) {
			params[i].value = "***"
		}
	}
	e.CanonicalRequest = string(a.appendCanonicalRequest(nil, &masked, canonicalPath(r.URL.EscapedPath()), params, payloadSHA256Hex))
	return e
}

// Search returns the Host and the path with which the signature of r would be right, if
// a proxy changed one or both. It never accepts a request.
//
// It is expensive: it signs up to maxCandidates² requests, which takes 0.1 ms for a small
// request, and 16 ms for one with 60 KB of headers that are made for it
// (BenchmarkSearch). So its caller must limit how often it is called.
func (a *Authorization) Search(r *http.Request, payloadSHA256Hex, secret string) Signed {
	params, err := parseQuery(r.URL.RawQuery)
	if err != nil {
		return Signed{}
	}
	key := a.signingKey(secret)
	hosts, paths := hostCandidates(r), pathCandidates(r)
	buffer := make([]byte, 0, 1024)
	for _, path := range paths {
		for _, host := range hosts {
			changed := *r
			changed.Host = host
			buffer = a.appendCanonicalRequest(buffer[:0], &changed, path.canonical, params, payloadSHA256Hex)
			if !a.matches(signWith(key, a.stringToSign(buffer))) {
				continue
			}
			var s Signed
			if host != r.Host {
				s.Host = host
			}
			if path.canonical != paths[0].canonical {
				s.Path = path.sent
			}
			return s
		}
	}
	return Signed{}
}

// secretHeader reports whether a header, or a parameter of a query, may hold a
// secret, by its name.
func secretHeader(name string) bool {
	name = strings.ToLower(name)
	return slices.ContainsFunc([]string{"auth", "cookie", "token", "secret", "signature", "password", "credential", "key"}, func(s string) bool {
		return strings.Contains(name, s) && name != "tagkeys"
	})
}

// maxCandidates limits the number of hosts and of paths that are tried, and of the
// entries of a header that are read for it.
const maxCandidates = 12

// hostCandidates returns the Host of r and its possible values before proxies: those
// in their headers, each with and without a port.
func hostCandidates(r *http.Request) []string {
	names := []string{r.Host}
	for _, header := range []string{"X-Forwarded-Host", "X-Original-Host", "X-Forwarded-Server"} {
		for _, v := range first(r.Header[textproto.CanonicalMIMEHeaderKey(header)]) {
			names = append(names, first(strings.SplitN(v, ",", maxCandidates+1))...)
		}
	}
	for _, v := range first(r.Header["Forwarded"]) { // RFC 7239
		for _, piece := range first(strings.SplitN(strings.ReplaceAll(v, ",", ";"), ";", 4*maxCandidates)) {
			name, value, _ := strings.Cut(strings.TrimSpace(piece), "=")
			if strings.EqualFold(name, "host") {
				names = append(names, strings.Trim(value, `"`))
			}
		}
	}
	for i, name := range names {
		names[i] = strings.TrimSpace(name)
	}
	ports := []string{"80", "443"}
	if p := r.Header.Get("X-Forwarded-Port"); p != "" {
		ports = append(ports, p)
	}
	all := slices.Clone(names)
	for _, name := range names {
		bare := withoutPort(name)
		all = append(all, bare)
		for _, port := range ports {
			all = append(all, bare+":"+port)
		}
		if lower := strings.ToLower(name); lower != name {
			all = append(all, lower)
		}
	}
	return distinct(all)
}

func withoutPort(host string) string {
	i := strings.LastIndexByte(host, ':')
	if i < 0 || strings.HasSuffix(host, "]") {
		return host
	}
	if _, err := netip.ParseAddr(host); err == nil {
		return host // This is an IPv6 address without brackets.
	}
	return host[:i]
}

// candidate is a path as a client may have sent it, and its canonical form.
type candidate struct{ sent, canonical string }

// pathCandidates returns the path of r and its possible values before proxies:
// escaped once more or once less, with or without a slash at the end, with or without
// a prefix, and with doubled slashes unchanged.
func pathCandidates(r *http.Request) []candidate {
	escaped := r.URL.EscapedPath()
	sent := []string{escaped}
	if decoded, err := url.PathUnescape(escaped); err == nil {
		sent = append(sent, decoded)
	}
	sent = append(sent, string(appendEscaped(nil, escaped, '/')), string(appendEscaped(nil, r.URL.Path, '/')))
	if arn, ok := escapedARN(r.URL.Path); ok {
		sent = append(sent, arn)
	}
	for _, header := range []string{"X-Original-Uri", "X-Original-Url", "X-Envoy-Original-Path", "X-Replaced-Path", "X-Forwarded-Uri"} {
		for _, v := range first(r.Header[header]) {
			if u, err := url.Parse(v); err == nil {
				sent = append(sent, u.EscapedPath())
			}
		}
	}
	for _, v := range first(r.Header["X-Forwarded-Prefix"]) {
		sent = append(sent, "/"+strings.Trim(v, "/")+escaped)
	}
	if i := strings.IndexByte(strings.TrimPrefix(escaped, "/"), '/'); i >= 0 {
		sent = append(sent, escaped[i+1:])
	}
	if trimmed, slash := strings.CutSuffix(escaped, "/"); slash {
		sent = append(sent, trimmed)
	} else {
		sent = append(sent, escaped+"/")
	}
	var all []candidate
	for _, s := range distinct(sent) {
		all = append(all, candidate{s, canonicalPath(s)})
	}
	if strings.Contains(escaped, "//") {
		all = append(all, candidate{escaped, string(appendEscaped(nil, escaped, '/'))})
	}
	return all
}

// first returns the first maxCandidates values.
func first(values []string) []string { return values[:min(len(values), maxCandidates)] }

// distinct returns the first maxCandidates different non-empty strings.
func distinct(all []string) []string {
	var kept []string
	for _, s := range all {
		if s != "" && !slices.Contains(kept, s) && len(kept) < maxCandidates {
			kept = append(kept, s)
		}
	}
	return kept
}
