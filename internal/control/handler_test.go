package control_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus/testutil"

	"confab/internal/api"
	"confab/internal/chat"
	"confab/internal/control"
	"confab/internal/iam"
	"confab/internal/quota"
	"confab/internal/restjson"
)

func TestRoutes(t *testing.T) {
	s := newService(t, nil)
	for _, c := range []struct{ method, path string }{
		{"GET", "/CreateRoom"},
		{"HEAD", "/CreateRoom"},
		{"PUT", "/CreateRoom"},
		{"POST", "/createRoom"},
		{"POST", "/CreateRoom/"},
		{"POST", "//CreateRoom"},
		{"POST", "/x/../CreateRoom"},
		{"POST", "/Create%52oom"},
		{"POST", "/NoSuchOperation"},
		{"GET", "/"},
		{"POST", "/"},
		{"PUT", "/tags/" + missing(chat.RoomResource)},
		{"GET", "/tags"},
	} {
		t.Run(c.method+" "+c.path, func(t *testing.T) {
			s.send(t, c.method, c.path, "", nil).want(t, 404, "UnknownOperationException")
		})
	}
	t.Run("the query of an operation in the body is ignored", func(t *testing.T) {
		s.post(t, "ListRooms?maxResults=nonsense", `{}`).want(t, 200, "")
	})
}

func TestMalformedRequests(t *testing.T) {
	s := newService(t, nil)
	for _, c := range []struct {
		name, operation, body string
		status                int
		exception, message    string
	}{
		{"not JSON", "CreateRoom", `{`, 400, "SerializationException", "not valid JSON"},
		{"not an object", "CreateRoom", `[]`, 400, "SerializationException", "must be a JSON object"},
		{"null", "CreateRoom", `null`, 400, "SerializationException", "must be a JSON object"},
		{"a string for a number", "CreateRoom", `{"maximumMessageLength":"10"}`, 400, "SerializationException", "/maximumMessageLength"},
		{"a fraction", "CreateRoom", `{"maximumMessageLength":1.5}`, 400, "SerializationException", "/maximumMessageLength"},
		{"beyond 32 bits", "CreateRoom", `{"maximumMessageLength":4294967297}`, 400, "SerializationException", "/maximumMessageLength"},
		{"a number for a string", "CreateRoom", `{"name":1}`, 400, "SerializationException", "/name"},
		{"a string for a list", "CreateChatToken", `{"capabilities":"SEND_MESSAGE"}`, 400, "SerializationException", "/capabilities"},
		{"null in a list", "CreateChatToken", `{"capabilities":[null]}`, 400, "SerializationException", "/capabilities/0"},
		{"null in a map", "CreateChatToken", `{"attributes":{"a":null}}`, 400, "SerializationException", "/attributes/a"},
		{"a number in a map", "SendEvent", `{"attributes":{"a":1}}`, 400, "SerializationException", "/attributes/a"},
		{"a nested member", "CreateRoom", `{"messageReviewHandler":{"uri":[]}}`, 400, "SerializationException", "/messageReviewHandler/uri"},
		{"a member twice", "CreateRoom", `{"name":"a","name":"b"}`, 400, "SerializationException", "/name is given twice"},
		{"not UTF-8", "CreateRoom", "{\"name\":\"\xff\"}", 400, "SerializationException", "UTF-8"},
		{"too deep", "CreateRoom", `{"x":` + strings.Repeat("[", 100) + strings.Repeat("]", 100) + `}`, 400, "SerializationException", "deeper"},
		{"as large as allowed", "CreateRoom", `{"x":"` + strings.Repeat("a", restjson.MaxBody-8) + `"}`, 200, "", ""},
		{"too large", "CreateRoom", `{"x":"` + strings.Repeat("a", restjson.MaxBody-7) + `"}`, 413, "RequestEntityTooLargeException", "262144"},
	} {
		t.Run(c.name, func(t *testing.T) {
			a := s.post(t, c.operation, c.body)
			a.want(t, c.status, c.exception)
			if message, _ := a.body["message"].(string); !strings.Contains(message, c.message) {
				t.Errorf("got %s, want it to say %s", a.text, c.message)
			}
		})
	}
	t.Run("a foreign media type", func(t *testing.T) {
		s.send(t, "POST", "/CreateRoom", `{}`, http.Header{"Content-Type": {"application/hal+json"}}).want(t, 415, "UnsupportedMediaTypeException")
	})
	t.Run("nothing acceptable", func(t *testing.T) {
		s.send(t, "POST", "/CreateRoom", `{}`, http.Header{"Accept": {"application/hal+json"}}).want(t, 406, "NotAcceptableException")
	})
	t.Run("a charset is ignored", func(t *testing.T) {
		s.send(t, "POST", "/CreateRoom", `{}`, http.Header{"Content-Type": {"application/json; charset=UTF-8"}}).want(t, 200, "")
	})
	t.Run("unknown members are ignored", func(t *testing.T) {
		s.post(t, "CreateRoom", `{"Name":"a","more":{"deep":[1,2]}}`).want(t, 200, "")
	})
}

