package sigv4_test

import (
	"context"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"

	"confab/internal/sigv4"
)

const (
	roomARN    = "arn:aws:ivschat:us-west-2:123456789012:room/AbCdEfGhIjKl"
	escapedARN = "arn%3Aaws%3Aivschat%3Aus-west-2%3A123456789012%3Aroom%2FAbCdEfGhIjKl"
)

// sent signs a GET of a path on a host with aws-sdk-go-v2.
func sent(t *testing.T, host, path string) *http.Request {
	t.Helper()
	r := must(http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+host+path, nil))
	credentials := aws.Credentials{AccessKeyID: accessKeyID, SecretAccessKey: secret, SessionToken: "a-session-token"}
	if err := v4.NewSigner().SignHTTP(context.Background(), credentials, r, sum(nil), service, region, suiteTime); err != nil {
		t.Fatal(err)
	}
	r.Host = host
	return r
}

// arrives changes the path of r to what a proxy made of it.
func arrives(r *http.Request, path string) {
	u := must(url.Parse(path))
	r.URL.Path, r.URL.RawPath = u.Path, u.RawPath
}

func TestPathOfAnARN(t *testing.T) {
	for name, c := range map[string]struct {
		signed, arrived string
		want            bool
	}{
		"as it was sent":                        {"/tags/" + escapedARN, "/tags/" + escapedARN, true},
		"decoded":                               {"/tags/" + escapedARN, "/tags/" + roomARN, true},
		"the slash decoded":                     {"/tags/" + escapedARN, "/tags/" + strings.Replace(escapedARN, "%2F", "/", 1), true},
		"the colons decoded":                    {"/tags/" + escapedARN, "/tags/" + strings.ReplaceAll(escapedARN, "%3A", ":"), true},
		"escaped in lower case":                 {"/tags/" + escapedARN, "/tags/" + strings.NewReplacer("%3A", "%3a", "%2F", "%2f").Replace(escapedARN), true},
		"letters escaped":                       {"/tags/" + escapedARN, "/tags/" + strings.Replace(roomARN, "room", "%72oom", 1), true},
		"signed as it is":                       {"/tags/" + roomARN, "/tags/" + roomARN, true},
		"behind a prefix":                       {"/chat/tags/" + escapedARN, "/chat/tags/" + roomARN, true},
		"another resource":                      {"/tags/" + escapedARN, "/tags/" + strings.Replace(roomARN, "Ab", "aB", 1), false},
		"another resource, escaped":             {"/tags/" + escapedARN, "/tags/" + strings.Replace(escapedARN, "Ab", "aB", 1), false},
		"a resource that only looks the same":   {"/tags/" + escapedARN, "/tags/" + strings.Replace(escapedARN, "%3A", "%253A", 1), false},
		"another path":                          {"/tags/" + escapedARN, "/tag/" + roomARN, false},
		"more behind it":                        {"/tags/" + escapedARN, "/tags/" + roomARN + "/x", false},
		"dots behind it":                        {"/tags/" + escapedARN, "/tags/" + roomARN + "/../AbCdEfGhIjKl", false},
		"a path without an ARN, escaped anew":   {"/GetRoom", "/Get%52oom", false},
		"a path without an ARN, a slash in it":  {"/a%2Fb", "/a/b", false},
		"an ARN that is not the whole, escaped": {"/tags/x" + escapedARN, "/tags/x" + roomARN, false},
	} {
		t.Run(name, func(t *testing.T) {
			r := sent(t, "chat.example.com", c.signed)
			arrives(r, c.arrived)
			if err := verify(r, nil, suiteTime, secret); (err == nil) != c.want {
				t.Errorf("got %v", err)
			}
		})
	}
}

