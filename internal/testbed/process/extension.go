package process

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"net/http"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
	"github.com/go-json-experiment/json"
)

// Extension calls an operation that Confab adds, as the administrator, on a server at a URL,
// and reads its answer into out.
func Extension(ctx context.Context, url, operation string, in, out any) error {
	return Caller{AccessKeyID, SecretAccessKey}.Extension(ctx, url, operation, in, out)
}

// Caller has credentials.
type Caller struct{ AccessKeyID, SecretAccessKey string }

// Extension is the function of that name with the caller's credentials.
func (c Caller) Extension(ctx context.Context, url, operation string, in, out any) error {
	body, err := json.Marshal(in)
	if err != nil {
		return err
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, url+"/_confab/v1/"+operation, bytes.NewReader(body))
	if err != nil {
		return err
	}
	hash := sha256.Sum256(body)
	credentials := aws.Credentials{AccessKeyID: c.AccessKeyID, SecretAccessKey: c.SecretAccessKey}
	if err := v4.NewSigner().SignHTTP(ctx, credentials, r, hex.EncodeToString(hash[:]), "ivschat", Region, time.Now()); err != nil {
		return err
	}
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	if body, err = io.ReadAll(answer.Body); err != nil {
		return err
	}
	if answer.StatusCode != http.StatusOK {
		return fmt.Errorf("%s: %d %s", operation, answer.StatusCode, body)
	}
	return json.Unmarshal(body, out)
}
