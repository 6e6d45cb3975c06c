package review

import (
	"encoding/json"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil"

	"confab/internal/awstest"
	"confab/internal/chat"
)

// newFunctions starts a Lambda endpoint and points the AWS SDK's configuration to it.
func newFunctions(t testing.TB) *awstest.Lambda {
	t.Helper()
	awstest.SetEnv(t)
	l := awstest.NewLambda(t)
	t.Setenv("AWS_ENDPOINT_URL_LAMBDA", l.URL)
	return l
}

func TestLambda(t *testing.T) {
	upper := func(payload []byte) ([]byte, string) {
		var event struct{ Content string }
		if err := json.Unmarshal(payload, &event); err != nil {
			return []byte(`{"errorMessage":"no JSON"}`), "Unhandled"
		}
		answer, _ := json.Marshal(map[string]string{"ReviewResult": "ALLOW", "Content": strings.ToUpper(event.Content)})
		return answer, ""
	}
	for _, c := range []struct{ name, target, function string }{
		{"by its ARN, without any rule", "", functionARN},
		{"by its ARN", "lambda", functionARN},
		{"by a name", "lambda:service-dev-review", "service-dev-review"},
	} {
		t.Run(c.name, func(t *testing.T) {
			l := newFunctions(t)
			l.Create(c.function, upper)
			f := newFixture(t, c.target)
			m, err := f.review(t, chat.Deny, "hello")
			if err != nil || m.Content != "HELLO" {
				t.Errorf("got %v, %v; log: %s", m, err, f.log)
			}
			if n := l.Calls("RequestResponse"); n != 1 {
				t.Errorf("invoked %d times, want once", n)
			}
		})
	}
}

func TestLambda_bad(t *testing.T) {
	say := func(answer, functionError string) func(*awstest.Lambda) {
		return func(l *awstest.Lambda) {
			l.Create(functionARN, func([]byte) ([]byte, string) { return []byte(answer), functionError })
		}
	}
	hijack := func(h http.HandlerFunc) func(*awstest.Lambda) {
		return func(l *awstest.Lambda) { l.Hijack(h) }
	}
	for _, c := range []struct {
		name string
		set  func(*awstest.Lambda)
		want Result
	}{
		{"no such function", func(*awstest.Lambda) {}, NotInvoked},
		{"not permitted", func(l *awstest.Lambda) { l.Deny(functionARN) }, NotInvoked},
		{"function error", say(`{"errorMessage":"hello","errorType":"Error"}`, "Unhandled"), FunctionError},
		{"function error with a valid answer", say(allow, "Handled"), FunctionError},
		{"nothing", say("", ""), Invalid},
		{"null", say("null", ""), Invalid},
		{"a string", say(`"hello"`, ""), Invalid},
		{"garbage", say("\xff\x00", ""), Invalid},
		{"10 MB", say(strings.Repeat(" ", 10<<20)+allow, ""), Invalid},
		{"throttled", hijack(func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("X-Amzn-ErrorType", "TooManyRequestsException")
			w.WriteHeader(http.StatusTooManyRequests)
		}), NotInvoked},
		{"status 500", hijack(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusInternalServerError) }), NotInvoked},
		{"a redirect", hijack(func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, "http://127.0.0.1:1/", http.StatusTemporaryRedirect)
		}), NotInvoked},
		{"too late", hijack(func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }), TimedOut},
		{"stops in the middle", hijack(func(w http.ResponseWriter, r *http.Request) {
			_, _ = io.WriteString(w, allow[:10])
			w.(http.Flusher).Flush()
			<-r.Context().Done()
		}), TimedOut},
		{"connection reset", hijack(raw(func(c net.Conn) { _ = c.(*net.TCPConn).SetLinger(0) })), NotInvoked},
	} {
		t.Run(c.name, func(t *testing.T) {
			l := newFunctions(t)
			c.set(l)
			f := newFixture(t, "lambda", timeout(500*time.Millisecond))
			if m, err := f.review(t, chat.Allow, "hello"); err != nil || m.Content != "hello" {
				t.Errorf("got %v, %v; want the original message", m, err)
			}
			if got := f.result(t); got != c.want {
				t.Errorf("counted as %s, want %s: %s", got, c.want, f.log)
			}
			if n := l.Calls("RequestResponse"); n != 1 {
				t.Errorf("invoked %d times, want once: there is no retry", n)
			}
			validation := testutil.ToFloat64(f.metrics.ResponseValidationErrors.WithLabelValues(functionARN))
			if invocation := testutil.ToFloat64(f.metrics.InvocationErrors.WithLabelValues(functionARN)); (c.want == Invalid) != (validation == 1) || validation+invocation != 1 {
				t.Errorf("%v ResponseValidationErrors, %v InvocationErrors", validation, invocation)
			}
			discreet(t, f.log.String())
		})
	}
}

