package iam_test

import (
	"bytes"
	"log/slog"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"confab/internal/iam"
)

// logged returns an Authenticator and its log.
func logged(level slog.Level) (*iam.Authenticator, *bytes.Buffer) {
	log := new(bytes.Buffer)
	return iam.NewAuthenticator(iam.Options{
		Region: region, Account: account, Service: service,
		Root: iam.Credentials{AccessKeyID: "AKIDROOT", SecretAccessKey: "root-secret"},
		Log:  slog.New(slog.NewTextHandler(log, &slog.HandlerOptions{Level: level})),
	}), log
}

// behindProxy returns a request whose Host a proxy has changed.
func behindProxy(t *testing.T) *http.Request {
	t.Helper()
	r := signed(t, "AKIDROOT", "root-secret", "", time.Now())
	r.Host = "10.0.0.7:8080"
	r.Header.Set("X-Forwarded-Host", "localhost:8080")
	r.RemoteAddr = "10.0.0.1:5000"
	return r
}

func TestExplanations(t *testing.T) {
	t.Run("at debug level the log has what was verified", func(t *testing.T) {
		a, log := logged(slog.LevelDebug)
		a.Authenticate(t.Context(), signed(t, "AKIDROOT", "wrong", "", time.Now()), body) //nolint:errcheck // It is about the log.
		for _, want := range []string{
			`level=DEBUG msg="Signature refused" host=localhost:8080 path=/CreateRoom signed_host="" signed_path=""`,
			`canonical_request="POST\n/CreateRoom\n\n`, `\nhost:localhost:8080\n`, `string_to_sign="AWS4-HMAC-SHA256\n`, `/us-west-2/ivschat/aws4_request\n`,
		} {
			if !strings.Contains(log.String(), want) {
				t.Errorf("%q is missing in %s", want, log)
			}
		}
		if strings.Contains(log.String(), "root-secret") {
			t.Errorf("the secret is in %s", log)
		}
	})
	t.Run("above debug level, a wrong secret is not logged", func(t *testing.T) {
		a, log := logged(slog.LevelInfo)
		a.Authenticate(t.Context(), signed(t, "AKIDROOT", "wrong", "", time.Now()), body) //nolint:errcheck // It is about the log.
		if log.Len() > 0 {
			t.Errorf("logged %s", log)
		}
	})
	t.Run("a proxy that changes Host is a warning once a minute", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			a, log := logged(slog.LevelInfo)
			for range 4 {
				_, err := a.Authenticate(t.Context(), behindProxy(t), body)
				if err == nil || !strings.HasSuffix(err.Error(), `The signature is right for Host "localhost:8080": a proxy changes what was signed; it must pass the Host header and the path unchanged.`) {
					t.Errorf("got %v", err)
				}
				time.Sleep(10 * time.Second)
			}
			want := `level=WARN msg="A proxy changes what clients sign, so their calls are refused; configure it to pass Host and path unchanged" ` +
				`host=10.0.0.7:8080 path=/CreateRoom signed_host=localhost:8080 signed_path="" peer=10.0.0.1:5000`
			if strings.Count(log.String(), "\n") != 1 || !strings.Contains(log.String(), want) {
				t.Errorf("logged %s, want one line with %s", log, want)
			}
			time.Sleep(time.Minute)
			a.Authenticate(t.Context(), behindProxy(t), body) //nolint:errcheck // It is about the log.
			if strings.Count(log.String(), want) != 2 {
				t.Errorf("after a minute: %s", log)
			}
		})
	})
	t.Run("many wrong signatures cost few searches", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			a, _ := logged(slog.LevelInfo)
			hints := func(calls int) (n int) {
				for range calls {
					if _, err := a.Authenticate(t.Context(), behindProxy(t), body); err != nil && strings.Contains(err.Error(), "proxy") {
						n++
					} else if err == nil {
						t.Error("allowed")
					}
				}
				return n
			}
			if n := hints(100); n != 5 {
				t.Errorf("100 calls at once: %d searches, want 5", n)
			}
			time.Sleep(2 * time.Second)
			if n := hints(100); n != 2 {
				t.Errorf("after 2 s: %d searches, want 2", n)
			}
		})
	})
}
