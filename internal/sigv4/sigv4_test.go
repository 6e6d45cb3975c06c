package sigv4_test

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"confab/internal/chat"
	"confab/internal/sigv4"
)

// The credentials, region and service of AWS's published test suite.
const (
	accessKeyID = "AKIDEXAMPLE"
	secret      = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"
	region      = "us-east-1"
	service     = "service"
)

// suiteTime is when the requests of the test suite were signed.
var suiteTime = time.Date(2015, 8, 30, 12, 36, 0, 0, time.UTC)

// receive reads a request as the server does. Lines are separated by \n and end
// with an empty one, then comes the body.
func receive(tb testing.TB, request string) (*http.Request, []byte) {
	tb.Helper()
	head, body, _ := strings.Cut(request, "\n\n")
	if body != "" && !strings.Contains(head, "\nContent-Length:") {
		head += "\nContent-Length: " + strconv.Itoa(len(body))
	}
	r, b, err := read([]byte(strings.ReplaceAll(head, "\n", "\r\n") + "\r\n\r\n" + body))
	if err != nil {
		tb.Fatalf("read the request: %v\n%s", err, request)
	}
	return r, b
}

func read(wire []byte) (*http.Request, []byte, error) {
	r, err := http.ReadRequest(bufio.NewReader(bytes.NewReader(wire)))
	if err != nil {
		return nil, nil, err
	}
	body, err := io.ReadAll(r.Body)
	return r, body, err
}

func sum(body []byte) string {
	s := sha256.Sum256(body)
	return hex.EncodeToString(s[:])
}

// verify takes the three steps, with a lookup of the only access key between them.
func verify(r *http.Request, body []byte, now time.Time, secret string) error {
	a, err := sigv4.Parse(r)
	if err != nil {
		return err
	}
	if err := a.Check(now, region, service); err != nil {
		return err
	}
	if a.AccessKeyID != accessKeyID {
		return errors.New("unknown access key")
	}
	return a.Verify(r, sum(body), secret)
}

// wantRefusal checks the name of a refusal and that its message has the given words.
func wantRefusal(tb testing.TB, err error, name, words string) {
	tb.Helper()
	e, ok := errors.AsType[*chat.Error](err)
	switch {
	case !ok:
		tb.Fatalf("got %v, want a refusal named %s", err, name)
	case e.Code != chat.Unauthenticated || e.Name != name:
		tb.Errorf("got %v %s (%s), want %s", e.Code, e.Name, e.Message, name)
	case !strings.Contains(e.Message, words):
		tb.Errorf("got the message %q, want it to have %q", e.Message, words)
	}
}
