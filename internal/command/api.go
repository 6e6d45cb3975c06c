package command

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
	"github.com/aws/aws-sdk-go-v2/service/ivschat"
	"github.com/aws/smithy-go"
)

// API is a connection to the API of a server, or of AWS.
type API struct {
	*ivschat.Client
	// Endpoint is the URL of the server; "" is Amazon IVS Chat.
	Endpoint string
	// Region is the region that requests are signed for.
	Region string

	config   aws.Config
	confab   string // endpoint of the operations that Confab adds
	explains func(error) error
}

// extensionPath comes before the name of each operation that Confab adds.
const extensionPath = "/_confab/v1/"

// maxAnswer bounds the answer of an operation: 200 messages with all their attributes are
// less.
const maxAnswer = 32 << 20

// errNotAWS refuses an operation that Confab adds where the endpoint is that of AWS.
var errNotAWS = errors.New("Amazon IVS Chat does not have it; name a Confab server with --endpoint or AWS_ENDPOINT_URL_IVSCHAT") //nolint:staticcheck // It begins with a name.

// Call calls an operation that Confab adds. Out is the type of its answer.
func Call[Out any](ctx context.Context, api *API, operation string, in any) (*Out, error) {
	body, err := json.Marshal(in)
	if err != nil {
		return nil, err
	}
	answer, err := api.call(ctx, operation, body)
	if err != nil {
		return nil, api.explains(&smithy.OperationError{ServiceID: "Confab", OperationName: operation, Err: err})
	}
	out := new(Out)
	if err := json.Unmarshal(answer, out); err != nil {
		return nil, fmt.Errorf("the answer of %s cannot be read: %w", operation, err)
	}
	return out, nil
}

func (a *API) call(ctx context.Context, operation string, body []byte) ([]byte, error) {
	if a.confab == "" {
		return nil, errNotAWS
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, strings.TrimSuffix(a.confab, "/")+extensionPath+operation, bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	r.Header.Set("Content-Type", "application/json")
	credentials, err := a.config.Credentials.Retrieve(ctx)
	if err != nil {
		return nil, err
	}
	hash := sha256.Sum256(body)
	if err := v4.NewSigner().SignHTTP(ctx, credentials, r, hex.EncodeToString(hash[:]), "ivschat", a.Region, time.Now()); err != nil {
		return nil, err
	}
	client := a.config.HTTPClient
	if client == nil {
		client = http.DefaultClient
	}
	res, err := client.Do(r)
	if err != nil {
		return nil, err
	}
	defer res.Body.Close()
	answer, err := io.ReadAll(io.LimitReader(res.Body, maxAnswer))
	if err != nil {
		return nil, err
	}
	if res.StatusCode == http.StatusOK {
		return answer, nil
	}
	refusal := struct{ Message string }{}
	if err := json.Unmarshal(answer, &refusal); err != nil || refusal.Message == "" {
		refusal.Message = res.Status
	}
	code := res.Header.Get("X-Amzn-Errortype")
	if code == "" {
		code = "UnknownOperationException"
	}
	return nil, &smithy.GenericAPIError{Code: code, Message: refusal.Message}
}