func TestCORS(t *testing.T) {
	preflight := http.Header{
		"Origin":                         {"https://app.example"},
		"Access-Control-Request-Method":  {"POST"},
		"Access-Control-Request-Headers": {"authorization,content-type,x-amz-date,X-Amz-Security-Token,amz-sdk-request,x-evil"},
	}
	t.Run("any origin by default", func(t *testing.T) {
		s := newService(t, func(o *options) { o.API.Authenticator = refusingAll{} })
		a := s.send(t, "OPTIONS", "/CreateRoom", "", preflight)
		if a.status != 204 || a.header.Get("Access-Control-Allow-Origin") != "*" ||
			a.header.Get("Access-Control-Allow-Headers") != "authorization, content-type, x-amz-date, x-amz-security-token, amz-sdk-request" ||
			a.header.Get("Access-Control-Allow-Methods") != "GET, POST, DELETE" {
			t.Errorf("got %d %v", a.status, a.header)
		}
	})
	t.Run("web pages can read answers and errors", func(t *testing.T) {
		s := newService(t, nil)
		for _, operation := range []string{"ListRooms", "NoSuchOperation"} {
			h := s.send(t, "POST", "/"+operation, "{}", http.Header{"Origin": {"null"}}).header
			if h.Get("Access-Control-Allow-Origin") != "*" || h.Get("Access-Control-Expose-Headers") != "x-amzn-RequestId, x-amzn-ErrorType, Date" {
				t.Errorf("%s: %v", operation, h)
			}
		}
	})
	t.Run("only known origins", func(t *testing.T) {
		s := newService(t, func(o *options) { o.API.CORSOrigins = []string{"https://app.example", "https://b.example"} })
		if h := s.send(t, "POST", "/ListRooms", "{}", http.Header{"Origin": {"https://app.example"}}).header; h.Get("Access-Control-Allow-Origin") != "https://app.example" || h.Get("Vary") != "Origin" {
			t.Errorf("got %v", h)
		}
		if h := s.send(t, "POST", "/ListRooms", "{}", http.Header{"Origin": {"https://evil.example"}}).header; h.Get("Access-Control-Allow-Origin") != "" || h.Get("Vary") != "Origin" {
			t.Errorf("got %v", h)
		}
	})
}

// refusingAll is an authenticator that refuses every call.
type refusingAll struct{}

func (refusingAll) Authenticate(context.Context, *http.Request, []byte) (*iam.Principal, error) {
	return nil, &chat.Error{Code: chat.Unauthenticated, Name: "MissingAuthenticationTokenException", Message: "Missing Authentication Token"}
}

func TestUnauthenticated(t *testing.T) {
	s := newService(t, func(o *options) {
		o.API.Authenticator = refusingAll{}
		o.Quotas = quota.New(quota.Numbers{quota.Calls("CreateRoom"): 1}, o.Now)
	})
	for _, path := range []string{"/CreateRoom", "/CreateRoom", "/NoSuchOperation"} {
		a := s.send(t, "POST", path, `not even JSON`, nil)
		a.want(t, 403, "MissingAuthenticationTokenException")
		if a.text != `{"message":"Missing Authentication Token"}` {
			t.Errorf("got %s", a.text)
		}
	}
}

func TestThrottling(t *testing.T) {
	now := time.Now()
	s := newService(t, func(o *options) {
		o.Quotas = quota.New(quota.AWSNumbers(), func() time.Time { return now })
	})
	for range 3 {
		s.post(t, "ListLoggingConfigurations", `{}`).want(t, 200, "")
	}
	a := s.post(t, "ListLoggingConfigurations", `{}`)
	a.want(t, 429, "ThrottlingException")
	if a.body["limit"] != 3.0 || a.header.Get("Retry-After") != "1" {
		t.Errorf("got %v %s", a.header, a.text)
	}
	for _, member := range []string{"resourceId", "resourceType"} {
		if _, ok := a.body[member]; !ok {
			t.Errorf("no %s in %s", member, a.text)
		}
	}
	s.post(t, "ListRooms", `{}`).want(t, 200, "")
	now = now.Add(time.Second)
	s.post(t, "ListLoggingConfigurations", `{}`).want(t, 200, "")
}

func TestFailures(t *testing.T) {
	for _, c := range []struct {
		name      string
		check     func() error
		status    int
		exception string
	}{
		{"a panic", func() error { panic("the secret is 42") }, 500, "InternalServerException"},
		{"an internal error", func() error { return errors.New("the secret is 42") }, 500, "InternalServerException"},
		{"a store that is away", func() error {
			return chat.Errorf(chat.Unavailable, "The database does not answer")
		}, 503, "ServiceUnavailableException"},
	} {
		t.Run(c.name, func(t *testing.T) {
			var log bytes.Buffer
			s := newService(t, func(o *options) {
				o.CheckHandler = func(context.Context, string) error { return c.check() }
				o.API.Log = slog.New(slog.NewJSONHandler(&log, nil))
			})
			a := s.post(t, "CreateRoom", fmt.Sprintf(`{"messageReviewHandler":{"uri":%q}}`, lambdaARN))
			a.want(t, c.status, c.exception)
			if strings.Contains(a.text, "secret") {
				t.Errorf("the answer says too much: %s", a.text)
			}
			if !strings.Contains(log.String(), a.header.Get("x-amzn-RequestId")) || !strings.Contains(log.String(), `"level":"ERROR"`) {
				t.Errorf("the log says %s", log.String())
			}
			if c.status == 500 && !strings.Contains(log.String(), "the secret is 42") {
				t.Errorf("the log lacks the cause: %s", log.String())
			}
		})
	}
}

