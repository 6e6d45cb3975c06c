package sigv4_test

import (
	"bytes"
	"context"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
	"pgregory.net/rapid"

	"confab/internal/sigv4"
)

// drawRequest makes a request as a client has it before signing. Its path is
// clean: the signer of aws-sdk-go-v2 leaves out the normalization that AWS
// asks for and the other signers do.
func drawRequest(t *rapid.T) (*http.Request, []byte) {
	text := rapid.StringOfN(rapid.RuneFrom([]rune("abcXYZ019 -._~!*'()+&=/:;,%é漢😀")), 0, 12, -1)
	path := ""
	segment := text.Filter(func(s string) bool { return strings.Trim(s, ".") != "" })
	for _, s := range rapid.SliceOfN(segment, 0, 4).Draw(t, "segments") {
		path += "/" + url.PathEscape(s)
	}
	u := &url.URL{Scheme: "https", Host: "ivschat.us-east-1.amazonaws.com"}
	u.Path, u.RawPath = must(url.PathUnescape(path)), path
	query := url.Values{}
	for _, k := range rapid.SliceOfN(text, 0, 6).Draw(t, "keys") {
		query.Add("k"+k, text.Draw(t, "value"))
		if rapid.Bool().Draw(t, "again") {
			query.Add("k"+k, text.Draw(t, "value"))
		}
	}
	u.RawQuery = query.Encode()
	body := rapid.SliceOfN(rapid.Byte(), 0, 40).Draw(t, "body")
	method := rapid.SampledFrom([]string{"GET", "POST", "DELETE"}).Draw(t, "method")
	r := must(http.NewRequestWithContext(context.Background(), method, u.String(), bytes.NewReader(body)))
	r.URL = u
	value := rapid.StringOfN(rapid.RuneFrom([]rune("abc 12,;=\"é")), 1, 12, -1)
	for _, name := range rapid.SliceOfDistinct(rapid.SampledFrom([]string{"X-Amz-Target", "Content-Type", "X-A", "X-Amz-User-Agent"}), rapid.ID).Draw(t, "headers") {
		r.Header[name] = rapid.SliceOfN(value, 1, 3).Draw(t, name)
	}
	return r, body
}

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

// sign signs r with aws-sdk-go-v2 and returns the bytes that travel.
func sign(t *rapid.T, r *http.Request, body []byte, presign bool, at time.Time) []byte {
	credentials := aws.Credentials{AccessKeyID: accessKeyID, SecretAccessKey: secret}
	if rapid.Bool().Draw(t, "session") {
		credentials.SessionToken = "token/with+odd=letters"
	}
	signer, ctx := v4.NewSigner(), context.Background()
	if presign {
		q := r.URL.Query()
		q.Set("X-Amz-Expires", "60")
		r.URL.RawQuery = q.Encode()
		signed, headers, err := signer.PresignHTTP(ctx, credentials, r, sum(body), service, region, at)
		if err != nil {
			t.Fatal(err)
		}
		r = must(http.NewRequestWithContext(ctx, r.Method, signed, bytes.NewReader(body)))
		r.Header = headers
	} else if err := signer.SignHTTP(ctx, credentials, r, sum(body), service, region, at); err != nil {
		t.Fatal(err)
	}
	var wire bytes.Buffer
	if err := r.Write(&wire); err != nil {
		t.Fatal(err)
	}
	return wire.Bytes()
}

// signedBytes returns the places in wire that the signature covers, and those
// of the signature itself.
func signedBytes(wire []byte, signed []string) []int {
	var places []int
	add := func(from, n int) {
		for i := range n {
			places = append(places, from+i)
		}
	}
	head := bytes.Index(wire, []byte("\r\n\r\n"))
	add(head+4, len(wire)-head-4)
	at := 0
	for i, line := range strings.Split(string(wire[:head]), "\r\n") {
		name, value, _ := strings.Cut(line, ": ")
		switch name = strings.ToLower(name); {
		case i == 0:
			add(at, len(line)-len(" HTTP/1.1"))
		case name == "authorization" || name != "content-length" && slices.Contains(signed, name):
			// Blanks around a value are not part of it.
			lead := len(value) - len(strings.TrimLeft(value, " "))
			add(at+len(name)+2+lead, len(strings.Trim(value, " ")))
		}
		at += len(line) + 2
	}
	return places
}

// TestSignedByGoSDK signs random requests with aws-sdk-go-v2: they verify, and
// no longer do when one byte of what is signed changes.
func TestSignedByGoSDK(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		r, body := drawRequest(t)
		at := time.Unix(rapid.Int64Range(0, 4e9).Draw(t, "time"), 0).UTC()
		wire := sign(t, r, body, rapid.Bool().Draw(t, "presign"), at)
		got, gotBody, err := read(wire)
		if err != nil {
			t.Fatalf("%v\n%s", err, wire)
		}
		if err := verify(got, gotBody, at.Add(30*time.Second), secret); err != nil {
			t.Fatalf("%v\n%s", err, wire)
		}
		a, err := sigv4.Parse(got)
		if err != nil {
			t.Fatal(err)
		}
		places := signedBytes(wire, a.SignedHeaders)
		place := places[rapid.IntRange(0, len(places)-1).Draw(t, "place")]
		other := rapid.SampledFrom([]byte("abcdefghijklmnopqrstuvwxyz0123456789")).Draw(t, "other")
		// The case of an escape's digits in the query does not count.
		if bytes.EqualFold(wire[place:place+1], []byte{other}) {
			return
		}
		changed := bytes.Clone(wire)
		changed[place] = other
		if r, body, err := read(changed); err == nil && verify(r, body, at.Add(30*time.Second), secret) == nil {
			t.Fatalf("verified with %q in place of %q at %d:\n%s", other, wire[place], place, wire)
		}
	})
}

// signClaim signs a request without a body that says what the hash of its body
// is, in the header or, presigned, in the query.
func signClaim(tb testing.TB, claimed string, presign bool) []byte {
	tb.Helper()
	target := "https://example.amazonaws.com/"
	if presign {
		target += "?X-Amz-Expires=60&X-Amz-Content-Sha256=" + claimed
	}
	r := must(http.NewRequestWithContext(tb.Context(), http.MethodGet, target, nil))
	credentials := aws.Credentials{AccessKeyID: accessKeyID, SecretAccessKey: secret}
	signer := v4.NewSigner()
	if presign {
		signed, _, err := signer.PresignHTTP(tb.Context(), credentials, r, sum(nil), service, region, suiteTime)
		if err != nil {
			tb.Fatal(err)
		}
		r = must(http.NewRequestWithContext(tb.Context(), http.MethodGet, signed, nil))
	} else {
		r.Header.Set("X-Amz-Content-Sha256", claimed)
		if err := signer.SignHTTP(tb.Context(), credentials, r, sum(nil), service, region, suiteTime); err != nil {
			tb.Fatal(err)
		}
	}
	var wire bytes.Buffer
	if err := r.Write(&wire); err != nil {
		tb.Fatal(err)
	}
	return wire.Bytes()
}
