package control_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"

	"confab/internal/control"
)

// The whole handler, signature included, without the network and without the
// work of a client: the same signed request again and again.
func benchmarkOperation(b *testing.B, operation, body string, room func(*service) string) {
	s, _ := newSigned(b, nil)
	body = fmt.Sprintf(body, room(s))
	signed, err := http.NewRequestWithContext(b.Context(), "POST", s.url+"/"+operation, nil)
	if err != nil {
		b.Fatal(err)
	}
	signed.Header.Set("Content-Type", "application/json")
	sum := sha256.Sum256([]byte(body))
	err = v4.NewSigner().SignHTTP(b.Context(), aws.Credentials{AccessKeyID: "AKIDROOT000000000001", SecretAccessKey: "root-secret-for-tests-only"},
		signed, hex.EncodeToString(sum[:]), "ivschat", region, time.Now())
	if err != nil {
		b.Fatal(err)
	}
	handler := s.handler
	b.ReportAllocs()
	b.RunParallel(func(p *testing.PB) {
		for p.Next() {
			r := signed.Clone(b.Context())
			r.Body = io.NopCloser(bytes.NewReader([]byte(body)))
			r.ContentLength = int64(len(body))
			r.RemoteAddr = "192.0.2.1:4000"
			w := httptest.NewRecorder()
			handler.ServeHTTP(w, r)
			if w.Code != 200 {
				b.Errorf("got %d %s", w.Code, w.Body)
				return
			}
		}
	})
}

func newRoom(b *testing.B) func(*service) string {
	return func(s *service) string { return *s.room(b, control.CreateRoomInput{}).ARN }
}

func BenchmarkCreateChatToken(b *testing.B) {
	benchmarkOperation(b, "CreateChatToken", `{"roomIdentifier":%q,"userId":"ann","capabilities":["SEND_MESSAGE"],"attributes":{"name":"Ann"}}`, newRoom(b))
}

func BenchmarkGetRoom(b *testing.B) {
	benchmarkOperation(b, "GetRoom", `{"identifier":%q}`, newRoom(b))
}
