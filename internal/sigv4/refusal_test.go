package sigv4_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"confab/internal/sigv4"
)

// vanilla is a request of the suite that verifies.
const vanilla = `GET / HTTP/1.1
Host: example.amazonaws.com
X-Amz-Date: 20150830T123600Z
Authorization: AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/service/aws4_request, SignedHeaders=host;x-amz-date, Signature=5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31

`

// presigned is the same one with its signature in the query.
const presigned = `GET /?X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=AKIDEXAMPLE%2F20150830%2Fus-east-1%2Fservice%2Faws4_request&X-Amz-Date=20150830T123600Z&X-Amz-Expires=3600&X-Amz-SignedHeaders=host&X-Amz-Signature=e93c787ed7f371d5c6b165c1b38ede9550f4dce4144713e844b25b7192d3865d HTTP/1.1
Host: example.amazonaws.com

`

func TestFormsThatVerify(t *testing.T) {
	for _, c := range []struct{ name, request, old, new string }{
		{"as it is", vanilla, "", ""},
		{"no spaces after the commas", vanilla, ", ", ","},
		{"many spaces after the commas", vanilla, ", ", " ,\t  "},
		{"spaces after the algorithm", vanilla, "SHA256 ", "SHA256    "},
		{"CloudFront's own header, not signed", vanilla, "\n\n", "\nX-Amz-Cf-Id: abc\n\n"},
		{"headers that are not signed", vanilla, "\n\n", "\nX-Amzn-Trace-Id: abc\nAmz-Sdk-Request: attempt=1\n\n"},
		{"presigned, as it is", presigned, "", ""},
		{"presigned, slashes not escaped", presigned, "%2F", "/"},
		{"presigned, lower-case escapes", presigned, "%2F", "%2f"},
		{"presigned, empty pairs", presigned, "&X-Amz-Date", "&&X-Amz-Date"},
	} {
		t.Run(c.name, func(t *testing.T) {
			request := strings.ReplaceAll(c.request, c.old, c.new)
			if c.old == "" {
				request = c.request
			}
			r, body := receive(t, request)
			if err := verify(r, body, suiteTime, secret); err != nil {
				t.Errorf("%v\n%s", err, request)
			}
		})
	}
}

