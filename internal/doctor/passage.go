package doctor

import (
	"bytes"
	"context"
	"fmt"
	"net/http"
	"strings"
)

// largestBody is nearly that of the largest call, PutContentFilter.
const largestBody = 4<<20 - 1024

// body makes an unsigned call with a large body. The server refuses it, not a proxy.
func (p *patient) body(ctx context.Context) (Finding, bool) {
	const name = "large calls"
	ctx, cancel := context.WithTimeout(ctx, checkTime)
	defer cancel()
	const fix = "let the proxy accept request bodies of 4 MiB (nginx: client_max_body_size 4m)"
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, strings.TrimSuffix(p.URL, "/")+"/_confab/v1/PutContentFilter",
		bytes.NewReader(bytes.Repeat([]byte(" "), largestBody)))
	if err != nil {
		return bad(name, err.Error(), fix), true
	}
	r.Header.Set("Content-Type", "application/json")
	transport := p.API.HTTP().Transport
	if transport == nil {
		transport = http.DefaultTransport
	}
	res, err := transport.RoundTrip(r)
	if err != nil {
		return bad(name, "a call of 4 MiB was not answered: "+err.Error(), fix), true
	}
	defer res.Body.Close()
	if res.Header.Get("X-Amzn-Errortype") == "" {
		return bad(name, fmt.Sprintf("a call of 4 MiB was answered with %s, and not by the server: large content filters cannot be stored", res.Status), fix), true
	}
	return ok(name, "a call of 4 MiB reaches the server")
}
