package sigv4_test

import (
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"

	"confab/internal/sigv4"
)

const (
	suiteToken = "6e86291e8372ff2a2260956d9b8aae1d763fbf315fa00fa31553b73ebf194267"
	stsToken   = "AQoDYXdzEPT//////////wEXAMPLEtc764bNrC9SAPBSM22wDOk4x4HIZ8j4FZTwdQWLWsKWHGBuFqwAeMicRXmxfpSPfIeoIYRqTflfKD8YUuwthAx7mSEI/qkPpKPi/kMcGdQrmGdeehM4IC1NtBmUpp2wUE8phUZampKsburEDy0KPkyQDYwT7WZ0wq5VSXDvp75YU9HFvlRd8Tx6q6fE8YQcHNVXAkiY9q6d+xo0rKwT38xVqr7ZD0u0iPPkUL64lIZbqBAz+scqKmlzm8FDrypNC9Yjc8fPOLn9FX9KSYvKTr4rvx3iSIlTJabIQwj2ICCR/oLxBA=="
	unreserved = "-._~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
	form       = "Content-Type:application/x-www-form-urlencoded"
)

// suite is AWS's published test suite for Signature Version 4: the request, and
// its signature in the header and in the query. Left out are the cases with a
// raw space and a raw non-ASCII letter in the path, which it encodes once, as
// for S3, the folded header line, which HTTP no longer has (RFC 9112, 5.2), and
// the session token outside the signature, which is refused here.
var suite = []struct {
	name, method, target, headers, body, token string
	inHeader, inQuery                          string
}{
	{"get-header-key-duplicate", "GET", "/", "My-Header1:value2\nMy-Header1:value2\nMy-Header1:value1", "", "", "c9d5ea9f3f72853aea855b47ea873832890dbdd183b4468f858259531a5138ea", "3349ee0b81b4b589da0ff28a395c3591e04de515651dd74f298fa992d1507a97"},
	{"get-header-value-order", "GET", "/", "My-Header1:value4\nMy-Header1:value1\nMy-Header1:value3\nMy-Header1:value2", "", "", "08c7e5a9acfcfeb3ab6b2185e75ce8b1deb5e634ec47601a50643f830c755c01", "313720e71ca6202fdcfa9b20f88de01a4eb0638a83c833b1c184359a4eda864e"},
	{"get-header-value-trim", "GET", "/", "My-Header1: value1\nMy-Header2: \"a   b   c\"", "", "", "acc3ed3afb60bb290fc8d2dd0098b9911fcaa05412b367055dee359757a9c736", "e7bb0fd515e125e1aec2ecc4c0c17484fb06f6846b927c35e46005dd3df3acd4"},
	{"get-relative-normalized", "GET", "/example/..", "", "", "", "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31", "e93c787ed7f371d5c6b165c1b38ede9550f4dce4144713e844b25b7192d3865d"},
	{"get-relative-relative-normalized", "GET", "/example1/example2/../..", "", "", "", "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31", "e93c787ed7f371d5c6b165c1b38ede9550f4dce4144713e844b25b7192d3865d"},
	{"get-slash-dot-slash-normalized", "GET", "/./", "", "", "", "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31", "e93c787ed7f371d5c6b165c1b38ede9550f4dce4144713e844b25b7192d3865d"},
	{"get-slash-normalized", "GET", "//", "", "", "", "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31", "e93c787ed7f371d5c6b165c1b38ede9550f4dce4144713e844b25b7192d3865d"},
	{"get-slash-pointless-dot-normalized", "GET", "/./example", "", "", "", "ef75d96142cf21edca26f06005da7988e4f8dc83a165a80865db7089db637ec5", "35034b1a0bdd969f346975386daf8aedfd4976573b8348cf4f67eaa41c5857de"},
	{"get-slashes-normalized", "GET", "//example//", "", "", "", "9a624bd73a37c9a373b5312afbebe7a714a789de108f0bdfe846570885f57e84", "c1834e8fb0307243711f0f907f6ab7311ed300d87f13792d7ee4da89ab93e082"},
	{"get-unreserved", "GET", "/" + unreserved, "", "", "", "07ef7494c76fa4850883e2b006601f940f8a34d404d0cfa977f52a65bbf5f24f", "95968482db1b9e0fadef6efc1bd24689f77c77d9ef56919c96a28cc92e0d6005"},
	{"get-vanilla", "GET", "/", "", "", "", "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31", "e93c787ed7f371d5c6b165c1b38ede9550f4dce4144713e844b25b7192d3865d"},
	{"get-vanilla-empty-query-key", "GET", "/?Param1=value1", "", "", "", "a67d582fa61cc504c4bae71f336f98b97f1ea3c7a6bfe1b6e45aec72011b9aeb", "49096700cbbaa5753443850f40df10f904fc2fdb544dc9512203cc77c471a9de"},
	{"get-vanilla-query-order-encoded", "GET", "/?Param-3=Value3&Param=Value2&%E1%88%B4=Value1", "", "", "", "371d3713e185cc334048618a97f809c9ffe339c62934c032af5a0e595648fcac", "c5f1848ceec943ac2ca68ee720460c23aaae30a2300586597ada94c4a65e4787"},
	{"get-vanilla-query-order-key-case", "GET", "/?Param2=value2&Param1=value1", "", "", "", "b97d918cfa904a5beff61c982a1b6f458b799221646efd99d3219ec94cdf2500", "86012e2c9ad4d77369f5d81c11f75158aae4f895a085212cc6d3f923d300bed5"},
	{"get-vanilla-query-unreserved", "GET", "/?" + unreserved + "=" + unreserved, "", "", "", "9c3e54bfcdf0b19771a7f523ee5669cdf59bc7cc0884027167c21bb143a40197", "8e76a88a7433637b12778d5592799b29ad21ecd6cf6325051c21d86f0acda2bf"},
	{"get-vanilla-utf8-query", "GET", "/?ሴ=bar", "", "", "", "2cdec8eed098649ff3a119c94853b13c643bcf08f8b0a1d91e12c9027818dd04", "0bdd809b1519ac4f0c1dc3540e2cc46bd0c7f778eda408b2ebf3b913d21ff600"},
	{"get-vanilla-with-session-token", "GET", "/", "", "", suiteToken, "07ec1639c89043aa0e3e2de82b96708f198cceab042d4a97044c66dd9f74e7f8", "7ff2b50b376cb4d151970630573d6291dc128cc5c2a12ffb237f73cc53f67b6c"},
	{"post-header-key-sort", "POST", "/", "My-Header1:value1", "", "", "c5410059b04c1ee005303aed430f6e6645f61f4dc9e1461ec8f8916fdf18852c", "c09d07e0d55871f10f2a6d350d994acf6825a3cae70673d7def55616e6119dd7"},
	{"post-header-value-case", "POST", "/", "My-Header1:VALUE1", "", "", "cdbc9802e29d2942e5e10b5bccfdd67c5f22c7c4e8ae67b53629efa58b974b7d", "0698bc9e4f7f9139065ba2909c0e99da257e8e2a42492a097bcd46d792391fed"},
	{"post-sts-header-before", "POST", "/", "", "", stsToken, "85d96828115b5dc0cfc3bd16ad9e210dd772bbebba041836c64533a82be05ead", "46c2e3c63c1dbe7d39f8ada16fe7f001c1f56c5791441565323677f96308871c"},
	{"post-vanilla", "POST", "/", "", "", "", "5da7c1a2acd57cee7505fc6676e4e544621c30862966e37dddb68e92efbe5d6b", "2ce6e6d2e0cf2f9d1b55fafec88cd20574c31dc2e7631979f71ba2310083e95b"},
	{"post-vanilla-query", "POST", "/?Param1=value1", "", "", "", "28038455d6de14eafc1f9222cf5aa6f1a96197d7deb8263271d420d138af7f11", "a9ef26247f293bffe40eeff86a0480ba8c14d31503b2e0c3399e3a16bf1a3682"},
	{"post-x-www-form-urlencoded", "POST", "/", form, "Param1=value1", "", "d3875051da38690788ef43de4db0d8f280229d82040bfac253562e56c3f20e0b", "89a40deed0f26f9461242825a082d2222717248abc7ab41f552ad84a94ad46e9"},
	{"post-x-www-form-urlencoded-parameters", "POST", "/", form + "; charset=utf-8", "Param1=value1", "", "328d1b9eaadca9f5818ef05e8392801e091653bafec24fcab71e7344e7f51422", "0dbeb9b026c7b6675f266b8427efec9b4fa8b1f6ef1477d717aea231106eab4d"},
}