func TestRefusals(t *testing.T) {
	const (
		missing    = sigv4.MissingAuthenticationToken
		incomplete = sigv4.IncompleteSignature
		invalid    = sigv4.InvalidSignature
		signature  = "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31"
	)
	for _, c := range []struct{ name, request, old, new, want, words string }{
		{"no Authorization", vanilla, "Authorization", "X-Authorization", missing, "Missing Authentication Token"},
		{"another scheme", vanilla, "AWS4-HMAC-SHA256 ", "Bearer ", incomplete, "must begin with the algorithm"},
		{"another algorithm", vanilla, "HMAC-SHA256", "HMAC-SHA512", incomplete, "must begin with the algorithm"},
		{"an empty Authorization", vanilla, "AWS4-HMAC-SHA256 Credential=" + scope + ", SignedHeaders=host;x-amz-date, Signature=" + signature, "", incomplete, "must begin with the algorithm"},
		{"nothing but the algorithm", vanilla, " Credential=" + scope + ", SignedHeaders=host;x-amz-date, Signature=" + signature, "", incomplete, "requires 'Credential' parameter. Authorization header requires 'Signature' parameter. Authorization header requires 'SignedHeaders' parameter."},
		{"no Credential", vanilla, "Credential=" + scope + ", ", "", incomplete, "Authorization header requires 'Credential' parameter."},
		{"an empty Credential", vanilla, "Credential=" + scope, "Credential=", incomplete, "Authorization header requires 'Credential' parameter."},
		{"no SignedHeaders", vanilla, "SignedHeaders=host;x-amz-date, ", "", incomplete, "Authorization header requires 'SignedHeaders' parameter."},
		{"no Signature", vanilla, ", Signature=" + signature, "", incomplete, "Authorization header requires 'Signature' parameter."},
		{"no equal-sign", vanilla, "Signature=", "Signature", incomplete, "missing equal-sign"},
		{"a comma at the end", vanilla, signature, signature + ",", incomplete, "missing equal-sign"},
		{"an unknown parameter", vanilla, ", Signature", ", Color=red, Signature", incomplete, "unknown parameter"},
		{"a parameter twice", vanilla, ", Signature", ", Signature=00, Signature", incomplete, "more than one 'Signature'"},
		{"two Authorization headers", vanilla, "\n\n", "\nAuthorization: AWS4-HMAC-SHA256 x=y\n\n", incomplete, "2 Authorization headers"},
		{"header and query", vanilla, "GET /", "GET /?X-Amz-Signature=00", incomplete, "only one of them"},
		{"a huge Authorization", vanilla, "Signature=", "Signature=" + strings.Repeat("0", 9000), incomplete, "at most 8192"},
		{"no date", vanilla, "X-Amz-Date: ", "X-Date: ", incomplete, "'X-Amz-Date' or a 'Date' header"},
		{"two dates", vanilla, "X-Amz-Date: ", "X-Amz-Date: 20150830T123600Z\nX-Amz-Date: ", incomplete, "more than one 'X-Amz-Date'"},
		{"a date of HTTP in X-Amz-Date", vanilla, "X-Amz-Date: 20150830T123600Z", "X-Amz-Date: Sun, 30 Aug 2015 12:36:00 GMT", incomplete, "basic format"},
		{"a fraction of a second", vanilla, "20150830T123600Z", "20150830T123600.5Z", incomplete, "basic format"},
		{"two session tokens", vanilla, "\n\n", "\nX-Amz-Security-Token: a\nX-Amz-Security-Token: b\n\n", incomplete, "more than one 'X-Amz-Security-Token'"},
		{"a huge session token", vanilla, "\n\n", "\nX-Amz-Security-Token: " + strings.Repeat("x", 17000) + "\n\n", incomplete, "at most 16384"},
		{"a short scope", vanilla, "/aws4_request", "", incomplete, "exactly 5 slash-delimited elements"},
		{"a long scope", vanilla, "/aws4_request", "/aws4_request/x", incomplete, "exactly 5 slash-delimited elements"},
		{"an empty element of the scope", vanilla, "/us-east-1/", "//", incomplete, "exactly 5 slash-delimited elements"},
		{"a space in the scope", vanilla, "AKIDEXAMPLE/", "AKID EXAMPLE/", incomplete, "exactly 5 slash-delimited elements"},
		{"a huge Credential", vanilla, "AKIDEXAMPLE/", strings.Repeat("A", 600) + "/", incomplete, "at most 512"},
		{"a long access key id", vanilla, "AKIDEXAMPLE/", strings.Repeat("A", 200) + "/", incomplete, "at most 128"},
		{"too many signed headers", vanilla, "host;", "host;" + strings.Repeat("i;", 100), incomplete, "more than 100 headers"},
		{"upper-case signed headers", vanilla, "=host;", "=Host;", incomplete, "ascending order"},
		{"signed headers out of order", vanilla, "host;x-amz-date", "x-amz-date;host", incomplete, "ascending order"},
		{"a signed header twice", vanilla, "host;", "host;host;", incomplete, "ascending order"},
		{"a signed header that is not there", vanilla, "host;", "host;x-absent;", invalid, "not in the request"},
		{"host not signed", vanilla, "host;", "", invalid, "'Host' must be a 'SignedHeader'"},
		{"the date not signed", vanilla, ";x-amz-date,", ",", invalid, "'x-amz-date' must be a 'SignedHeader'"},
		{"an x-amz header not signed", vanilla, "\n\n", "\nX-Amz-Target: x\n\n", invalid, "'x-amz-target' must be a 'SignedHeader'"},
		{"a session token not signed", vanilla, "\n\n", "\nX-Amz-Security-Token: x\n\n", invalid, "'x-amz-security-token' must be a 'SignedHeader'"},
		{"another region", vanilla, "us-east-1", "eu-west-1", invalid, "Credential should be scoped to a valid Region, not 'eu-west-1'"},
		{"another service", vanilla, "/service/", "/sts/", invalid, "Credential should be scoped to correct service: 'service'."},
		{"another terminator", vanilla, "aws4_request", "aws5_request", invalid, "Credential should be scoped with a valid terminator: 'aws4_request', not 'aws5_request'."},
		{"another day", vanilla, "/20150830/", "/20150831/", invalid, "Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date from HTTP: '20150831' != '20150830', from '20150830T123600Z'."},
		{"region and service", vanilla, "us-east-1/service", "eu-west-1/sts", invalid, "'us-east-1'. Credential should be scoped to correct service"},
		{"another signature", vanilla, "=5fa0", "=6fa0", invalid, "does not match the signature you provided"},
		{"an upper-case signature", vanilla, signature, strings.ToUpper(signature), invalid, "does not match the signature you provided"},
		{"a short signature", vanilla, signature, "5fa0", invalid, "does not match the signature you provided"},
		{"another path", vanilla, "GET / ", "GET /x ", invalid, "does not match the signature you provided"},
		{"another query", vanilla, "GET / ", "GET /?x ", invalid, "does not match the signature you provided"},
		{"a malformed query", vanilla, "GET / ", "GET /?a=%zz ", incomplete, "query-string is malformed"},
		{"a huge query", vanilla, "GET / ", "GET /?a=" + strings.Repeat("a", 140000) + " ", incomplete, "at most 131072"},
		{"a query of many parameters", vanilla, "GET / ", "GET /?" + strings.Repeat("a&", 1000) + " ", incomplete, "at most 1000"},
		{"another host", vanilla, "example.", "evil.", invalid, "does not match the signature you provided"},

		{"presigned without algorithm", presigned, "X-Amz-Algorithm=AWS4-HMAC-SHA256&", "", incomplete, "must include 'X-Amz-Algorithm'. Re-examine"},
		{"presigned without credential", presigned, "X-Amz-Credential", "X-Credential", incomplete, "must include 'X-Amz-Credential'. Re-examine"},
		{"presigned without date", presigned, "X-Amz-Date", "X-Date", incomplete, "must include 'X-Amz-Date'. Re-examine"},
		{"presigned without signed headers", presigned, "X-Amz-SignedHeaders", "X-SignedHeaders", incomplete, "must include 'X-Amz-SignedHeaders'. Re-examine"},
		{"presigned without signature", presigned, "X-Amz-Signature", "X-Signature", incomplete, "must include 'X-Amz-Signature'. Re-examine"},
		{"presigned with another algorithm", presigned, "SHA256", "SHA512", incomplete, "must be 'AWS4-HMAC-SHA256'"},
		{"presigned with a parameter twice", presigned, "&X-Amz-Date", "&X-Amz-Expires=1&X-Amz-Date", incomplete, "'X-Amz-Expires' is there more than once"},
		{"presigned for more than a week", presigned, "=3600", "=604801", incomplete, "from 1 to 604800"},
		{"presigned for no time", presigned, "=3600", "=0", incomplete, "from 1 to 604800"},
		{"presigned for a negative time", presigned, "=3600", "=-1", incomplete, "from 1 to 604800"},
		{"presigned with a date of HTTP", presigned, "=20150830T123600Z", "=Sun,%2030%20Aug%202015%2012:36:00%20GMT", incomplete, "basic format"},
		{"presigned with a longer life than signed", presigned, "=3600", "=3601", invalid, "does not match the signature you provided"},
		{"presigned with a token put on later", presigned, "&X-Amz-Date", "&X-Amz-Security-Token=x&X-Amz-Date", invalid, "does not match the signature you provided"},
		{"presigned with a header put on later", presigned, "\n\n", "\nX-Amz-Target: x\n\n", invalid, "'x-amz-target' must be a 'SignedHeader'"},
	} {
		t.Run(c.name, func(t *testing.T) {
			request := strings.ReplaceAll(c.request, c.old, c.new)
			if request == c.request {
				t.Fatal("the case changes nothing")
			}
			r, body := receive(t, request)
			wantRefusal(t, verify(r, body, suiteTime, secret), c.want, c.words)
		})
	}
}

