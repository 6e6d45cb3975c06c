package review

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptrace"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil"

	"confab/internal/chat"
)

const allow = `{"ReviewResult":"ALLOW","Content":"hello"}`

// TestHTTP_bad checks bad handlers: whatever they do, the fallback result decides
// within the time limit, and one of the service's two metrics counts it.
func TestHTTP_bad(t *testing.T) {
	redirected := newServer(t, func(http.ResponseWriter, *http.Request) { t.Error("a redirect was followed") })
	answer := func(s string) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, s) }
	}
	status := func(code int) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Location", redirected)
			w.WriteHeader(code)
			_, _ = io.WriteString(w, allow)
		}
	}
	for _, c := range []struct {
		name    string
		handler http.HandlerFunc
		want    Result
	}{
		{"garbage", answer("\x00\xff\x17"), Invalid},
		{"HTML", answer("<html>hello</html>"), Invalid},
		{"nothing", answer(""), Invalid},
		{"status 204", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNoContent) }, Invalid},
		{"a bad ReviewResult", answer(`{"ReviewResult":"MAYBE","Content":"hello"}`), Invalid},
		{"content that is too long", answer(`{"ReviewResult":"ALLOW","Content":"` + strings.Repeat("x", 101) + `"}`), Invalid},
		{"an attribute that is no string", answer(`{"ReviewResult":"ALLOW","Content":"hello","Attributes":{"n":1}}`), Invalid},
		{"10 MB", answer(strings.Repeat(" ", 10<<20) + allow), Invalid},
		{"an answer without end", func(w http.ResponseWriter, r *http.Request) {
			_, _ = io.Copy(io.Discard, r.Body)
			for r.Context().Err() == nil {
				_, _ = io.WriteString(w, strings.Repeat(" ", 4096))
			}
		}, Invalid},
		{"a compressed answer", func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Encoding", "gzip")
			_, _ = w.Write([]byte{0x1f, 0x8b, 8, 0})
		}, Invalid},
		{"status 500", status(http.StatusInternalServerError), NotInvoked},
		{"status 404", status(http.StatusNotFound), NotInvoked},
		{"status 302", status(http.StatusFound), NotInvoked},
		{"status 307", status(http.StatusTemporaryRedirect), NotInvoked},
		{"status 304", status(http.StatusNotModified), NotInvoked},
		{"a header that is too large", func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("X", strings.Repeat("x", 1<<20))
			_, _ = io.WriteString(w, allow)
		}, NotInvoked},
		{"too late", func(_ http.ResponseWriter, r *http.Request) { hang(r) }, TimedOut},
		{"stops in the middle", func(w http.ResponseWriter, r *http.Request) {
			_, _ = io.WriteString(w, `{"ReviewResult":"ALL`)
			w.(http.Flusher).Flush()
			hang(r)
		}, TimedOut},
		{"connection reset", raw(func(c net.Conn) { _ = c.(*net.TCPConn).SetLinger(0) }), NotInvoked},
		{"connection closed", raw(func(net.Conn) {}), NotInvoked},
		{"connection closed in the middle", raw(func(c net.Conn) {
			_, _ = io.WriteString(c, "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{\"Review")
		}), NotInvoked},
		{"not HTTP", raw(func(c net.Conn) { _, _ = io.WriteString(c, "SSH-2.0-OpenSSH_9.6\r\n") }), NotInvoked},
	} {
		t.Run(c.name, func(t *testing.T) {
			const limit = 300 * time.Millisecond
			f := newFixture(t, newServer(t, c.handler), timeout(limit))
			began := time.Now()
			if m, err := f.review(t, chat.Allow, "hello"); err != nil || m.Content != "hello" {
				t.Errorf("got %v, %v; want the original message", m, err)
			}
			// The margin of ten times the limit is for a busy machine. Without the
			// limit most of these never end.
			if took := time.Since(began); took > 10*limit {
				t.Errorf("it took %s", took)
			}
			if got := f.result(t); got != c.want {
				t.Errorf("counted as %s, want %s: %s", got, c.want, f.log)
			}
			validation := testutil.ToFloat64(f.metrics.ResponseValidationErrors.WithLabelValues(functionARN))
			invocation := testutil.ToFloat64(f.metrics.InvocationErrors.WithLabelValues(functionARN))
			if (c.want == Invalid) != (validation == 1) || validation+invocation != 1 {
				t.Errorf("%v ResponseValidationErrors, %v InvocationErrors", validation, invocation)
			}
			discreet(t, f.log.String())
		})
	}
}

// hang waits until the client is gone. A server notices that only after the end of the
// body.
func hang(r *http.Request) {
	_, _ = io.Copy(io.Discard, r.Body)
	<-r.Context().Done()
}

// raw accepts a request and passes its connection to f.
func raw(f func(net.Conn)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		c, _, err := w.(http.Hijacker).Hijack()
		if err != nil {
			return
		}
		f(c)
		c.Close()
	}
}

func TestHTTP_nobodyListens(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	l.Close()
	f := newFixture(t, fmt.Sprintf("http://%s/", l.Addr()))
	if _, err := f.review(t, chat.Deny, "hello"); chat.CodeOf(err) != chat.Rejected {
		t.Errorf("got %v; want what the fallback result says", err)
	}
	if got := f.result(t); got != NotInvoked {
		t.Errorf("counted as %s", got)
	}
}

func TestHTTP_largestAnswer(t *testing.T) {
	f := newFixture(t, newServer(t, func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, strings.Repeat(" ", maxAnswer-len(allow))+allow)
	}))
	if _, err := f.review(t, chat.Deny, "hello"); err != nil {
		t.Errorf("an answer of exactly %d bytes is not taken: %v", maxAnswer, err)
	}
}

func TestHTTP_keepAlive(t *testing.T) {
	f := newFixture(t, newServer(t, func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, allow) }))
	var reused, fresh int
	ctx := httptrace.WithClientTrace(t.Context(), &httptrace.ClientTrace{GotConn: func(c httptrace.GotConnInfo) {
		if c.Reused {
			reused++
		} else {
			fresh++
		}
	}})
	for range 10 {
		if _, _, err := f.Review(ctx, newRoom(chat.Deny), newMessage("hello"), ""); err != nil {
			t.Fatal(err)
		}
	}
	if fresh != 1 || reused != 9 {
		t.Errorf("%d connections were opened and %d used again, want 1 and 9", fresh, reused)
	}
}
