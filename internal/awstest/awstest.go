// Package awstest has AWS services for tests: small servers that speak the real protocols,
// with signatures, to the real SDK. A test can make them fail in each way that matters.
package awstest

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"io"
	"net/http"
	"testing"
	"time"

	"confab/internal/sigv4"
)

// The credentials and the region that the servers accept.
const (
	Region          = "us-west-2"
	AccessKeyID     = "AKIDAWSTEST000000001"
	SecretAccessKey = "secret-of-awstest-only" //nolint:gosec // It opens nothing but these servers.
)

// SetEnv points the default configuration of AWS SDKs to these credentials and
// nothing else, for the time of the test.
func SetEnv(tb testing.TB) {
	tb.Helper()
	for name, value := range map[string]string{ //nolint:gosec // As above.
		"AWS_ACCESS_KEY_ID": AccessKeyID, "AWS_SECRET_ACCESS_KEY": SecretAccessKey, "AWS_SESSION_TOKEN": "",
		"AWS_REGION": Region, "AWS_PROFILE": "", "AWS_MAX_ATTEMPTS": "", "AWS_RETRY_MODE": "",
		"AWS_CONFIG_FILE": "/dev/null", "AWS_SHARED_CREDENTIALS_FILE": "/dev/null", "AWS_EC2_METADATA_DISABLED": "true",
	} {
		tb.Setenv(name, value)
	}
}

// signed verifies the signature of a request, reads its body and leaves it in
// its place. It answers the request itself, and reports false, when it is bad.
func signed(w http.ResponseWriter, r *http.Request, service string) bool {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return false
	}
	r.Body = io.NopCloser(bytes.NewReader(body))
	a, err := sigv4.Parse(r)
	if err == nil {
		err = a.Check(time.Now(), Region, service)
	}
	if err == nil {
		sum := sha256.Sum256(body)
		err = a.Verify(r, hex.EncodeToString(sum[:]), SecretAccessKey)
	}
	if err != nil || a.AccessKeyID != AccessKeyID {
		refuse(w, http.StatusForbidden, "InvalidSignatureException", "The signature is wrong")
		return false
	}
	return true
}

// refuse answers with an exception as services with restJson1 do.
func refuse(w http.ResponseWriter, status int, exception, message string) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("X-Amzn-ErrorType", exception)
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(map[string]string{"Type": "User", "message": message}) //nolint:errchkjson // The client is gone then.
}
