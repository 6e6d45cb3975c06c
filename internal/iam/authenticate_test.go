package iam_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"net/http"
	"net/http/httptest"
	"strconv"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"

	"confab/internal/chat"
	"confab/internal/iam"
	"confab/internal/sigv4"
)

const (
	region  = "us-west-2"
	account = "123456789012"
	service = "ivschat"
)

// memory is a store of credentials in memory. It counts the queries.
type memory struct {
	credentials map[string]*iam.Credentials
	failure     error
	asked       atomic.Int32
	// answer, when set, delays every answer until it is closed.
	answer chan struct{}
}

func (m *memory) Credentials(ctx context.Context, accessKeyID string) (*iam.Credentials, error) {
	m.asked.Add(1)
	if m.answer != nil {
		select {
		case <-m.answer:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
	if m.failure != nil {
		return nil, m.failure
	}
	if c, ok := m.credentials[accessKeyID]; ok {
		return c, nil
	}
	return nil, chat.Errorf(chat.NotFound, "no such credentials")
}

var alice = &iam.Principal{ARN: "arn:aws:iam::" + account + ":user/alice", Name: "alice", Account: account}

func newStore() *memory {
	return &memory{credentials: map[string]*iam.Credentials{
		"AKIDALICE": {AccessKeyID: "AKIDALICE", SecretAccessKey: "alice-secret", Principal: alice},
		"ASIAALICE": {AccessKeyID: "ASIAALICE", SecretAccessKey: "session-secret", SessionToken: "session-token", Principal: alice},
	}}
}

func newAuthenticator(store iam.CredentialsStore) *iam.Authenticator {
	return iam.NewAuthenticator(iam.Options{
		Region: region, Account: account, Service: service, Store: store,
		Root: iam.Credentials{AccessKeyID: "AKIDROOT", SecretAccessKey: "root-secret"},
	})
}

var body = []byte(`{"name":"demo"}`)

// signed returns a request as the server receives it.
func signed(tb testing.TB, key, secret, token string, at time.Time) *http.Request {
	tb.Helper()
	r := httptest.NewRequestWithContext(tb.Context(), http.MethodPost, "http://localhost:8080/CreateRoom", bytes.NewReader(body))
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("Content-Length", strconv.Itoa(len(body))) // as the server sees it
	sum := sha256.Sum256(body)
	credentials := aws.Credentials{AccessKeyID: key, SecretAccessKey: secret, SessionToken: token}
	if err := v4.NewSigner().SignHTTP(tb.Context(), credentials, r, hex.EncodeToString(sum[:]), service, region, at); err != nil {
		tb.Fatal(err)
	}
	return r
}

func TestAuthenticate(t *testing.T) {
	store := newStore()
	soon := time.Now().Add(time.Hour)
	store.credentials["AKIDOVER"] = &iam.Credentials{SecretAccessKey: "over", SessionToken: "t", Expires: time.Now().Add(-time.Second), Principal: alice}
	store.credentials["AKIDSOON"] = &iam.Credentials{SecretAccessKey: "soon", Expires: soon, Principal: alice}
	a := newAuthenticator(store)
	for _, c := range []struct {
		name, key, secret, token string
		want                     string // the ARN of the principal, or the name of the refusal
	}{
		{"the root", "AKIDROOT", "root-secret", "", "arn:aws:iam::123456789012:root"},
		{"the root with another secret", "AKIDROOT", "x", "", sigv4.InvalidSignature},
		{"the root with a session token", "AKIDROOT", "root-secret", "x", iam.UnrecognizedClient},
		{"a user", "AKIDALICE", "alice-secret", "", alice.ARN},
		{"a user with another secret", "AKIDALICE", "x", "", sigv4.InvalidSignature},
		{"long-term credentials with a session token", "AKIDALICE", "alice-secret", "session-token", iam.UnrecognizedClient},
		{"a session", "ASIAALICE", "session-secret", "session-token", alice.ARN},
		{"a session without its token", "ASIAALICE", "session-secret", "", iam.UnrecognizedClient},
		{"a session with another token", "ASIAALICE", "session-secret", "session-tokem", iam.UnrecognizedClient},
		{"a session with another secret", "ASIAALICE", "x", "session-token", sigv4.InvalidSignature},
		{"an access key that does not exist", "AKIDNOBODY", "x", "", iam.UnrecognizedClient},
		{"an access key that does not exist, with a token", "AKIDNOBODY", "x", "y", iam.UnrecognizedClient},
		{"credentials that have ended", "AKIDOVER", "over", "t", iam.ExpiredToken},
		{"credentials that have ended, with another secret", "AKIDOVER", "x", "t", sigv4.InvalidSignature},
		{"credentials that have ended, with another token", "AKIDOVER", "over", "x", iam.UnrecognizedClient},
		{"credentials that end soon", "AKIDSOON", "soon", "", alice.ARN},
	} {
		t.Run(c.name, func(t *testing.T) {
			p, err := a.Authenticate(t.Context(), signed(t, c.key, c.secret, c.token, time.Now()), body)
			checkAnswer(t, p, err, c.want)
		})
	}
	t.Run("the answers in full", func(t *testing.T) {
		for want, r := range map[string]*http.Request{
			"The security token included in the request is invalid.": signed(t, "AKIDNOBODY", "x", "", time.Now()),
			"The security token included in the request is expired":  signed(t, "AKIDOVER", "over", "t", time.Now()),
		} {
			if _, err := a.Authenticate(t.Context(), r, body); err == nil || err.Error() != want {
				t.Errorf("got %v, want %s", err, want)
			}
		}
	})
	t.Run("another body", func(t *testing.T) {
		p, err := a.Authenticate(t.Context(), signed(t, "AKIDROOT", "root-secret", "", time.Now()), []byte("{}"))
		checkAnswer(t, p, err, sigv4.InvalidSignature)
	})
	t.Run("no signature", func(t *testing.T) {
		p, err := a.Authenticate(t.Context(), httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/", nil), nil)
		checkAnswer(t, p, err, sigv4.MissingAuthenticationToken)
	})
	t.Run("an old signature", func(t *testing.T) {
		p, err := a.Authenticate(t.Context(), signed(t, "AKIDROOT", "root-secret", "", time.Now().Add(-6*time.Minute)), body)
		checkAnswer(t, p, err, sigv4.InvalidSignature)
	})
	t.Run("no root and no store", func(t *testing.T) {
		nobody := iam.NewAuthenticator(iam.Options{Region: region, Account: account, Service: service})
		for _, key := range []string{"AKIDROOT", "x"} {
			p, err := nobody.Authenticate(t.Context(), signed(t, key, "root-secret", "", time.Now()), body)
			checkAnswer(t, p, err, iam.UnrecognizedClient)
		}
	})
}

func checkAnswer(t *testing.T, p *iam.Principal, err error, want string) {
	t.Helper()
	if err == nil {
		if p == nil || p.ARN != want {
			t.Errorf("got %+v, want %s", p, want)
		}
		return
	}
	e, ok := errors.AsType[*chat.Error](err)
	if p != nil || !ok || e.Code != chat.Unauthenticated || e.Name != want {
		t.Errorf("got %+v and %v, want %s", p, err, want)
	}
}

func TestRootNeedsNoStore(t *testing.T) {
	store := newStore()
	store.failure = errors.New("the disk is gone")
	a := newAuthenticator(store)
	p, err := a.Authenticate(t.Context(), signed(t, "AKIDROOT", "root-secret", "", time.Now()), body)
	if err != nil || !p.Root || p.Account != account {
		t.Errorf("got %+v, %v", p, err)
	}
	if n := store.asked.Load(); n != 0 {
		t.Errorf("the store was asked %d times", n)
	}
	_, err = a.Authenticate(t.Context(), signed(t, "AKIDALICE", "alice-secret", "", time.Now()), body)
	if !errors.Is(err, store.failure) || chat.CodeOf(err) != chat.Internal {
		t.Errorf("got %v, want the store's failure", err)
	}
}

func TestCache(t *testing.T) {
	alicesKey := func(t *testing.T) *http.Request { return signed(t, "AKIDALICE", "alice-secret", "", time.Now()) }
	t.Run("an answer is good for two seconds", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			store := newStore()
			a := newAuthenticator(store)
			for range 5 {
				if _, err := a.Authenticate(t.Context(), alicesKey(t), body); err != nil {
					t.Fatal(err)
				}
			}
			if n := store.asked.Load(); n != 1 {
				t.Errorf("the store was asked %d times", n)
			}
			delete(store.credentials, "AKIDALICE")
			time.Sleep(iam.MaxCacheFor)
			p, err := a.Authenticate(t.Context(), alicesKey(t), body)
			checkAnswer(t, p, err, iam.UnrecognizedClient)
		})
	})
	t.Run("so is the answer that there are none", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			store := &memory{}
			a := newAuthenticator(store)
			for range 5 {
				p, err := a.Authenticate(t.Context(), alicesKey(t), body)
				checkAnswer(t, p, err, iam.UnrecognizedClient)
			}
			if n := store.asked.Load(); n != 1 {
				t.Errorf("the store was asked %d times", n)
			}
			store.credentials = newStore().credentials
			time.Sleep(iam.MaxCacheFor)
			if _, err := a.Authenticate(t.Context(), alicesKey(t), body); err != nil {
				t.Errorf("after two seconds: %v", err)
			}
		})
	})
	t.Run("a failure is not remembered", func(t *testing.T) {
		store := newStore()
		store.failure = errors.New("busy")
		a := newAuthenticator(store)
		if _, err := a.Authenticate(t.Context(), alicesKey(t), body); err == nil {
			t.Fatal("the failure got lost")
		}
		store.failure = nil
		if _, err := a.Authenticate(t.Context(), alicesKey(t), body); err != nil {
			t.Error(err)
		}
	})
	t.Run("a longer time than two seconds is cut", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			store := newStore()
			a := iam.NewAuthenticator(iam.Options{Region: region, Service: service, Store: store, CacheFor: time.Hour})
			for range 2 {
				if _, err := a.Authenticate(t.Context(), alicesKey(t), body); err != nil {
					t.Fatal(err)
				}
				time.Sleep(iam.MaxCacheFor)
			}
			if n := store.asked.Load(); n != 2 {
				t.Errorf("the store was asked %d times", n)
			}
		})
	})
	t.Run("less than zero asks every time", func(t *testing.T) {
		store := newStore()
		a := iam.NewAuthenticator(iam.Options{Region: region, Service: service, Store: store, CacheFor: -1})
		for range 3 {
			if _, err := a.Authenticate(t.Context(), alicesKey(t), body); err != nil {
				t.Fatal(err)
			}
		}
		if n := store.asked.Load(); n != 3 {
			t.Errorf("the store was asked %d times", n)
		}
	})
	t.Run("many at once ask once, and one that is canceled does not fail the others", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			store := newStore()
			store.answer = make(chan struct{})
			a := newAuthenticator(store)
			gone, leave := context.WithCancel(t.Context())
			first := make(chan error, 1)
			go func() {
				_, err := a.Authenticate(gone, alicesKey(t), body)
				first <- err
			}()
			synctest.Wait()
			others := make(chan error, 10)
			for range cap(others) {
				go func() {
					_, err := a.Authenticate(t.Context(), alicesKey(t), body)
					others <- err
				}()
			}
			synctest.Wait()
			leave()
			if err := <-first; !errors.Is(err, context.Canceled) {
				t.Errorf("who went away got %v", err)
			}
			close(store.answer)
			for range cap(others) {
				if err := <-others; err != nil {
					t.Error(err)
				}
			}
			if n := store.asked.Load(); n != 1 {
				t.Errorf("the store was asked %d times", n)
			}
		})
	})
	t.Run("a store that does not answer", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			store := newStore()
			store.answer = make(chan struct{})
			if _, err := newAuthenticator(store).Authenticate(t.Context(), alicesKey(t), body); !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("got %v", err)
			}
		})
	})
}

func BenchmarkAuthenticate(b *testing.B) {
	for _, c := range []struct{ name, key string }{{"user", "AKIDALICE"}, {"unknown", "AKIDNOBODY"}} {
		b.Run(c.name, func(b *testing.B) {
			a := newAuthenticator(newStore())
			r := signed(b, c.key, "alice-secret", "", time.Now())
			b.ReportAllocs()
			for b.Loop() {
				if _, err := a.Authenticate(b.Context(), r, body); (err == nil) != (c.key == "AKIDALICE") {
					b.Fatal(err)
				}
			}
		})
	}
}
