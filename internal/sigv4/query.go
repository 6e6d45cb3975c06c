package sigv4

import (
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
)

// param is one pair of a query, decoded.
type param struct{ name, value string }

// parseQuery decodes a query. A plus is a space, as servers read it; signers write
// %20. Empty pairs are omitted, and a name without an equal-sign has an empty value.
func parseQuery(raw string) ([]param, error) {
	if raw == "" {
		return nil, nil
	}
	if len(raw) > maxQuery {
		return nil, refuse(IncompleteSignature, "The query-string has %d bytes; at most %d are allowed.", len(raw), maxQuery)
	}
	if n := strings.Count(raw, "&"); n >= maxParameters {
		return nil, refuse(IncompleteSignature, "The query-string has %d parameters; at most %d are allowed.", n+1, maxParameters)
	}
	var params []param
	for pair := range strings.SplitSeq(raw, "&") {
		if pair == "" {
			continue
		}
		name, value, _ := strings.Cut(pair, "=")
		name, err := url.QueryUnescape(name)
		if err == nil {
			value, err = url.QueryUnescape(value)
		}
		if err != nil {
			return nil, refuse(IncompleteSignature, "The query-string is malformed: '%%' is followed by two hexadecimal digits.")
		}
		params = append(params, param{name, value})
	}
	return params, nil
}

// The parameters of a presigned request. Names are case-sensitive.
const (
	queryAlgorithm     = "X-Amz-Algorithm"
	queryCredential    = "X-Amz-Credential" //nolint:gosec // The name of a parameter, not a credential.
	queryDate          = "X-Amz-Date"
	queryExpires       = "X-Amz-Expires"
	querySignedHeaders = "X-Amz-SignedHeaders"
	querySignature     = "X-Amz-Signature"
	querySecurityToken = "X-Amz-Security-Token" //nolint:gosec // The name of a parameter, not a credential.
	queryContentSHA256 = "X-Amz-Content-Sha256"
)

func isPresigned(params []param) bool {
	return slices.ContainsFunc(params, func(p param) bool {
		return p.name == queryAlgorithm || p.name == queryCredential || p.name == querySignature
	})
}

// parsePresigned reads a signature from the query.
func parsePresigned(params []param) (*Authorization, error) {
	values := make(map[string]string)
	for _, p := range params {
		switch p.name {
		case queryAlgorithm, queryCredential, queryDate, queryExpires, querySignedHeaders, querySignature, querySecurityToken, queryContentSHA256:
			if _, twice := values[p.name]; twice {
				return nil, refuse(IncompleteSignature, "AWS query-string parameter '%s' is there more than once.", p.name)
			}
			values[p.name] = p.value
		}
	}
	var missing []string
	for _, name := range []string{queryAlgorithm, queryCredential, querySignature, querySignedHeaders, queryDate} {
		if values[name] == "" {
			missing = append(missing, "AWS query-string parameters must include '"+name+"'.")
		}
	}
	if len(missing) > 0 {
		return nil, refuse(IncompleteSignature, "%s Re-examine the query-string parameters.", strings.Join(missing, " "))
	}
	if values[queryAlgorithm] != algorithm {
		return nil, refuse(IncompleteSignature, "'%s' must be '%s'.", queryAlgorithm, algorithm)
	}
	a := &Authorization{Presigned: true, Signature: values[querySignature], SessionToken: values[querySecurityToken]}
	if s, ok := values[queryExpires]; ok {
		n, err := strconv.ParseUint(s, 10, 32)
		if most := uint64(MaxExpires / time.Second); err != nil || n < 1 || n > most {
			return nil, refuse(IncompleteSignature, "'%s' must be a number of seconds from 1 to %d.", queryExpires, most)
		}
		a.Expires = time.Duration(n) * time.Second
	}
	return a, a.parse(values[queryCredential], values[querySignedHeaders], values[queryDate], false)
}
