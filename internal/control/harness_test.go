package control_test

import (
	"bytes"
	"context"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"github.com/go-json-experiment/json"

	"confab/internal/api"
	"confab/internal/chat"
	"confab/internal/control"
	"confab/internal/iam"
	"confab/internal/store"
)

const (
	region  = "us-west-2"
	account = "123456789012"
)

// lambdaARN is a function that may review messages.
const lambdaARN = "arn:aws:lambda:us-west-2:123456789012:function:review"

// missing is the ARN of a resource that does not exist.
func missing(t chat.ResourceType) string {
	return chat.ARN{Region: region, Account: account, Type: t, ID: "AAAAAAAAAAAA"}.String()
}

// service is a control plane with a store of its own.
type service struct {
	*control.Service
	handler http.Handler
	db      *store.DB
	live    *live
	tokens  *tokens
	url     string
}

// options are those of a control plane and of the server in front of it, which get the
// same quotas and clock.
type options struct {
	control.Options
	API api.Options
}

// newService starts a control plane. change may alter its options; without
// that, everybody is root.
func newService(t testing.TB, change func(*options)) *service {
	t.Helper()
	db, err := store.Open(t.Context(), store.Options{
		Dir: t.TempDir(), SecretKey: bytes.Repeat([]byte{7}, 32), Region: region, Account: account,
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	})
	s := &service{db: db, live: &live{}, tokens: &tokens{}}
	o := options{
		Options: control.Options{Region: region, Account: account, Store: db, Live: s.live, Tokens: s.tokens, Extensions: true},
		API:     api.Options{Authenticator: everybodyIsRoot{}},
	}
	if change != nil {
		change(&o)
	}
	o.API.Quotas, o.API.Now = o.Quotas, o.Now
	s.Service = control.New(o.Options)
	s.handler = api.New(o.API, s.Operations()...)
	server := httptest.NewServer(s.handler)
	t.Cleanup(server.Close)
	s.url = server.URL
	return s
}

var root = &iam.Principal{ARN: "arn:aws:iam::" + account + ":root", Account: account, Root: true}

type everybodyIsRoot struct{}

func (everybodyIsRoot) Authenticate(context.Context, *http.Request, []byte) (*iam.Principal, error) {
	return root, nil
}

// asRoot is the context of a call by the administrator.
func asRoot(t testing.TB) context.Context {
	return iam.WithCall(t.Context(), &iam.Call{Principal: root})
}

// room makes a room.
func (s *service) room(t testing.TB, in control.CreateRoomInput) *control.CreateRoomOutput {
	t.Helper()
	out, err := s.CreateRoom(asRoot(t), &in)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// logging makes a logging configuration for a bucket.
func (s *service) logging(t testing.TB) *control.CreateLoggingConfigurationOutput {
	t.Helper()
	out, err := s.CreateLoggingConfiguration(asRoot(t), &control.CreateLoggingConfigurationInput{
		DestinationConfiguration: &control.DestinationConfiguration{S3: &control.S3DestinationConfiguration{BucketName: new("chat-logs")}},
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// answer is what came back over HTTP.
type answer struct {
	status int
	header http.Header
	text   string
	body   map[string]any
}

// post calls an operation with a body as it stands.
func (s *service) post(t testing.TB, operation, body string) answer {
	t.Helper()
	return s.send(t, http.MethodPost, "/"+operation, body, nil)
}

func (s *service) send(t testing.TB, method, path, body string, header http.Header) answer {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, s.url+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	maps.Copy(r.Header, header)
	w, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer w.Body.Close()
	text, err := io.ReadAll(w.Body)
	if err != nil {
		t.Fatal(err)
	}
	a := answer{status: w.StatusCode, header: w.Header, text: string(text)}
	if len(text) > 0 {
		if err := json.Unmarshal(text, &a.body); err != nil {
			t.Fatalf("%s: %v", text, err)
		}
	}
	return a
}

// want checks the status and the exception; "" is success.
func (a answer) want(t testing.TB, status int, exception string) {
	t.Helper()
	if a.status != status || a.header.Get("x-amzn-ErrorType") != exception {
		t.Errorf("got %d %s %s, want %d %s", a.status, a.header.Get("x-amzn-ErrorType"), a.text, status, exception)
	}
	if id := a.header.Get("x-amzn-RequestId"); len(id) != 36 {
		t.Errorf("the request id is %q", id)
	}
}

// wantCode checks the code of an error.
func wantCode(t testing.TB, err error, code chat.Code) {
	t.Helper()
	if err == nil || chat.CodeOf(err) != code {
		t.Errorf("got %v, want one that is %s", err, code)
	}
}

// live records what it is asked to do.
type live struct {
	mu    sync.Mutex
	calls [][]string // guarded by mu
	err   error
	// during, when set, is what SendEvent does, and changed what RoomChanged does.
	during, changed func(context.Context) error
}

func (l *live) did(call ...string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.calls = append(l.calls, call)
}

// done returns what was done since the last call of it.
func (l *live) done() [][]string {
	l.mu.Lock()
	defer l.mu.Unlock()
	calls := l.calls
	l.calls = nil
	return calls
}

func (l *live) SendEvent(ctx context.Context, roomID, name string, attributes map[string]string) (string, error) {
	if l.during != nil {
		return "", l.during(ctx)
	}
	l.did("SendEvent", roomID, name, attributes["key"])
	return "EventIdAAAAA", l.err
}

func (l *live) DeleteMessage(_ context.Context, roomID, messageID, reason, _ string) (string, error) {
	l.did("DeleteMessage", roomID, messageID, reason)
	return "EventIdBBBBB", l.err
}

func (l *live) DisconnectUser(_ context.Context, roomID, userID, reason, _ string) error {
	l.did("DisconnectUser", roomID, userID, reason)
	return l.err
}

func (l *live) RoomChanged(ctx context.Context, roomID string) {
	l.did("RoomChanged", roomID)
	if l.changed != nil {
		l.err = l.changed(ctx)
	}
}

// tokens keeps the last token it was to seal.
type tokens struct{ last *chat.Token }

func (s *tokens) Seal(t *chat.Token) (string, error) {
	s.last = t
	return "sealed", nil
}
