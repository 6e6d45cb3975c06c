package api

import (
	"net/http"
	"strings"

	"confab/internal/origin"
)

// origins are the origins whose pages may call the API and read its answers.
type origins struct {
	any   bool
	known origin.List
}

func newOrigins(list origin.List) origins {
	return origins{any: len(list) == 0 || list.Any(), known: list}
}

// allow lets the page that made r read the answer, including errors: otherwise the
// page only sees "network error".
func (o origins) allow(h http.Header, r *http.Request) {
	switch origin := r.Header.Get("Origin"); {
	case o.any:
		h.Set("Access-Control-Allow-Origin", "*")
	case o.known.Allows(origin):
		h.Set("Access-Control-Allow-Origin", origin)
		h.Add("Vary", "Origin")
	default:
		h.Add("Vary", "Origin")
		return
	}
	h.Set("Access-Control-Expose-Headers", "x-amzn-RequestId, x-amzn-ErrorType, Date")
}

// preflight answers OPTIONS, which browsers send unsigned before a call.
func (o origins) preflight(h http.Header, r *http.Request) {
	h.Set("Access-Control-Allow-Methods", "GET, POST, DELETE")
	h.Set("Access-Control-Max-Age", "7200") // Chromium's limit.
	// A wildcard in Access-Control-Allow-Headers never covers Authorization, and
	// prefixes are not possible. So the answer lists each requested name.
	allowed := []string{"authorization", "content-type"}
	for name := range strings.SplitSeq(r.Header.Get("Access-Control-Request-Headers"), ",") {
		name = strings.ToLower(strings.TrimSpace(name))
		if strings.HasPrefix(name, "x-amz-") || strings.HasPrefix(name, "amz-sdk-") {
			allowed = append(allowed, name)
		}
	}
	h.Set("Access-Control-Allow-Headers", strings.Join(allowed, ", "))
	h.Add("Vary", "Access-Control-Request-Headers")
}
