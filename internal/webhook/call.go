package webhook

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"syscall"
	"time"

	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"
)

const (
	// callTime is how long an endpoint may take for an answer (the Standard Webhooks
	// specification recommends 15 to 30 s).
	callTime = 15 * time.Second
	dialTime = 5 * time.Second
	// maxAnswer is how much of an answer is read, so that the connection can be used
	// again.
	maxAnswer = 64 << 10
	idleTime  = 90 * time.Second
)

// Endpoint is where a call goes, and the secrets that sign it.
type Endpoint struct {
	URL string
	// Secrets are whsec_…, the present one first. While a secret is replaced, a call is
	// signed with both.
	Secrets []string
}

// Caller calls endpoints.
type Caller struct {
	client *http.Client
	now    func() time.Time
}

// NewCaller makes a Caller. A nil resolver is that of the system, and a nil now time.Now.
func NewCaller(guard *Guard, resolver *net.Resolver, now func() time.Time) *Caller {
	if now == nil {
		now = time.Now
	}
	dialer := &net.Dialer{Timeout: dialTime, ControlContext: guard.control, Resolver: resolver}
	return &Caller{now: now, client: &http.Client{
		Timeout: callTime,
		Transport: &http.Transport{
			// Proxy stays nil: a proxy of the environment would make the connection, so
			// Guard could not check its address.
			DialContext: dialer.DialContext, TLSHandshakeTimeout: dialTime, IdleConnTimeout: idleTime,
			MaxIdleConnsPerHost: 4, MaxResponseHeaderBytes: maxAnswer, DisableCompression: true, ForceAttemptHTTP2: true,
		},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}
}

// Close closes idle connections.
func (c *Caller) Close() { c.client.CloseIdleConnections() }

// Call posts a payload and returns the status of the answer; 0 without an answer. Each
// attempt to send the same events must have the same id. Any status but 2xx is an error.
func (c *Caller) Call(ctx context.Context, e Endpoint, id string, payload []byte) (status int, err error) {
	now := c.now()
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, e.URL, bytes.NewReader(payload))
	if err != nil {
		return 0, err
	}
	signatures := make([]string, len(e.Secrets))
	for i, secret := range e.Secrets {
		w, err := standardwebhooks.NewWebhook(secret)
		if err != nil {
			return 0, err
		}
		if signatures[i], err = w.Sign(id, now, payload); err != nil {
			return 0, err
		}
	}
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("User-Agent", "Confab-Webhooks")
	r.Header.Set(standardwebhooks.HeaderWebhookID, id)
	r.Header.Set(standardwebhooks.HeaderWebhookTimestamp, strconv.FormatInt(now.Unix(), 10))
	r.Header.Set(standardwebhooks.HeaderWebhookSignature, strings.Join(signatures, " "))
	answer, err := c.client.Do(r)
	if err != nil {
		return 0, explain(err)
	}
	defer answer.Body.Close()
	io.Copy(io.Discard, io.LimitReader(answer.Body, maxAnswer)) //nolint:errcheck // The status has arrived, and only it counts.
	switch code := answer.StatusCode; {
	case code >= 200 && code < 300:
		return code, nil
	case code >= 300 && code < 400:
		return code, fmt.Errorf("the endpoint answered with the redirect %d, which is not followed", code)
	default:
		return code, fmt.Errorf("the endpoint answered %d", code)
	}
}

// explain describes why there was no answer. It leaves out the URL, which may contain a
// secret in its query, and addresses of the server's own network.
func explain(err error) error {
	if refusal, ok := errors.AsType[*AddressError](err); ok {
		return refusal
	}
	if _, ok := errors.AsType[*net.DNSError](err); ok {
		return errors.New("the name of the endpoint's host cannot be resolved")
	}
	if invalid, ok := errors.AsType[*tls.CertificateVerificationError](err); ok {
		return fmt.Errorf("the endpoint's certificate is not valid: %w", invalid.Err)
	}
	wrapped, ok := errors.AsType[*url.Error](err)
	switch {
	case ok && wrapped.Timeout(), errors.Is(err, context.DeadlineExceeded):
		return errors.New("the endpoint did not answer in time")
	case errors.Is(err, syscall.ECONNREFUSED):
		return errors.New("the endpoint refused the connection")
	case errors.Is(err, io.EOF), errors.Is(err, syscall.ECONNRESET):
		return errors.New("the endpoint closed the connection without an answer")
	case errors.Is(err, context.Canceled):
		return context.Canceled
	}
	if _, ok := errors.AsType[*net.OpError](err); ok {
		return errors.New("the endpoint cannot be reached")
	}
	if ok {
		return wrapped.Err
	}
	return err
}
