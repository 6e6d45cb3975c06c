package sigv4_test

import (
	"fmt"
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

// BenchmarkSearch measures what a wrong signature costs beyond its check, for a plain
// request and for those that make it expensive: headers of proxies with many hosts and
// paths, and a long signed header. The ports accept 64 KB of headers (front.NewHTTPServer).
func BenchmarkSearch(b *testing.B) {
	for _, size := range []int{0, 1 << 10, 30 << 10} {
		b.Run(fmt.Sprintf("headers=%d", 2*size), func(b *testing.B) {
			r, _ := receive(b, `GET /GetRoom HTTP/1.1
Host: localhost:8080
X-Amz-Date: 20150830T123600Z
X-Forwarded-Host: `+strings.Repeat("a,b,c,d,e,f,g,h,", size/16)+`
X-Long: `+strings.Repeat("x", size)+`
Authorization: AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/service/aws4_request, SignedHeaders=host;x-amz-date;x-long, Signature=5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31

`)
			if size > 0 {
				for i := range 12 {
					r.Header.Add("X-Original-Uri", fmt.Sprintf("/%d", i))
				}
			}
			a, err := sigv4.Parse(r)
			if err != nil {
				b.Fatal(err)
			}
			b.ReportAllocs()
			for b.Loop() {
				a.Search(r, sum(nil), secret)
			}
		})
	}
}
