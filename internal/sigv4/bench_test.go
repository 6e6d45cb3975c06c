package sigv4_test

import (
	"strconv"
	"strings"
	"testing"

	"confab/internal/sigv4"
)

// BenchmarkVerify takes all three steps for a request like CreateChatToken.
func BenchmarkVerify(b *testing.B) {
	body := strings.Repeat("x", 200)
	r, _ := receive(b, `POST /CreateChatToken HTTP/1.1
Host: localhost:8080
Content-Type: application/json
Content-Length: `+strconv.Itoa(len(body))+`
User-Agent: aws-sdk-go-v2/1.47.7
X-Amz-Date: 20150830T123600Z
Authorization: AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/service/aws4_request, SignedHeaders=content-length;content-type;host;x-amz-date, Signature=5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31

`+body)
	payload := sum([]byte(body))
	b.ReportAllocs()
	for b.Loop() {
		a, err := sigv4.Parse(r)
		if err != nil {
			b.Fatal(err)
		}
		if err := a.Check(suiteTime, region, service); err != nil {
			b.Fatal(err)
		}
		if a.Verify(r, payload, secret) == nil {
			b.Fatal("a made-up signature verified")
		}
	}
}
