package review

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/lambda/types"
	"github.com/aws/smithy-go"
	"github.com/aws/smithy-go/logging"
)

// lambdaHandler invokes Lambda functions through the AWS SDK. It has the SDK's usual
// configuration: AWS_REGION, AWS_ENDPOINT_URL_LAMBDA, credentials from the environment,
// files or the machine's role.
type lambdaHandler struct {
	client *lambda.Client
	// connections is the HTTP client that keeps the connections.
	connections *http.Client
	// name replaces the uri, for endpoints that know functions only by name.
	name string
	// broken is the reason why there is no client.
	broken error
}

func newLambda(ctx context.Context, o Options) *lambdaHandler {
	sdkLog := logging.LoggerFunc(func(c logging.Classification, format string, args ...any) {
		o.Log.LogAttrs(ctx, slog.LevelDebug, "AWS SDK message", slog.String("class", string(c)), slog.String("message", fmt.Sprintf(format, args...)))
	})
	cfg, err := config.LoadDefaultConfig(ctx, config.WithLogger(sdkLog))
	if err != nil {
		o.Log.LogAttrs(ctx, slog.LevelWarn, "AWS configuration not read; Lambda functions are not invoked", slog.Any("error", err))
		return &lambdaHandler{broken: err}
	}
	if cfg.Region == "" {
		cfg.Region = o.Region
	}
	b := newBounded(cfg.HTTPClient, o.Concurrency)
	client := lambda.NewFromConfig(cfg, func(l *lambda.Options) {
		// No retries: a second attempt would deliver the message twice to the handler,
		// and there is no time for it.
		l.Retryer = aws.NopRetryer{}
		l.HTTPClient = b
	})
	return &lambdaHandler{client: client, connections: b.client}
}

// named returns a handler that invokes one function and ignores the uri.
func (l *lambdaHandler) named(function string) *lambdaHandler {
	n := *l
	n.name = function
	return &n
}

func (l *lambdaHandler) invoke(ctx context.Context, uri string, payload []byte) ([]byte, error) {
	if l.broken != nil {
		return nil, l.broken
	}
	out, err := l.client.Invoke(ctx, &lambda.InvokeInput{
		FunctionName: l.function(uri), InvocationType: types.InvocationTypeRequestResponse, Payload: payload,
	}, l.regionOf(uri))
	switch {
	case errors.Is(err, errTooLong):
		return nil, errTooLong
	case err != nil:
		return nil, err
	case out.FunctionError != nil:
		return nil, errFunctionError
	}
	return out.Payload, nil
}

// check makes a dry run, which needs the same permission and runs nothing.
func (l *lambdaHandler) check(ctx context.Context, uri string) error {
	if l.broken != nil {
		return l.broken
	}
	_, err := l.client.Invoke(ctx, &lambda.InvokeInput{
		FunctionName: l.function(uri), InvocationType: types.InvocationTypeDryRun,
	}, l.regionOf(uri))
	if e, ok := errors.AsType[smithy.APIError](err); ok {
		switch e.ErrorCode() {
		case "AccessDeniedException", "ResourceNotFoundException":
			return fmt.Errorf("%w: %w", errRefused, err)
		}
	}
	return err
}

func (l *lambdaHandler) close() {
	if l.connections != nil {
		l.connections.CloseIdleConnections()
	}
}

func (l *lambdaHandler) function(uri string) *string {
	if l.name != "" {
		return &l.name
	}
	return &uri
}

// regionOf sends the call to the region in the ARN, because a function can be invoked
// only in its own region.
func (l *lambdaHandler) regionOf(uri string) func(*lambda.Options) {
	return func(o *lambda.Options) {
		region, _, _ := strings.Cut(strings.TrimPrefix(uri, arnPrefix), ":")
		if l.name == "" && region != "" {
			o.Region = region
		}
	}
}

// bounded is an HTTP client whose answers fail with errTooLong when they exceed the
// limit. It follows no redirects.
type bounded struct{ client *http.Client }

// newBounded wraps the SDK's own client, with its proxies and certificates. It keeps as
// many connections as there can be concurrent calls.
func newBounded(sdk lambda.HTTPClient, connections int) bounded {
	build, ok := sdk.(*awshttp.BuildableClient)
	if !ok {
		build = awshttp.NewBuildableClient()
	}
	transport := build.WithTransportOptions(func(t *http.Transport) {
		t.MaxIdleConns, t.MaxIdleConnsPerHost = connections, connections
	}).GetTransport()
	return bounded{&http.Client{Transport: transport, CheckRedirect: noRedirect}}
}

// Do makes the request with its own copy of the body. The SDK closes its body when the
// answer begins. A transport that has not read the body to the end by then closes the
// connection, and the answer is lost.
func (b bounded) Do(r *http.Request) (*http.Response, error) {
	var payload []byte
	if r.Body != nil {
		var err error
		if payload, err = io.ReadAll(r.Body); err != nil {
			return nil, err
		}
	}
	own := r.WithContext(r.Context())
	own.Body = io.NopCloser(bytes.NewReader(payload))
	// GetBody is needed when the transport sends a request again because the connection
	// was already closed.
	own.GetBody = func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(payload)), nil }
	res, err := b.client.Do(own) //nolint:gosec // The address is the operator's.
	if err == nil {
		res.Body = &boundedBody{ReadCloser: res.Body, left: maxAnswer}
	}
	return res, err
}

func noRedirect(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }

// boundedBody fails with errTooLong after its first left bytes.
type boundedBody struct {
	io.ReadCloser
	left int
}

func (b *boundedBody) Read(p []byte) (int, error) {
	// One more byte distinguishes a body that ends at the limit from a longer one.
	n, err := b.ReadCloser.Read(p[:min(len(p), b.left+1)])
	if b.left -= n; b.left < 0 {
		return 0, errTooLong
	}
	return n, err
}
