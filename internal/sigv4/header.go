package sigv4

import (
	"net/http"
	"slices"
	"strings"
	"time"
)

// parseHeader reads the Authorization header:
//
//	AWS4-HMAC-SHA256 Credential=<id>/<scope>, SignedHeaders=a;b, Signature=<hex>
//
// The parameters may be in any order; spaces after the commas are optional.
func parseHeader(h http.Header, value string) (*Authorization, error) {
	if len(value) > maxAuthorization {
		return nil, refuse(IncompleteSignature, "Authorization header has %d bytes; at most %d are allowed.", len(value), maxAuthorization)
	}
	scheme, rest, _ := strings.Cut(strings.Trim(value, " \t"), " ")
	if scheme != algorithm {
		return nil, refuse(IncompleteSignature, "Authorization header must begin with the algorithm '%s'.", algorithm)
	}
	var credential, signedHeaders, signature string
	if rest = strings.Trim(rest, " \t"); rest != "" {
		for piece := range strings.SplitSeq(rest, ",") {
			name, v, ok := strings.Cut(strings.Trim(piece, " \t"), "=")
			if !ok {
				return nil, refuse(IncompleteSignature, "A part of the Authorization header is not a valid key=value pair (missing equal-sign).")
			}
			var to *string
			switch name {
			case "Credential":
				to = &credential
			case "SignedHeaders":
				to = &signedHeaders
			case "Signature":
				to = &signature
			default:
				return nil, refuse(IncompleteSignature, "Authorization header has an unknown parameter; 'Credential', 'SignedHeaders' and 'Signature' are allowed.")
			}
			if *to != "" {
				return nil, refuse(IncompleteSignature, "Authorization header has more than one '%s' parameter.", name)
			}
			*to = v
		}
	}
	date, name := h["X-Amz-Date"], "X-Amz-Date"
	if len(date) == 0 {
		date, name = h["Date"], "Date"
	}
	var missing []string
	for _, p := range []struct{ name, value string }{{"Credential", credential}, {"Signature", signature}, {"SignedHeaders", signedHeaders}} {
		if p.value == "" {
			missing = append(missing, "Authorization header requires '"+p.name+"' parameter.")
		}
	}
	if len(date) == 0 {
		missing = append(missing, "Authorization header requires existence of either a 'X-Amz-Date' or a 'Date' header.")
	}
	token := h["X-Amz-Security-Token"]
	switch {
	case len(missing) > 0:
		return nil, refuse(IncompleteSignature, "%s", strings.Join(missing, " "))
	case len(date) > 1:
		return nil, refuse(IncompleteSignature, "The request has more than one '%s' header.", name)
	case len(token) > 1:
		return nil, refuse(IncompleteSignature, "The request has more than one 'X-Amz-Security-Token' header.")
	}
	a := &Authorization{Signature: signature}
	if len(token) == 1 {
		a.SessionToken = token[0]
	}
	return a, a.parse(credential, signedHeaders, date[0], name == "Date")
}

// parse sets the fields that the two forms have in common. The Date header may also
// have the form of HTTP.
func (a *Authorization) parse(credential, signedHeaders, date string, httpDate bool) error {
	if err := a.parseCredential(credential); err != nil {
		return err
	}
	if len(a.SessionToken) > maxSessionToken {
		return refuse(IncompleteSignature, "X-Amz-Security-Token has %d bytes; at most %d are allowed.", len(a.SessionToken), maxSessionToken)
	}
	if strings.Count(signedHeaders, ";") >= maxSignedHeaders {
		return refuse(IncompleteSignature, "SignedHeaders names more than %d headers.", maxSignedHeaders)
	}
	a.SignedHeaders = strings.Split(signedHeaders, ";")
	t, err := time.Parse(isoBasic, date)
	if err != nil && httpDate {
		if t, err = http.ParseTime(date); err != nil {
			t, err = time.Parse(time.RFC1123Z, date) // as botocore writes it, with -0000
		}
	}
	// Go's layouts accept a fraction of a second that they do not contain.
	if err != nil || t.Nanosecond() != 0 {
		return refuse(IncompleteSignature, "Date must be in ISO-8601 'basic format', such as 20150830T123600Z.")
	}
	a.Time = t.UTC()
	return nil
}

func (a *Authorization) parseCredential(s string) error {
	if len(s) > maxCredential {
		return refuse(IncompleteSignature, "Credential has %d bytes; at most %d are allowed.", len(s), maxCredential)
	}
	parts := strings.Split(s, "/")
	for i := range parts {
		if parts[i] == "" || strings.ContainsFunc(parts[i], func(c rune) bool { return c <= ' ' || c > '~' }) {
			parts = nil
			break
		}
	}
	if len(parts) != 5 {
		return refuse(IncompleteSignature, "Credential must have exactly 5 slash-delimited elements, e.g. keyid/date/region/service/term.")
	}
	if len(parts[0]) > maxAccessKeyID {
		return refuse(IncompleteSignature, "The access key id has %d characters; at most %d are allowed.", len(parts[0]), maxAccessKeyID)
	}
	a.AccessKeyID, a.Date, a.Region, a.Service, a.Terminator = parts[0], parts[1], parts[2], parts[3], parts[4]
	return nil
}

// checkSignedHeaders checks the list of signed headers: it must contain host and
// every x-amz-* header, and all of its headers must be in the request.
func checkSignedHeaders(r *http.Request, signed []string) error {
	for i, name := range signed {
		if name == "" || name != strings.ToLower(name) || i > 0 && signed[i-1] >= name {
			return refuse(IncompleteSignature, "SignedHeaders must be lower-case names of headers in ascending order, each once, separated by ';'.")
		}
		if !present(r, name) {
			return refuse(InvalidSignature, "A header that is in SignedHeaders is not in the request; a proxy may have removed it.")
		}
	}
	covers := func(name string) bool {
		_, found := slices.BinarySearch(signed, name)
		return found
	}
	if !covers("host") {
		return refuse(InvalidSignature, "'Host' must be a 'SignedHeader' in the AWS Authorization.")
	}
	for name := range r.Header {
		name = strings.ToLower(name)
		// CloudFront adds X-Amz-Cf-Id on the way to its origin; it is not used.
		if strings.HasPrefix(name, "x-amz-") && name != "x-amz-cf-id" && !covers(name) {
			return refuse(InvalidSignature, "'%.64s' must be a 'SignedHeader' in the AWS Authorization, as every x-amz-* header of the request.", name)
		}
	}
	return nil
}
