package chatlog_test

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"sync/atomic"
	"testing"
)

// fault is what fails between Confab and a destination.
type fault int

const (
	healthy   fault = iota
	down            // connections are dropped before anything happens
	failing         // 500 for everything
	throttled       // the service's own error for it
	forbidden       // access denied
	halfWay         // the request is carried out, its answer is cut off
	stuck           // no answer at all
)

func (f fault) String() string {
	return [...]string{"healthy", "down", "failing", "throttled", "forbidden", "half-way", "stuck"}[f]
}

// proxy is a reverse proxy that injects faults.
type proxy struct {
	URL   string
	fault atomic.Int64
	// decide, when set, chooses the fault of each request.
	decide func(*http.Request) fault
	// calls counts requests, faulty counts those with a fault.
	calls, faulty atomic.Int64

	release chan struct{} // closed when stuck requests must end
}

func newProxy(t testing.TB, endpoint string) *proxy {
	t.Helper()
	target := must(url.Parse(endpoint))(t)
	p := &proxy{release: make(chan struct{})}
	forward := &httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) {
		r.SetURL(target)
		r.Out.Host = r.In.Host // The signature covers it.
	}}
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		p.calls.Add(1)
		f := fault(p.fault.Load())
		if p.decide != nil {
			f = p.decide(r)
		}
		if f == healthy {
			forward.ServeHTTP(w, r)
			return
		}
		p.faulty.Add(1)
		p.fail(w, r, f, forward)
	}))
	t.Cleanup(func() {
		close(p.release)
		s.Close()
	})
	p.URL = s.URL
	return p
}

func (p *proxy) set(f fault) { p.fault.Store(int64(f)) }

func (p *proxy) fail(w http.ResponseWriter, r *http.Request, f fault, forward http.Handler) {
	rest := r.Header.Get("X-Amz-Target") == "" // S3; the others speak AWS JSON
	switch f {
	case failing:
		answer(w, rest, http.StatusInternalServerError, "InternalError", "InternalServerException")
	case throttled:
		if rest {
			answer(w, rest, http.StatusServiceUnavailable, "SlowDown", "")
			return
		}
		answer(w, rest, http.StatusBadRequest, "", "ThrottlingException")
	case forbidden:
		if rest {
			answer(w, rest, http.StatusForbidden, "AccessDenied", "")
			return
		}
		answer(w, rest, http.StatusBadRequest, "", "AccessDeniedException")
	case stuck:
		_, _ = io.Copy(io.Discard, r.Body)
		select {
		case <-p.release:
		case <-r.Context().Done():
		}
	case halfWay:
		forward.ServeHTTP(httptest.NewRecorder(), r)
		hangUp(w, "HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n{\"Failed")
	default:
		hangUp(w, "")
	}
}

// answer writes an error in the format of S3, or of an AWS JSON service.
func answer(w http.ResponseWriter, rest bool, status int, restCode, jsonCode string) {
	if rest {
		w.Header().Set("Content-Type", "application/xml")
		w.WriteHeader(status)
		fmt.Fprintf(w, "<Error><Code>%s</Code><Message>a fault of the test</Message></Error>", restCode)
		return
	}
	w.Header().Set("Content-Type", "application/x-amz-json-1.1")
	w.WriteHeader(status)
	fmt.Fprintf(w, `{"__type":"%s","message":"a fault of the test"}`, jsonCode)
}

// hangUp closes the connection after some bytes.
func hangUp(w http.ResponseWriter, after string) {
	conn, _, err := w.(http.Hijacker).Hijack()
	if err != nil {
		panic(err)
	}
	_, _ = io.WriteString(conn, after)
	conn.Close()
}
