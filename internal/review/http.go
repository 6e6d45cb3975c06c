package review

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"time"
)

// httpHandler posts the payload to a server of the operator.
type httpHandler struct {
	client *http.Client
	url    string
}

// idleTimeout is how long an idle connection is kept. Node's server has the shortest
// timeout of the common ones: it closes after 5 seconds. A message sent at that moment
// is lost to the fallback result.
const idleTimeout = 4 * time.Second

func newHTTP(o Options, u *url.URL) *httpHandler {
	return &httpHandler{url: u.String(), client: &http.Client{
		CheckRedirect: noRedirect,
		Transport: &http.Transport{
			Proxy:                  http.ProxyFromEnvironment,
			DialContext:            (&net.Dialer{KeepAlive: 30 * time.Second}).DialContext,
			ForceAttemptHTTP2:      true,
			MaxIdleConns:           o.Concurrency,
			MaxIdleConnsPerHost:    o.Concurrency,
			IdleConnTimeout:        idleTimeout,
			MaxResponseHeaderBytes: 64 << 10,
			// The limit applies to the bytes that are read.
			DisableCompression: true,
		},
	}}
}

func (h *httpHandler) invoke(ctx context.Context, _ string, payload []byte) ([]byte, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, h.url, bytes.NewReader(payload))
	if err != nil {
		return nil, withoutURL(err)
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("Accept", "application/json")
	res, err := h.client.Do(req)
	if err != nil {
		return nil, withoutURL(err)
	}
	defer res.Body.Close()
	if res.StatusCode/100 != 2 {
		return nil, fmt.Errorf("the server answered with status %d", res.StatusCode)
	}
	b, err := io.ReadAll(&boundedBody{ReadCloser: res.Body, left: maxAnswer})
	if err != nil {
		return nil, fmt.Errorf("read the answer: %w", err)
	}
	return b, nil
}

// check always returns nil, because a POST would be a message.
func (h *httpHandler) check(context.Context, string) error { return nil }

func (h *httpHandler) close() { h.client.CloseIdleConnections() }

// withoutURL removes the address, which may contain a secret.
func withoutURL(err error) error {
	if e, ok := errors.AsType[*url.Error](err); ok {
		return e.Err
	}
	return err
}
