package conformance

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
)

func TestSignature(t *testing.T) {
	t.Parallel()
	// edit changes the Authorization header of a good request.
	edit := func(old, replacement string) func(*http.Request) {
		return func(r *http.Request) {
			r.Header.Set("Authorization", strings.Replace(r.Header.Get("Authorization"), old, replacement, 1))
		}
	}
	authorization := func(value string) func(*http.Request) {
		return func(r *http.Request) { r.Header.Set("Authorization", value) }
	}
	// cut removes from the header the part that begins with name, up to the next comma.
	cut := func(name string) func(*http.Request) {
		return func(r *http.Request) {
			parts := strings.Split(strings.TrimPrefix(r.Header.Get("Authorization"), "AWS4-HMAC-SHA256 "), ", ")
			kept := parts[:0]
			for _, p := range parts {
				if !strings.HasPrefix(p, name) {
					kept = append(kept, p)
				}
			}
			r.Header.Set("Authorization", "AWS4-HMAC-SHA256 "+strings.Join(kept, ", "))
		}
	}
	root := subject.root
	today := time.Now().UTC().Format("20060102")
	for _, c := range []struct {
		name string
		call call4
		code string
		// message is a part of the text, if it is known.
		message string
	}{
		{"no Authorization", call4{unsigned: true}, "MissingAuthenticationTokenException", "Missing Authentication Token"},
		{"no Credential", call4{change: cut("Credential")}, "IncompleteSignatureException", "Credential"},
		{"no SignedHeaders", call4{change: cut("SignedHeaders")}, "IncompleteSignatureException", "SignedHeaders"},
		{"no Signature", call4{change: cut("Signature")}, "IncompleteSignatureException", "Authorization header requires 'Signature' parameter."},
		{"no equal sign", call4{change: edit("Signature=", "Signature")}, "IncompleteSignatureException", ""},
		{"nothing behind the algorithm", call4{change: authorization("AWS4-HMAC-SHA256")}, "IncompleteSignatureException", ""},
		{"another algorithm", call4{change: edit("AWS4-HMAC-SHA256", "AWS4-HMAC-SHA1")}, "IncompleteSignatureException", ""},
		{"a scope of four parts", call4{change: edit("/aws4_request", "")}, "IncompleteSignatureException", ""},
		{"an unknown access key", call4{creds: aws.Credentials{AccessKeyID: "AKIDUNKNOWN000000001", SecretAccessKey: "x"}}, "UnrecognizedClientException", "The security token included in the request is invalid."},
		{"a session token for a key that has none", call4{creds: withToken(root, "made-up")}, "UnrecognizedClientException", "The security token included in the request is invalid."},
		{"a wrong secret", call4{creds: aws.Credentials{AccessKeyID: root.AccessKeyID, SecretAccessKey: "wrong"}}, "InvalidSignatureException", "The request signature we calculated does not match the signature you provided"},
		{"another body", call4{change: func(r *http.Request) {
			r.Body = http.NoBody
			r.ContentLength = 0
		}}, "InvalidSignatureException", ""},
		{"another path", call4{change: func(r *http.Request) { r.URL.Path = "/ListLoggingConfigurations" }}, "InvalidSignatureException", ""},
		{"another query", call4{change: func(r *http.Request) { r.URL.RawQuery = "a=b" }}, "InvalidSignatureException", ""},
		{"another host", call4{change: func(r *http.Request) { r.Host = "example.com" }}, "InvalidSignatureException", ""},
		{"another value of a signed header", call4{change: func(r *http.Request) { r.Header.Set("Content-Type", "application/json; charset=utf-8") }}, "InvalidSignatureException", ""},
		{"a signature in capitals", call4{change: func(r *http.Request) {
			head, signature, _ := strings.Cut(r.Header.Get("Authorization"), "Signature=")
			r.Header.Set("Authorization", head+"Signature="+strings.ToUpper(signature))
		}}, "InvalidSignatureException", ""},
		{"a header x-amz- that is not signed", call4{change: func(r *http.Request) { r.Header.Set("X-Amz-Target", "x") }}, "InvalidSignatureException", ""},
		{"host not signed", call4{change: edit("host;", "")}, "InvalidSignatureException", ""},
		{"six minutes old", call4{at: time.Now().Add(-6 * time.Minute)}, "InvalidSignatureException", "Signature expired: "},
		{"six minutes ahead", call4{at: time.Now().Add(6 * time.Minute)}, "InvalidSignatureException", "Signature not yet current: "},
		{"another region", call4{region: "eu-west-9"}, "InvalidSignatureException", "Credential should be scoped to a valid Region"},
		{"another service", call4{service: "ivs"}, "InvalidSignatureException", "correct service: 'ivschat'"},
		{"another terminator", call4{change: edit("aws4_request", "aws5_request")}, "InvalidSignatureException", "valid terminator: 'aws4_request'"},
		{"another date in the scope", call4{change: edit("/"+today+"/", "/20200101/")}, "InvalidSignatureException", "Date in Credential scope does not match"},
	} {
		check(t, c.name+" is refused", func(t *testing.T) {
			c.call.path, c.call.body = "/ListRooms", `{}`
			o := subject.send(t, &c.call).wantError(t, c.code, http.StatusForbidden)
			if got := text(t, o, "message"); !strings.Contains(got, c.message) {
				t.Errorf("message %q, want %q in it", got, c.message)
			}
		})
	}
	check(t, "no date is refused", func(t *testing.T) {
		r := subject.send(t, &call4{path: "/ListRooms", body: `{}`, change: func(r *http.Request) { r.Header.Del("X-Amz-Date") }})
		if r.status != http.StatusForbidden || (r.errorName() != "IncompleteSignatureException" && r.errorName() != "InvalidSignatureException") {
			t.Errorf("%d %s", r.status, r.errorName())
		}
	})
	for name, c := range map[string]*call4{
		"four minutes old":              {at: time.Now().Add(-4 * time.Minute)},
		"four minutes ahead":            {at: time.Now().Add(4 * time.Minute)},
		"a query with signs and spaces": {query: "b=2&a=%20%2B%2F&a=1&c"},
		"spaces inside a signed header": {header: http.Header{"X-Amz-Meta": {"  a   b  "}}},
		"no spaces behind the commas": {change: func(r *http.Request) {
			r.Header.Set("Authorization", strings.ReplaceAll(r.Header.Get("Authorization"), ", ", ","))
		}},
		"a signed hash of the body": {header: http.Header{"X-Amz-Content-Sha256": {"44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a"}}},
	} {
		check(t, name+" is accepted", func(t *testing.T) {
			c.path, c.body = "/ListRooms", `{}`
			subject.send(t, c).want(t, http.StatusOK)
		})
	}
	check(t, "a hash of another body is refused", func(t *testing.T) {
		r := subject.send(t, &call4{path: "/ListRooms", body: `{}`, header: http.Header{"X-Amz-Content-Sha256": {strings.Repeat("0", 64)}}})
		if r.status != http.StatusForbidden && r.status != http.StatusBadRequest {
			t.Errorf("status %d: %s", r.status, r.body)
		}
	})
	check(t, "an ARN in the path is signed as it was escaped", func(t *testing.T) {
		room := newRoom(t, nil)
		subject.send(t, &call4{method: http.MethodGet, path: tagPath(room.arn)}).want(t, http.StatusOK)
	})
}

