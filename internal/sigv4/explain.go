package sigv4

import (
	"net/http"
	"net/netip"
	"net/textproto"
	"net/url"
	"slices"
	"strings"
)

// Explanation is how a signature that does not match was verified.
type Explanation struct {
	// CanonicalRequest and StringToSign are the input of the signature. Secrets in
	// headers and in the query are masked in CanonicalRequest. Its hash in
	// StringToSign is the unmasked one's.
	CanonicalRequest string
	StringToSign     string
	// Host and Path are what the client signed, if changing one or both makes the
	// signature right. They are empty if unchanged.
	Host, Path string
}

// Hint returns a sentence for the client about changes by a proxy, or "".
func (e *Explanation) Hint() string {
	var changed []string
	if e.Host != "" {
		changed = append(changed, "Host \""+e.Host+"\"")
	}
	if e.Path != "" {
		changed = append(changed, "path \""+e.Path+"\"")
	}
	if changed == nil {
		return ""
	}
	return "The signature is right for " + strings.Join(changed, " and ") + ": a proxy changes what was signed; it must pass the Host header and the path unchanged."
}

// Explain returns why Verify refused r: it shows the verified content, and searches
// for a Host or a path with which the signature would be right. It never accepts a
// request.
func (a *Authorization) Explain(r *http.Request, payloadSHA256Hex, secret string) *Explanation {
	params, err := parseQuery(r.URL.RawQuery)
	if err != nil {
		return &Explanation{}
	}
	key := a.signingKey(secret)
	signs := func(host, path string) bool {
		changed := *r
		changed.Host = host
		canonical := a.appendCanonicalRequest(make([]byte, 0, 1024), &changed, path, params, payloadSHA256Hex)
		return a.matches(signWith(key, a.stringToSign(canonical)))
	}
	e := &Explanation{}
	e.find(r, signs)

	canonical := a.appendCanonicalRequest(nil, r, canonicalPath(r.URL.EscapedPath()), params, payloadSHA256Hex)
	e.StringToSign = string(a.stringToSign(canonical))
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

// find tries the hosts and paths that a proxy may have changed.
func (e *Explanation) find(r *http.Request, signs func(host, path string) bool) {
	hosts, paths := hostCandidates(r), pathCandidates(r)
	for _, path := range paths {
		for _, host := range hosts {
			if !signs(host, path.canonical) {
				continue
			}
			if host != r.Host {
				e.Host = host
			}
			if path.canonical != paths[0].canonical {
				e.Path = path.sent
			}
			return
		}
	}
}

// secretHeader reports whether a header, or a parameter of a query, may hold a
// secret, by its name.
func secretHeader(name string) bool {
	name = strings.ToLower(name)
	return slices.ContainsFunc([]string{"auth", "cookie", "token", "secret", "signature", "password", "credential", "key"}, func(s string) bool {
		return strings.Contains(name, s) && name != "tagkeys"
	})
}

// maxCandidates bounds the number of hosts and of paths that are tried.
const maxCandidates = 12

// hostCandidates returns the Host of r and its possible values before proxies: those
// in their headers, each with and without a port.
func hostCandidates(r *http.Request) []string {
	names := []string{r.Host}
	for _, header := range []string{"X-Forwarded-Host", "X-Original-Host", "X-Forwarded-Server"} {
		for _, v := range r.Header[textproto.CanonicalMIMEHeaderKey(header)] {
			for piece := range strings.SplitSeq(v, ",") {
				names = append(names, strings.TrimSpace(piece))
			}
		}
	}
	for _, v := range r.Header["Forwarded"] { // RFC 7239
		for piece := range strings.FieldsFuncSeq(v, func(c rune) bool { return c == ',' || c == ';' }) {
			name, value, _ := strings.Cut(strings.TrimSpace(piece), "=")
			if strings.EqualFold(name, "host") {
				names = append(names, strings.Trim(value, `"`))
			}
		}
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
		for _, v := range r.Header[header] {
			if u, err := url.Parse(v); err == nil {
				sent = append(sent, u.EscapedPath())
			}
		}
	}
	for _, v := range r.Header["X-Forwarded-Prefix"] {
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
