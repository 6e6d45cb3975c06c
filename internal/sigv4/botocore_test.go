package sigv4_test

import (
	"bytes"
	"context"
	"encoding/json"
	"net/url"
	"os/exec"
	"testing"
	"time"
)

// botocoreCase is a request for testdata/sign.py.
type botocoreCase struct {
	Name    string            `json:"-"`
	Method  string            `json:"method"`
	URL     string            `json:"url"`
	Headers map[string]string `json:"headers"`
	Body    string            `json:"body"`
	Token   string            `json:"token"`
	Secret  string            `json:"secret"`
	Presign bool              `json:"presign"`
}

var botocoreCases = []botocoreCase{
	{Name: "an operation", Method: "POST", URL: "/CreateRoom", Headers: map[string]string{"Content-Type": "application/json"}, Body: `{"name":"é"}`},
	{Name: "an ARN in the path", Method: "GET", URL: "/tags/arn%3Aaws%3Aivschat%3Aus-west-2%3A123456789012%3Aroom%2Fabc"},
	{Name: "tag keys", Method: "DELETE", URL: "/tags/x?tagKeys=team-a&tagKeys=team%3Aa&tagKeys=b%20c&tagKeys=b%2Bc&tagKeys=%C3%A9&tagKeys="},
	{Name: "dot segments", Method: "GET", URL: "/a/./b/../c//d/"},
	{Name: "escaped dots", Method: "GET", URL: "/a/%2e%2e/b"},
	{Name: "a space in the path", Method: "GET", URL: "/example%20space/"},
	{Name: "a letter of three bytes in the path", Method: "GET", URL: "/%E1%88%B4"},
	{Name: "reserved letters in the path", Method: "GET", URL: "/a:b@c$d!e*f'g(h)i,j;k=l~m"},
	{Name: "spaces in a header", Method: "GET", URL: "/", Headers: map[string]string{"X-A": "  a   b\tc  "}},
	{Name: "the date of HTTP", Method: "GET", URL: "/", Headers: map[string]string{"Date": "will be replaced"}},
	{Name: "a session token", Method: "POST", URL: "/CreateRoom", Body: "{}", Token: "token/with+odd=letters"},
	{Name: "the hash of the body", Method: "POST", URL: "/", Body: "abc", Headers: map[string]string{"X-Amz-Content-SHA256": sum([]byte("abc"))}},
}

// python finds an interpreter that has botocore: the one of the distribution
// (Debian: python3-boto3) or the first on the PATH.
func python(t *testing.T) string {
	t.Helper()
	for _, name := range []string{"/usr/bin/python3", "python3"} {
		if exec.CommandContext(t.Context(), name, "-c", "import botocore.auth").Run() == nil {
			return name
		}
	}
	t.Fatal("no python3 can import botocore; install Debian's python3-boto3 or run: pip install boto3")
	return ""
}

// TestSignedByBotocore verifies what botocore, the signer of boto3 and of the
// AWS CLI, signs in the header and in the query.
func TestSignedByBotocore(t *testing.T) {
	var cases []botocoreCase
	for _, c := range botocoreCases {
		c.Secret, c.URL = secret, "https://example.amazonaws.com"+c.URL
		cases = append(cases, c)
		if c.Headers["Date"] == "" && c.Method == "GET" {
			c.Name, c.Presign = c.Name+", presigned", true
			cases = append(cases, c)
		}
	}
	input, err := json.Marshal(cases)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, python(t), "testdata/sign.py")
	cmd.Stdin = bytes.NewReader(input)
	output, err := cmd.Output()
	if err != nil {
		t.Fatalf("sign.py: %v", err)
	}
	var signed []struct {
		URL     string      `json:"url"`
		Headers [][2]string `json:"headers"`
	}
	if err := json.Unmarshal(output, &signed); err != nil || len(signed) != len(cases) {
		t.Fatalf("sign.py gave %d requests: %v", len(signed), err)
	}
	for i, c := range cases {
		t.Run(c.Name, func(t *testing.T) {
			u, err := url.Parse(signed[i].URL)
			if err != nil {
				t.Fatal(err)
			}
			request := c.Method + " " + u.RequestURI() + " HTTP/1.1\nHost: example.amazonaws.com"
			for _, h := range signed[i].Headers {
				request += "\n" + h[0] + ": " + h[1]
			}
			r, body := receive(t, request+"\n\n"+c.Body)
			if err := verify(r, body, time.Now(), secret); err != nil {
				t.Errorf("%v\n%s", err, request)
			}
			if verify(r, body, time.Now(), "other") == nil {
				t.Error("verified with another secret")
			}
		})
	}
}