// A change that was committed is told to the nodes though its caller is gone, and
// a failure of a call whose caller is gone is not logged as an error.
func TestCallerHangsUp(t *testing.T) {
	var log bytes.Buffer
	s := newService(t, func(o *options) { o.API.Log = slog.New(slog.NewJSONHandler(&log, nil)) })
	room := s.room(t, control.CreateRoomInput{})
	ctx, cancel := context.WithCancel(t.Context())
	r := httptest.NewRequestWithContext(ctx, "POST", "/SendEvent", strings.NewReader(fmt.Sprintf(`{"roomIdentifier":%q,"eventName":"e"}`, *room.ARN)))
	s.live.during = func(ctx context.Context) error {
		cancel()
		return ctx.Err()
	}
	s.handler.ServeHTTP(httptest.NewRecorder(), r)
	if text := log.String(); !strings.Contains(text, `"level":"INFO"`) || !strings.Contains(text, `"error":"context canceled"`) {
		t.Errorf("the log says %s", text)
	}
	s.live.during = nil
	ctx, cancel = context.WithCancel(asRoot(t))
	s.live.changed = func(ctx context.Context) error {
		cancel()
		return ctx.Err()
	}
	if _, err := s.UpdateRoom(ctx, &control.UpdateRoomInput{Identifier: room.ARN}); err != nil || s.live.err != nil {
		t.Errorf("got %v, and the notice %v", err, s.live.err)
	}
}

func TestAccessLogAndMetrics(t *testing.T) {
	var log bytes.Buffer
	metrics := api.NewMetrics(nil)
	s := newService(t, func(o *options) {
		o.API.Log = slog.New(slog.NewJSONHandler(&log, nil))
		o.API.Metrics = metrics
		o.API.TrustedProxies = []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}
	})
	room := s.room(t, control.CreateRoomInput{})
	body := fmt.Sprintf(`{"roomIdentifier":%q,"userId":"secret-user","attributes":{"secret-key":"secret-value"}}`, *room.ARN)
	a := s.send(t, "POST", "/CreateChatToken", body, http.Header{"X-Forwarded-For": {"198.51.100.7"}})
	a.want(t, 200, "")
	var line map[string]any
	if err := json.Unmarshal(log.Bytes(), &line); err != nil {
		t.Fatalf("%s: %v", log.String(), err)
	}
	if _, ok := line["duration_ms"].(float64); !ok {
		t.Errorf("no duration in %s", log.String())
	}
	delete(line, "time")
	delete(line, "duration_ms")
	want := map[string]any{
		"level": "INFO", "msg": "API call", "operation": "CreateChatToken", "status": 200.0,
		"request_id": a.header.Get("x-amzn-RequestId"), "source_ip": "198.51.100.7", "principal": root.ARN,
	}
	if d := cmp.Diff(want, line); d != "" {
		t.Error(d)
	}
	log.Reset()
	s.post(t, "CreateChatToken", `{"userId":"secret-user"}`).want(t, 400, "ValidationException")
	s.post(t, "NoSuchOperation", `{}`).want(t, 404, "UnknownOperationException")
	if text := log.String(); strings.Contains(text, "secret") || !strings.Contains(text, `"exception":"ValidationException"`) {
		t.Errorf("the log says %s", text)
	}
	for labels, want := range map[[2]string]float64{
		{"CreateChatToken", ""}: 1, {"CreateChatToken", "ValidationException"}: 1, {"unknown", "UnknownOperationException"}: 1,
	} {
		if got := testutil.ToFloat64(metrics.Requests.WithLabelValues(labels[0], labels[1])); got != want {
			t.Errorf("%v: %v calls, want %v", labels, got, want)
		}
	}
	if n := testutil.CollectAndCount(metrics.Duration); n != 2 {
		t.Errorf("durations of %d operations, want 2", n)
	}
}

func TestRequestID(t *testing.T) {
	s := newService(t, nil)
	uuid := regexp.MustCompile(`^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$`)
	one, two := s.post(t, "ListRooms", `{}`).header, s.post(t, "Nothing", `{}`).header
	if a, b := one.Get("x-amzn-RequestId"), two.Get("x-amzn-RequestId"); !uuid.MatchString(a) || !uuid.MatchString(b) || a == b {
		t.Errorf("got %s and %s", a, b)
	}
	if _, err := http.ParseTime(one.Get("Date")); err != nil {
		t.Error(err)
	}
}
