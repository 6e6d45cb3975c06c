package conformance

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"io"
	"maps"
	"net/http"
	"net/url"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/ivschat"
)

// m is a JSON object.
type m = map[string]any

// reply is an answer of the API, read to its end.
type reply struct {
	status int
	header http.Header
	body   []byte
}

// object returns the body as a JSON object.
func (r *reply) object(t *testing.T) m {
	t.Helper()
	var o m
	if err := json.Unmarshal(r.body, &o); err != nil {
		t.Fatalf("status %d with a body that is no JSON object: %q", r.status, r.body)
	}
	return o
}

// call does an operation of the shared server with the given members, as root.
func call(t *testing.T, operation string, members m) *reply {
	t.Helper()
	return subject.call(t, operation, members)
}

// call does an operation as root. Resources it creates are deleted at the end of the case.
func (e *endpoint) call(t *testing.T, operation string, members m) *reply {
	t.Helper()
	body, err := json.Marshal(members)
	if err != nil {
		t.Fatal(err)
	}
	return e.callText(t, operation, string(body))
}

// callText does an operation with a body that need not be JSON.
func (e *endpoint) callText(t *testing.T, operation, body string) *reply {
	t.Helper()
	r := e.send(t, &call4{path: "/" + operation, body: body})
	e.deleteLater(t, operation, r)
	return r
}

// call4 is a request signed with version 4; what is empty has the usual value.
type call4 struct {
	method  string          // POST
	path    string          // escaped
	query   string          // raw
	body    string          //
	header  http.Header     // besides Content-Type and what the signer adds
	creds   aws.Credentials // root's
	region  string          // the endpoint's
	service string          // ivschat
	at      time.Time       // now
	// unsigned leaves the signature out, presign puts it into the query.
	unsigned bool
	presign  bool
	// change edits the signed request before it is sent.
	change func(*http.Request)
}

// request builds and signs the request.
func (e *endpoint) request(ctx context.Context, c *call4) (*http.Request, error) {
	method := c.method
	if method == "" {
		method = http.MethodPost
	}
	target := e.api + c.path
	if c.query != "" {
		target += "?" + c.query
	}
	req, err := http.NewRequestWithContext(ctx, method, target, bytes.NewReader([]byte(c.body)))
	if err != nil {
		return nil, err
	}
	if method == http.MethodPost {
		req.Header.Set("Content-Type", "application/json")
	}
	maps.Copy(req.Header, c.header)
	creds, region, service, at := c.creds, c.region, c.service, c.at
	if !creds.HasKeys() {
		creds = e.root
	}
	if region == "" {
		region = e.region
	}
	if service == "" {
		service = "ivschat"
	}
	if at.IsZero() {
		at = time.Now()
	}
	sum := sha256.Sum256([]byte(c.body))
	hash := hex.EncodeToString(sum[:])
	signer := v4.NewSigner()
	switch {
	case c.unsigned:
	case c.presign:
		signed, _, err := signer.PresignHTTP(ctx, creds, req, hash, service, region, at)
		if err != nil {
			return nil, err
		}
		if req.URL, err = url.Parse(signed); err != nil {
			return nil, err
		}
	default:
		if err := signer.SignHTTP(ctx, creds, req, hash, service, region, at); err != nil {
			return nil, err
		}
	}
	if c.change != nil {
		c.change(req)
	}
	return req, nil
}

// send sends the request and reads the answer.
func (e *endpoint) send(t *testing.T, c *call4) *reply {
	t.Helper()
	req, err := e.request(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	res, err := e.http.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return &reply{status: res.StatusCode, header: res.Header, body: body}
}

// sdk returns the official Go client of the endpoint.
func (e *endpoint) sdk() *ivschat.Client {
	return ivschat.New(ivschat.Options{
		Region: e.region, BaseEndpoint: aws.String(e.api), HTTPClient: e.http,
		Credentials: credentials.NewStaticCredentialsProvider(e.root.AccessKeyID, e.root.SecretAccessKey, e.root.SessionToken),
	})
}

// jsonText returns v as JSON.
func jsonText(t *testing.T, v any) string {
	t.Helper()
	b, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}
