package iam

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"log/slog"
	"net/http"
	"sync"
	"time"

	"golang.org/x/time/rate"

	"confab/internal/chat"
	"confab/internal/sigv4"
)

// The names of the refusals that are not made by sigv4.
const (
	UnrecognizedClient = "UnrecognizedClientException"
	ExpiredToken       = "ExpiredTokenException"
)

// Options are what an Authenticator needs.
type Options struct {
	Region  string // the only one that requests may be signed for
	Account string // the root's
	Service string // the name in the credential scope: ivschat
	// Root are the administrator's credentials; without an access key id there are
	// none. NewAuthenticator sets its Principal.
	Root  Credentials
	Store CredentialsStore
	Now   func() time.Time // nil is time.Now
	// CacheFor is how long an answer of the store is valid. It is also how long a
	// deleted credential still works, so it is at most MaxCacheFor, which is also the
	// default for zero. A negative value reads the store every time.
	CacheFor time.Duration
	// Log gets details of signatures that do not match; nil discards them.
	Log *slog.Logger
}

// MaxCacheFor is the longest time between a change of credentials and its
// effect.
const MaxCacheFor = 2 * time.Second

// Authenticator identifies the signer of a request. It is safe for concurrent use.
type Authenticator struct {
	region, service string
	root            Credentials
	cache           *cache
	now             func() time.Time
	// noSecret replaces the secret of an access key that does not exist.
	noSecret string
	log      *slog.Logger
	// searches limits the searches for what a proxy has changed.
	searches *rate.Limiter
	// proxyWarning limits the warning about a proxy that breaks signatures.
	proxyWarning rate.Sometimes
	// policyWarnings limits the warnings about stored policies that cannot be read: a
	// *rate.Sometimes for each name of a principal.
	policyWarnings sync.Map
}

// The limits of searches for what a proxy has changed. Any caller who knows an access key
// id can cause one with a wrong signature. A search takes 0.1 ms, and up to 16 ms with
// 60 KB of headers that are made for it (sigv4's BenchmarkSearch), 500 times as long as
// the check of a signature. So one search a second takes at most 1.6 % of a processor. That
// is enough for a person who tries a configuration, and the burst is enough for the calls
// that a program makes at its start. Other refusals have the same text
// without the hint, and the warning in the log comes once a minute in any case.
const (
	searchesPerSecond = 1
	searchBurst       = 5
)

// NewAuthenticator makes an Authenticator.
func NewAuthenticator(o Options) *Authenticator {
	a := &Authenticator{region: o.Region, service: o.Service, root: o.Root, now: o.Now, noSecret: rand.Text(), log: o.Log, searches: rate.NewLimiter(searchesPerSecond, searchBurst)}
	a.proxyWarning.Interval = time.Minute
	if a.log == nil {
		a.log = slog.New(slog.DiscardHandler)
	}
	if a.now == nil {
		a.now = time.Now
	}
	if o.CacheFor == 0 || o.CacheFor > MaxCacheFor {
		o.CacheFor = MaxCacheFor
	}
	a.cache = newCache(o.Store, o.CacheFor, a.now)
	a.root.Principal = &Principal{ARN: "arn:aws:iam::" + o.Account + ":root", Account: o.Account, Root: true}
	return a
}

// Authenticate returns the principal that signed r; body is the whole body of r.
// Refusals are chat.Errors with the code Unauthenticated: those of package sigv4,
// UnrecognizedClient for an access key that does not exist or does not belong to the
// session token, ExpiredToken for expired credentials. Any other error means that the
// store failed.
//
// Neither the answer nor its time after the store has answered reveals whether an
// access key exists: a signature is verified for an unknown key, too.
func (a *Authenticator) Authenticate(ctx context.Context, r *http.Request, body []byte) (*Principal, error) {
	auth, err := sigv4.Parse(r)
	if err != nil {
		return nil, err
	}
	now := a.now()
	if err := auth.Check(now, a.region, a.service); err != nil {
		return nil, err
	}
	c, err := a.credentials(ctx, auth.AccessKeyID)
	if err != nil {
		return nil, err
	}
	known := c != nil
	if !known {
		c = &Credentials{SecretAccessKey: a.noSecret, SessionToken: auth.SessionToken}
	}
	sum := sha256.Sum256(body)
	payload := hex.EncodeToString(sum[:])
	wrongSignature := auth.Verify(r, payload, c.SecretAccessKey)
	switch {
	case !equal(auth.SessionToken, c.SessionToken) || !known:
		return nil, refuse(UnrecognizedClient, "The security token included in the request is invalid.")
	case wrongSignature != nil:
		return nil, a.explain(ctx, r, auth, payload, c.SecretAccessKey, wrongSignature)
	case !c.Expires.IsZero() && !now.Before(c.Expires):
		return nil, refuse(ExpiredToken, "The security token included in the request is expired")
	}
	if c.Principal.PolicyError != nil {
		a.warnPolicy(ctx, c.Principal)
	}
	return c.Principal, nil
}

// warnPolicy logs, once a minute, that all calls of a principal are denied because its
// policy cannot be read.
func (a *Authenticator) warnPolicy(ctx context.Context, p *Principal) {
	found, _ := a.policyWarnings.LoadOrStore(p.Name, &rate.Sometimes{Interval: time.Minute})
	limit, _ := found.(*rate.Sometimes) // It always is one.
	limit.Do(func() {
		a.log.LogAttrs(ctx, slog.LevelWarn, "Calls denied, because the stored policy is not valid",
			slog.String("name", p.Name), slog.Any("error", p.PolicyError))
	})
}

// explain logs why a signature was refused. If a proxy changed what the client signed,
// it adds that to the refusal.
func (a *Authenticator) explain(ctx context.Context, r *http.Request, auth *sigv4.Authorization, payload, secret string, refusal error) error {
	var signed sigv4.Signed
	if a.searches.AllowN(a.now(), 1) {
		signed = auth.Search(r, payload, secret)
	}
	request := []slog.Attr{
		slog.String("host", r.Host), slog.String("path", r.URL.EscapedPath()),
		slog.String("signed_host", signed.Host), slog.String("signed_path", signed.Path),
	}
	if a.log.Enabled(ctx, slog.LevelDebug) {
		e := auth.Explain(r, payload)
		a.log.LogAttrs(ctx, slog.LevelDebug, "Signature refused", append(request,
			slog.String("canonical_request", e.CanonicalRequest), slog.String("string_to_sign", e.StringToSign))...)
	}
	hint := signed.Hint()
	if hint == "" {
		return refusal
	}
	a.proxyWarning.Do(func() {
		a.log.LogAttrs(ctx, slog.LevelWarn, "A proxy changes what clients sign, so their calls are refused; configure it to pass Host and path unchanged",
			append(request, slog.String("peer", r.RemoteAddr))...)
	})
	return refuse(sigv4.InvalidSignature, refusal.Error()+" "+hint)
}

// credentials returns the credentials of an access key, nil when there are none.
func (a *Authenticator) credentials(ctx context.Context, accessKeyID string) (*Credentials, error) {
	if a.root.AccessKeyID != "" && a.root.AccessKeyID == accessKeyID {
		return &a.root, nil
	}
	return a.cache.get(ctx, accessKeyID)
}

// equal compares in a time that reveals nothing of either, not even the length.
func equal(a, b string) bool {
	x, y := sha256.Sum256([]byte(a)), sha256.Sum256([]byte(b))
	return subtle.ConstantTimeCompare(x[:], y[:]) == 1
}

func refuse(name, message string) error {
	return &chat.Error{Code: chat.Unauthenticated, Name: name, Message: message}
}