func TestLambda_noConfiguration(t *testing.T) {
	awstest.SetEnv(t)
	t.Setenv("AWS_PROFILE", "missing")
	f := newFixture(t, "lambda")
	if !strings.Contains(f.log.String(), "AWS configuration not read") {
		t.Errorf("the start does not say so: %s", f.log)
	}
	if _, err := f.review(t, chat.Deny, "hello"); chat.CodeOf(err) != chat.Rejected || f.result(t) != NotInvoked {
		t.Errorf("got %v; want what the fallback result says", err)
	}
	if err := f.CheckHandler(t.Context(), functionARN); err != nil {
		t.Errorf("it is not known whether it can be invoked, yet it is refused: %v", err)
	}
}

func TestCheckHandler(t *testing.T) {
	const refused = "Request member: uri failed to satisfy the constraints: invalid lambda permission"
	l := newFunctions(t)
	l.Create(functionARN, func([]byte) ([]byte, string) {
		t.Error("a check invoked the function")
		return nil, ""
	})
	f := newFixture(t, "", func(o *Options) {
		o.Rules = []Rule{
			{"*:http", "http://127.0.0.1:1/"},
			{"*:named", "lambda:other"},
			{"*:program", "exec:" + executable(t) + " answers"},
			{"*:no-program", "exec:./there/is/none"},
		}
	})
	check := func(uri string) error { return f.CheckHandler(t.Context(), uri) }
	arn := func(name string) string { return strings.TrimSuffix(functionARN, "review") + name }

	for _, uri := range []string{functionARN, arn("http"), arn("program")} {
		if err := check(uri); err != nil {
			t.Errorf("%s: %v", uri, err)
		}
	}
	if log := f.log.String(); strings.Contains(log, "not checked") {
		t.Errorf("a check that succeeded is doubted: %s", log)
	}
	l.Deny(arn("denied"))
	for _, uri := range []string{arn("missing"), arn("denied"), arn("named"), arn("no-program")} {
		err := check(uri)
		if chat.CodeOf(err) != chat.Invalid || err.Error() != refused {
			t.Errorf("%s: %v, want a refusal in the service's words", uri, err)
		}
		if !strings.Contains(f.log.String(), uri) {
			t.Errorf("the log does not say why %s was refused", uri)
		}
	}
	if l.Calls("DryRun") != 4 || l.Calls("RequestResponse") != 0 {
		t.Errorf("%d dry runs and %d invocations, want 4 and none", l.Calls("DryRun"), l.Calls("RequestResponse"))
	}

	l.Hijack(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusServiceUnavailable) })
	if err := check(arn("unknown")); err != nil || !strings.Contains(f.log.String(), "not checked") {
		t.Errorf("an endpoint that fails: %v, want a warning only", err)
	}
}

func TestCheckHandler_unreachable(t *testing.T) {
	awstest.SetEnv(t)
	t.Setenv("AWS_ENDPOINT_URL_LAMBDA", "http://127.0.0.1:1")
	f := newFixture(t, "")
	if err := f.CheckHandler(t.Context(), functionARN); err != nil || !strings.Contains(f.log.String(), "not checked") {
		t.Errorf("got %v, log %q; want a warning only", err, f.log)
	}
}
