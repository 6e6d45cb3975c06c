package command_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/ivschat"

	"confab/internal/command"
)

// TestCall is a call of an operation that Confab adds, with a server that does not carry it out
// at once.
func TestCall(t *testing.T) {
	refuse := func(w http.ResponseWriter, status int, code string) {
		w.Header().Set("X-Amzn-Errortype", code)
		w.WriteHeader(status)
		fmt.Fprintf(w, `{"message":"%s"}`, code)
	}
	for _, test := range []struct {
		name   string
		handle func(n int, w http.ResponseWriter, r *http.Request)
		calls  int
		err    string // "" is none
	}{
		{"a rate that is exceeded twice", func(n int, w http.ResponseWriter, _ *http.Request) {
			if n < 3 {
				refuse(w, http.StatusTooManyRequests, "ThrottlingException")
				return
			}
			fmt.Fprint(w, `{"answer":"yes"}`)
		}, 3, ""},
		{"a rate that is exceeded", func(_ int, w http.ResponseWriter, _ *http.Request) {
			refuse(w, http.StatusTooManyRequests, "ThrottlingException")
		}, 3, "ThrottlingException; wait a second and try again"},
		{"a clock that is an hour wrong", func(_ int, w http.ResponseWriter, r *http.Request) {
			now := time.Now().Add(time.Hour)
			w.Header().Set("Date", now.UTC().Format(http.TimeFormat))
			if signed, err := time.Parse("20060102T150405Z", r.Header.Get("X-Amz-Date")); err != nil || now.Sub(signed).Abs() > 5*time.Minute {
				refuse(w, http.StatusForbidden, "InvalidSignatureException")
				return
			}
			fmt.Fprint(w, `{"answer":"yes"}`)
		}, 2, ""},
		{"another refusal", func(_ int, w http.ResponseWriter, _ *http.Request) {
			refuse(w, http.StatusForbidden, "AccessDeniedException")
		}, 1, "the policy of these credentials must allow it"},
		{"a web page", func(_ int, w http.ResponseWriter, _ *http.Request) {
			fmt.Fprint(w, "<html></html>")
		}, 1, "answered 200 OK, and not as IVS Chat does; correct the endpoint"},
	} {
		t.Run(test.name, func(t *testing.T) {
			calls := 0
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				calls++
				test.handle(calls, w, r)
			}))
			defer server.Close()
			api := command.Dev(server.URL, "us-west-2", server.Client())
			out, err := command.Call[struct{ Answer string }](t.Context(), api, "GetServer", struct{}{})
			if calls != test.calls {
				t.Errorf("%d calls, want %d", calls, test.calls)
			}
			switch {
			case test.err == "" && (err != nil || out.Answer != "yes"):
				t.Errorf("the answer is %v, %v", out, err)
			case test.err != "" && (err == nil || !strings.Contains(err.Error(), test.err)):
				t.Errorf("the error is %v, want %s", err, test.err)
			}
		})
	}
}

// TestDev_foreign has servers that are not of IVS Chat: an operation without an answer does not
// take their pages for its success, and the error says what to do.
func TestDev_foreign(t *testing.T) {
	arn := "arn:aws:ivschat:us-west-2:000000000000:room/AbCdEfGhIjKl"
	for _, test := range []struct {
		name   string
		status int
		header [2]string
		body   string
		want   string
	}{
		{"a page", http.StatusOK, [2]string{}, "<html></html>", "; correct the endpoint (--endpoint, AWS_ENDPOINT_URL_IVSCHAT), or have the proxy there pass all calls"},
		{"a page for a wrong method", http.StatusMethodNotAllowed, [2]string{}, "<html></html>", "answered 405 Method Not Allowed, and not as IVS Chat does; correct the endpoint"},
		{"a proxy without a server", http.StatusBadGateway, [2]string{}, "", "; a proxy there does not reach the server"},
		{"a redirect", http.StatusMovedPermanently, [2]string{"Location", "https://chat.example.com/"}, "", `leads to "https://chat.example.com/"; use the endpoint that it leads to`},
		{"a limit of bodies", http.StatusRequestEntityTooLarge, [2]string{}, "<html></html>", "accept bodies of 4 MiB"},
		{"a port that speaks TLS", http.StatusBadRequest, [2]string{}, "Client sent an HTTP request to an HTTPS server.\n", "speaks HTTPS; use https:// in the endpoint"},
	} {
		t.Run(test.name, func(t *testing.T) {
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				if test.header[0] != "" {
					w.Header().Set(test.header[0], test.header[1])
				}
				w.WriteHeader(test.status)
				fmt.Fprint(w, test.body)
			}))
			defer server.Close()
			client := server.Client()
			client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
			api := command.Dev(server.URL, "us-west-2", client)
			_, err := api.DeleteRoom(t.Context(), &ivschat.DeleteRoomInput{Identifier: &arn})
			if err = api.Explain(err); err == nil || !strings.HasPrefix(err.Error(), "DeleteRoom failed: "+server.URL) || !strings.Contains(err.Error(), test.want) {
				t.Errorf("the error is %v, want %s", err, test.want)
			}
			_, err = command.Call[struct{}](t.Context(), api, "GetServer", struct{}{})
			if err == nil || !strings.HasPrefix(err.Error(), "GetServer failed: "+server.URL) || !strings.Contains(err.Error(), test.want) {
				t.Errorf("the error is %v, want %s", err, test.want)
			}
		})
	}
}