func TestExplain(t *testing.T) {
	const host, path = "chat.example.com", "/GetRoom"
	header := func(name, value string) func(*http.Request) {
		return func(r *http.Request) { r.Header.Set(name, value) }
	}
	for name, c := range map[string]struct {
		host, path string // as signed
		change     func(*http.Request)
		wantHost   string
		wantPath   string
	}{
		"nothing was changed, the secret is wrong": {host, path, header("X-Amz-Date", "20150830T123601Z"), "", ""},
		"Host, named by X-Forwarded-Host":          {host, path, header("X-Forwarded-Host", host), host, ""},
		"Host, one of several":                     {host, path, header("X-Forwarded-Host", "cdn.example.com, "+host), host, ""},
		"Host, named by Forwarded":                 {host, path, header("Forwarded", `for=192.0.2.1;host="`+host+`";proto=https`), host, ""},
		"Host, whose port is missing":              {host + ":8443", path, func(r *http.Request) { header("X-Forwarded-Host", host)(r); header("X-Forwarded-Port", "8443")(r) }, host + ":8443", ""},
		"Host, with a port added":                  {host, path, func(r *http.Request) { r.Host = host + ":8080" }, host, ""},
		"Host, with the standard port removed":     {host + ":443", path, func(r *http.Request) { r.Host = host }, host + ":443", ""},
		"the path, with a prefix removed":          {host, "/chat" + path, func(r *http.Request) { r.Host = host; header("X-Forwarded-Prefix", "/chat/")(r) }, "", "/chat" + path},
		"the path, with a prefix added":            {host, path, func(r *http.Request) { r.Host = host; arrives(r, "/chat"+path) }, "", path},
		"the path, named by a header":              {host, "/v1" + path, func(r *http.Request) { r.Host = host; header("X-Envoy-Original-Path", "/v1"+path+"?a=b")(r) }, "", "/v1" + path},
		"the path, decoded":                        {host, "/x%20y", func(r *http.Request) { r.Host = host; arrives(r, "/x%2520y") }, "", "/x%20y"},
		"the path, encoded once less":              {host, "/x%2520y", func(r *http.Request) { r.Host = host; arrives(r, "/x%20y") }, "", "/x%2520y"},
		"the path, with a slash at its end":        {host, path, func(r *http.Request) { r.Host = host; arrives(r, path+"/") }, "", path},
		"both": {host, "/chat" + path, func(r *http.Request) {
			header("X-Forwarded-Host", host)(r)
			header("X-Forwarded-Prefix", "/chat")(r)
		}, host, "/chat" + path},
		"something else": {host, path, func(r *http.Request) { r.Method = http.MethodPost }, "", ""},
	} {
		t.Run(name, func(t *testing.T) {
			r := sent(t, c.host, c.path)
			r.Host = "10.0.0.7:8080"
			arrives(r, path)
			c.change(r)
			a := must(sigv4.Parse(r))
			if err := a.Verify(r, sum(nil), secret); err == nil {
				t.Fatal("the signature is right")
			}
			signed := a.Search(r, sum(nil), secret)
			if signed.Host != c.wantHost || signed.Path != c.wantPath {
				t.Errorf("got Host %q and path %q, want %q and %q", signed.Host, signed.Path, c.wantHost, c.wantPath)
			}
			if hint := signed.Hint(); (hint == "") != (c.wantHost == "" && c.wantPath == "") || !strings.Contains(hint, c.wantHost) || !strings.Contains(hint, c.wantPath) {
				t.Errorf("the hint is %q", hint)
			}
			e := a.Explain(r, sum(nil))
			if !strings.Contains(e.CanonicalRequest, "host:"+r.Host+"\n") || !strings.HasPrefix(e.StringToSign, "AWS4-HMAC-SHA256\n") {
				t.Errorf("explained by %q and %q", e.CanonicalRequest, e.StringToSign)
			}
		})
	}
}

func TestExplainKeepsSecrets(t *testing.T) {
	header := sent(t, "chat.example.com", "/GetRoom")
	header.Host = "another"
	query := must(http.NewRequestWithContext(t.Context(), http.MethodGet, "http://chat.example.com/GetRoom", nil))
	signed, _, err := v4.NewSigner().PresignHTTP(t.Context(), aws.Credentials{AccessKeyID: accessKeyID, SecretAccessKey: secret, SessionToken: "a-session-token"},
		query, sum(nil), service, region, suiteTime)
	if err != nil {
		t.Fatal(err)
	}
	query = must(http.NewRequestWithContext(t.Context(), http.MethodGet, signed, nil))
	query.Host = "another"
	for _, r := range []*http.Request{header, query} {
		a := must(sigv4.Parse(r))
		if a.SessionToken != "a-session-token" {
			t.Fatalf("the session token is %q", a.SessionToken)
		}
		e := a.Explain(r, sum(nil))
		for _, s := range []string{e.CanonicalRequest, e.StringToSign, a.Search(r, sum(nil), secret).Hint()} {
			if strings.Contains(s, "a-session-token") || strings.Contains(s, a.Signature) || strings.Contains(s, secret) {
				t.Errorf("a secret is in %q", s)
			}
		}
		if !strings.Contains(e.CanonicalRequest, "***") && !strings.Contains(e.CanonicalRequest, "%2A%2A%2A") {
			t.Errorf("nothing is masked in %q", e.CanonicalRequest)
		}
	}
}