// scope is the Credential of the suite.
const scope = accessKeyID + "/20150830/us-east-1/service/aws4_request"

// signedNames returns the SignedHeaders of a request with the given header lines.
func signedNames(headers ...string) string {
	names := []string{"host"}
	for _, line := range headers {
		if name, _, ok := strings.Cut(line, ":"); ok {
			names = append(names, strings.ToLower(name))
		}
	}
	slices.Sort(names)
	return strings.Join(slices.Compact(names), ";")
}

func lines(parts ...string) string {
	return strings.Join(slices.DeleteFunc(parts, func(s string) bool { return s == "" }), "\n") + "\n\n"
}

func TestSuite(t *testing.T) {
	for _, c := range suite {
		t.Run(c.name+"/header", func(t *testing.T) {
			headers := strings.Split(c.headers, "\n")
			headers = append(headers, "X-Amz-Date:20150830T123600Z")
			if c.token != "" {
				headers = append(headers, "X-Amz-Security-Token:"+c.token)
			}
			if c.body != "" {
				headers = append(headers, "Content-Length:13", "x-amz-content-sha256:"+sum([]byte(c.body)))
			}
			auth := "Authorization:AWS4-HMAC-SHA256 Credential=" + scope + ", SignedHeaders=" + signedNames(headers...) + ", Signature=" + c.inHeader
			request := lines(append([]string{c.method + " " + c.target + " HTTP/1.1", "Host:example.amazonaws.com", auth}, headers...)...) + c.body
			checkSuite(t, request, c.token, false)
		})
		t.Run(c.name+"/query", func(t *testing.T) {
			headers := strings.Split(c.headers, "\n")
			if c.body != "" {
				headers = append(headers, "Content-Length:13")
			}
			query := url.Values{
				"X-Amz-Algorithm": {"AWS4-HMAC-SHA256"}, "X-Amz-Credential": {scope}, "X-Amz-Date": {"20150830T123600Z"},
				"X-Amz-Expires": {"3600"}, "X-Amz-SignedHeaders": {signedNames(headers...)}, "X-Amz-Signature": {c.inQuery},
			}
			if c.token != "" {
				query.Set("X-Amz-Security-Token", c.token)
			}
			target := c.target + "?"
			if strings.Contains(c.target, "?") {
				target = c.target + "&"
			}
			request := lines(append([]string{c.method + " " + target + query.Encode() + " HTTP/1.1", "Host:example.amazonaws.com"}, headers...)...) + c.body
			checkSuite(t, request, c.token, true)
		})
	}
}

func checkSuite(t *testing.T, request, token string, presigned bool) {
	t.Helper()
	r, body := receive(t, request)
	a, err := sigv4.Parse(r)
	if err != nil {
		t.Fatalf("Parse: %v\n%s", err, request)
	}
	if a.AccessKeyID != accessKeyID || a.SessionToken != token || a.Presigned != presigned || !a.Time.Equal(suiteTime) {
		t.Errorf("got %+v", a)
	}
	if err := verify(r, body, suiteTime, secret); err != nil {
		t.Errorf("%v\n%s", err, request)
	}
	wantRefusal(t, verify(r, body, suiteTime, secret+"x"), sigv4.InvalidSignature, "does not match the signature you provided")
	wantRefusal(t, verify(r, append(body, 'x'), suiteTime, secret), sigv4.InvalidSignature, "")
	r.Method = http.MethodPut
	wantRefusal(t, verify(r, body, suiteTime, secret), sigv4.InvalidSignature, "does not match the signature you provided")
}
