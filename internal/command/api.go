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
	"sync/atomic"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
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

	config aws.Config
	http   *http.Client
	confab string       // endpoint of the operations that Confab adds
	skew   atomic.Int64 // nanoseconds that the server's clock is ahead
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
		return nil, api.Explain(&smithy.OperationError{ServiceID: "Confab", OperationName: operation, Err: err})
	}
	out := new(Out)
	if err := json.Unmarshal(answer, out); err != nil {
		return nil, fmt.Errorf("the answer of %s cannot be read: %w", operation, err)
	}
	return out, nil
}

// sends is how often a call is sent that was refused because of a rate, or a clock.
const sends = 3

// call makes one call. One that the server did not carry out (it was throttled, or signed by a
// clock that is wrong) is sent again, as the SDK does with the operations of IVS Chat.
func (a *API) call(ctx context.Context, operation string, body []byte) ([]byte, error) {
	if a.confab == "" {
		return nil, errNotAWS
	}
	pauses := retry.NewExponentialJitterBackoff(longestPause)
	for n := 1; ; n++ {
		answer, res, err := a.send(ctx, operation, body) //nolint:bodyclose // send has closed it.
		if err == nil || res == nil || n == sends {
			return answer, err
		}
		if a.setClock(res) {
			continue
		}
		if res.StatusCode != http.StatusTooManyRequests && res.StatusCode != http.StatusServiceUnavailable {
			return answer, err
		}
		pause, _ := pauses.BackoffDelay(n-1, err) // It never fails.
		timer := time.NewTimer(pause)
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return nil, ctx.Err()
		}
	}
}

// longestPause is the longest pause before a call is sent again.
const longestPause = 5 * time.Second

// mostSkew is what the clock may be wrong without calls being refused. The server allows more.
const mostSkew = 4 * time.Minute

// setClock adopts the server's clock if that may be why it refused a call. It reports whether
// the call should be sent again.
func (a *API) setClock(res *http.Response) bool {
	theirs, err := http.ParseTime(res.Header.Get("Date"))
	if err != nil || res.StatusCode != http.StatusForbidden {
		return false
	}
	skew := time.Until(theirs)
	if (skew - time.Duration(a.skew.Load())).Abs() < mostSkew {
		return false
	}
	a.skew.Store(int64(skew))
	return true
}

func (a *API) send(ctx context.Context, operation string, body []byte) ([]byte, *http.Response, error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, strings.TrimSuffix(a.confab, "/")+extensionPath+operation, bytes.NewReader(body))
	if err != nil {
		return nil, nil, err
	}
	r.Header.Set("Content-Type", "application/json")
	credentials, err := a.config.Credentials.Retrieve(ctx)
	if err != nil {
		return nil, nil, err
	}
	hash := sha256.Sum256(body)
	now := time.Now().Add(time.Duration(a.skew.Load()))
	if err := v4.NewSigner().SignHTTP(ctx, credentials, r, hex.EncodeToString(hash[:]), "ivschat", a.Region, now); err != nil {
		return nil, nil, err
	}
	res, err := a.HTTP().Do(r)
	if err != nil {
		return nil, nil, err
	}
	defer res.Body.Close()
	if err := checkAnswer(res); err != nil {
		return nil, res, err
	}
	answer, err := io.ReadAll(io.LimitReader(res.Body, maxAnswer))
	if err != nil {
		return nil, res, err
	}
	if res.StatusCode == http.StatusOK {
		return answer, res, nil
	}
	refusal := struct{ Message string }{}
	if err := json.Unmarshal(answer, &refusal); err != nil || refusal.Message == "" {
		refusal.Message = res.Status
	}
	code := res.Header.Get("X-Amzn-Errortype")
	if code == "" {
		code = "UnknownOperationException"
	}
	return nil, res, &smithy.GenericAPIError{Code: code, Message: refusal.Message}
}

// HTTP is the client for requests beside the operations, such as handshakes. It trusts the
// authorities that AWS_CA_BUNDLE or the profile names, as the SDK does.
func (a *API) HTTP() *http.Client { return a.http }

// httpClient makes one of the client of the SDK.
func httpClient(of aws.HTTPClient) *http.Client {
	switch client := of.(type) {
	case *http.Client:
		return client
	case *awshttp.BuildableClient:
		return &http.Client{Transport: client.GetTransport()}
	}
	return http.DefaultClient
}