// TestSignatureBehindProxies is about proxies that change what was signed.
func TestSignatureBehindProxies(t *testing.T) {
	t.Parallel()
	decoded := func(arn string) func(*http.Request) {
		return func(r *http.Request) { r.URL.Path, r.URL.RawPath = "/tags/"+arn, "" }
	}
	check(t, "the tag operations answer where a proxy decodes the ARN in the path", func(t *testing.T) {
		room := newRoom(t, nil)
		subject.send(t, &call4{path: tagPath(room.arn), body: `{"tags":{"a":"b"}}`, change: decoded(room.arn)}).want(t, http.StatusOK)
		o := subject.send(t, &call4{method: http.MethodGet, path: tagPath(room.arn), change: decoded(room.arn)}).want(t, http.StatusOK)
		if tags, ok := o["tags"].(map[string]any); !ok || tags["a"] != "b" {
			t.Errorf("tags %v", o["tags"])
		}
		subject.send(t, &call4{method: http.MethodDelete, path: tagPath(room.arn), query: "tagKeys=a", change: decoded(room.arn)}).want(t, http.StatusOK)
	})
	check(t, "the ARN may be escaped in part", func(t *testing.T) {
		room := newRoom(t, nil)
		subject.send(t, &call4{method: http.MethodGet, path: tagPath(room.arn), change: func(r *http.Request) {
			r.URL.RawPath = strings.Replace(r.URL.EscapedPath(), "%2F", "/", 1)
		}}).want(t, http.StatusOK)
	})
	check(t, "a decoded ARN of another resource is refused", func(t *testing.T) {
		room, other := newRoom(t, nil), newRoom(t, nil)
		subject.send(t, &call4{method: http.MethodGet, path: tagPath(room.arn), change: decoded(other.arn)}).
			wantError(t, "InvalidSignatureException", http.StatusForbidden)
	})
	check(t, "a refusal names the Host that was signed", func(t *testing.T) {
		const hint = "a proxy changes what was signed"
		var message string
		// A server looks for what a proxy has changed once a second, for all wrong signatures.
		for deadline := time.Now().Add(patience); ; <-time.After(500 * time.Millisecond) {
			o := subject.send(t, &call4{path: "/ListRooms", body: `{}`, change: func(r *http.Request) {
				r.Header.Set("X-Forwarded-Host", r.URL.Host)
				r.Host = "backend:8080"
			}}).wantError(t, "InvalidSignatureException", http.StatusForbidden)
			if message = text(t, o, "message"); own == nil || strings.Contains(message, hint) {
				break
			}
			if time.Now().After(deadline) {
				t.Errorf("message %q", message)
				break
			}
		}
		if !strings.HasPrefix(message, "The request signature we calculated does not match the signature you provided.") {
			t.Errorf("message %q", message)
		}
	})
	check(t, "a wrong secret gets no hint at proxies", func(t *testing.T) {
		o := subject.send(t, &call4{path: "/ListRooms", body: `{}`, creds: aws.Credentials{AccessKeyID: subject.root.AccessKeyID, SecretAccessKey: "wrong"}}).
			wantError(t, "InvalidSignatureException", http.StatusForbidden)
		if message := text(t, o, "message"); strings.Contains(message, "proxy") {
			t.Errorf("message %q", message)
		}
	})
}

