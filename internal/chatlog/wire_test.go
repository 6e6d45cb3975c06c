package chatlog_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"confab/internal/chat"
	"confab/internal/chatlog"
)

// TestS3OverTLS checks what an S3 server other than AWS's receives over TLS: the object
// in no other encoding, unless the operator's AWS configuration asks for checksums.
func TestS3OverTLS(t *testing.T) {
	for _, tt := range []struct {
		name     string
		setting  string // AWS_REQUEST_CHECKSUM_CALCULATION
		file     string // of AWS_CONFIG_FILE
		checksum bool
	}{
		{name: "by default"},
		{name: "when required", setting: "when_required"},
		{name: "when supported", setting: "when_supported", checksum: true},
		{name: "when supported, in the shared file", file: "[default]\nrequest_checksum_calculation = when_supported\n", checksum: true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var mu sync.Mutex
			var got *http.Request
			var body string
			server := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				text, err := io.ReadAll(r.Body)
				if err != nil {
					t.Error(err)
				}
				mu.Lock()
				defer mu.Unlock()
				got, body = r, string(text)
				w.WriteHeader(http.StatusOK)
			}))
			defer server.Close()
			file := filepath.Join(t.TempDir(), "config")
			writeFile(t, file, tt.file)
			for name, value := range map[string]string{
				"AWS_ENDPOINT_URL_S3": server.URL, "AWS_REQUEST_CHECKSUM_CALCULATION": tt.setting, "AWS_CONFIG_FILE": file,
				"AWS_ACCESS_KEY_ID": "AKIDEXAMPLE", "AWS_SECRET_ACCESS_KEY": "secret", "AWS_PROFILE": "", "AWS_ENDPOINT_URL": "",
			} {
				t.Setenv(name, value)
			}
			c, err := chatlog.LoadAWS(t.Context(), region)
			if err != nil {
				t.Fatal(err)
			}
			c.HTTPClient = server.Client()
			if _, err := chatlog.Check(t.Context(), chatlog.Options{Region: region, Account: account, AWS: c}, chat.Destination{Type: chat.S3, Name: "my-bucket"}); err != nil {
				t.Fatal(err)
			}
			mu.Lock()
			defer mu.Unlock()
			chunked := strings.Contains(got.Header.Get("Content-Encoding"), "aws-chunked")
			if chunked != tt.checksum || (got.Header.Get("X-Amz-Trailer") != "") != tt.checksum {
				t.Errorf("Content-Encoding %q, X-Amz-Trailer %q", got.Header.Get("Content-Encoding"), got.Header.Get("X-Amz-Trailer"))
			}
			if gzipped := strings.HasPrefix(body, "\x1f\x8b"); gzipped == tt.checksum {
				t.Errorf("the object begins with %q", body[:min(20, len(body))])
			}
		})
	}
}
