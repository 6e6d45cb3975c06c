package commands

import (
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"sync"
	"sync/atomic"
	"testing"

	"confab/internal/testbed/process"
)

// inFront makes a server in front of a Confab server, which handles each request, and passes on
// what it likes. It returns its endpoint.
func inFront(t *testing.T, server *process.Server, handle func(w http.ResponseWriter, r *http.Request, pass http.Handler)) string {
	t.Helper()
	there, err := url.Parse(server.Endpoint)
	if err != nil {
		t.Fatal(err)
	}
	// The default transport closes connections when any other test closes its server.
	own := &http.Transport{}
	t.Cleanup(own.CloseIdleConnections)
	pass := &httputil.ReverseProxy{Transport: own, Rewrite: func(r *httputil.ProxyRequest) {
		r.SetURL(there)
		r.Out.Host = r.In.Host
	}}
	proxy := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { handle(w, r, pass) }))
	t.Cleanup(proxy.Close)
	return proxy.URL
}

// holdBack makes a server before which calls of an operation wait from the n-th on, until release
// is called. Held tells that one waits.
func holdBack(t *testing.T, server *process.Server, path string, n int64) (endpoint string, held <-chan struct{}, release func()) {
	t.Helper()
	waiting, released := make(chan struct{}), make(chan struct{})
	first := sync.OnceFunc(func() { close(waiting) })
	var calls atomic.Int64
	endpoint = inFront(t, server, func(w http.ResponseWriter, r *http.Request, pass http.Handler) {
		if r.URL.Path == path && calls.Add(1) >= n {
			first()
			select {
			case <-released:
			case <-r.Context().Done():
				return
			}
		}
		pass.ServeHTTP(w, r)
	})
	return endpoint, waiting, sync.OnceFunc(func() { close(released) })
}