func withToken(c aws.Credentials, token string) aws.Credentials {
	c.SessionToken = token
	return c
}

func TestPresignedRequest(t *testing.T) {
	t.Parallel()
	presigned := func(t *testing.T, c call4) *reply {
		t.Helper()
		c.presign, c.path, c.body = true, "/ListRooms", `{}`
		if c.query == "" {
			c.query = "X-Amz-Expires=60"
		}
		return subject.send(t, &c)
	}
	parameter := func(name, value string) func(*http.Request) {
		return func(r *http.Request) {
			q := r.URL.Query()
			if value == "" {
				q.Del(name)
			} else {
				q.Set(name, value)
			}
			r.URL.RawQuery = strings.ReplaceAll(q.Encode(), "+", "%20")
		}
	}
	check(t, "a good one is accepted", func(t *testing.T) { presigned(t, call4{}).want(t, http.StatusOK) })
	check(t, "a wrong secret is refused", func(t *testing.T) {
		presigned(t, call4{creds: aws.Credentials{AccessKeyID: subject.root.AccessKeyID, SecretAccessKey: "wrong"}}).
			wantError(t, "InvalidSignatureException", http.StatusForbidden)
	})
	check(t, "one that has expired is refused", func(t *testing.T) {
		presigned(t, call4{at: time.Now().Add(-2 * time.Minute)}).wantError(t, "InvalidSignatureException", http.StatusForbidden)
	})
	check(t, "another parameter is refused", func(t *testing.T) {
		presigned(t, call4{change: parameter("X-Amz-Expires", "3600")}).wantError(t, "InvalidSignatureException", http.StatusForbidden)
	})
	check(t, "no signature is refused", func(t *testing.T) {
		r := presigned(t, call4{change: parameter("X-Amz-Signature", "")})
		if r.errorName() != "IncompleteSignatureException" && r.errorName() != "MissingAuthenticationTokenException" {
			t.Errorf("%d %s", r.status, r.errorName())
		}
	})
	check(t, "an unknown access key is refused", func(t *testing.T) {
		presigned(t, call4{creds: aws.Credentials{AccessKeyID: "AKIDUNKNOWN000000001", SecretAccessKey: "x"}}).
			wantError(t, "UnrecognizedClientException", http.StatusForbidden)
	})
	check(t, "an expiry of more than a week is refused", func(t *testing.T) {
		r := presigned(t, call4{query: url.Values{"X-Amz-Expires": {"604801"}}.Encode()})
		if r.status != http.StatusForbidden && r.status != http.StatusBadRequest {
			t.Errorf("status %d", r.status)
		}
	})
}