func TestClock(t *testing.T) {
	for _, c := range []struct {
		name, request string
		late          time.Duration // of our clock behind the signature
		words         string
	}{
		{"five minutes late", vanilla, 5 * time.Minute, ""},
		{"more than five minutes late", vanilla, 5*time.Minute + time.Second, "Signature expired: 20150830T123600Z is now earlier than 20150830T123601Z (20150830T124101Z - 5 min.)"},
		{"five minutes early", vanilla, -5 * time.Minute, ""},
		{"more than five minutes early", vanilla, -5*time.Minute - time.Second, "Signature not yet current: 20150830T123600Z is still later than 20150830T123559Z (20150830T123059Z + 5 min.)"},
		{"presigned, at the end", presigned, time.Hour, ""},
		{"presigned, after the end", presigned, time.Hour + time.Second, "Signature expired: 20150830T133600Z is now earlier than 20150830T133601Z (20150830T123600Z + 3600 s.)"},
		{"presigned, early", presigned, -5*time.Minute - time.Second, "Signature not yet current"},
		{"presigned without a life, late", strings.Replace(presigned, "X-Amz-Expires=3600&", "", 1), 5*time.Minute + time.Second, "Signature expired"},
		{"presigned without a life, in time, is another signature", strings.Replace(presigned, "X-Amz-Expires=3600&", "", 1), 5 * time.Minute, "does not match"},
	} {
		t.Run(c.name, func(t *testing.T) {
			r, body := receive(t, c.request)
			err := verify(r, body, suiteTime.Add(c.late), secret)
			if c.words == "" {
				if err != nil {
					t.Error(err)
				}
				return
			}
			wantRefusal(t, err, sigv4.InvalidSignature, c.words)
		})
	}
}

func TestPayloadHash(t *testing.T) {
	// What the header or the parameter claims is signed like any other; it must
	// be true as well.
	for _, claimed := range []string{"UNSIGNED-PAYLOAD", "STREAMING-AWS4-HMAC-SHA256-PAYLOAD", sum([]byte("other")), strings.ToUpper(sum(nil)), ""} {
		for _, presign := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s, presigned %v", claimed, presign), func(t *testing.T) {
				r, body, err := read(signClaim(t, claimed, presign))
				if err != nil {
					t.Fatal(err)
				}
				wantRefusal(t, verify(r, body, suiteTime, secret), sigv4.InvalidSignature, "'x-amz-content-sha256' must be the SHA-256 of the body")
			})
		}
	}
	for _, presign := range []bool{false, true} {
		r, body, err := read(signClaim(t, sum(nil), presign))
		if err != nil {
			t.Fatal(err)
		}
		if err := verify(r, body, suiteTime, secret); err != nil {
			t.Errorf("the true one, presigned %v: %v", presign, err)
		}
	}
}
