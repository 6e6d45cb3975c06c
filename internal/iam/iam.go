// Package iam answers two questions about a control-plane call: who is calling
// (Authenticator), and may they (Call.Authorize).
//
// A caller is a principal of the account: the root, who may do everything, or a
// user with policies. Credentials come from a CredentialsStore, except those of
// the root, which are part of the configuration. Requests are signed with AWS
// Signature Version 4.
package iam

import (
	"context"
	"net/netip"
	"time"

	"confab/internal/policy"
)

// Credentials are an access key and whose it is.
type Credentials struct {
	AccessKeyID     string
	SecretAccessKey string
	// SessionToken must come with every request of temporary credentials. It is
	// empty for long-term ones, which must come without.
	SessionToken string
	// Expires is when the credentials end; zero is never.
	Expires time.Time
	// Principal must not be changed once the credentials were handed out.
	Principal *Principal
}

// Principal is who a request acts for.
type Principal struct {
	ARN     string // arn:aws:iam::<account>:user/<name>, or …:root
	Name    string // of the user; empty for the root
	Account string // 12 digits
	// Root may do everything; policies do not matter.
	Root     bool
	Policies []*policy.Document
	// TokenIssued is when the session token of temporary credentials was made;
	// zero for long-term ones.
	TokenIssued time.Time
}

// CredentialsStore is where credentials are kept.
type CredentialsStore interface {
	// Credentials returns those of an access key. When there are none, the
	// error is a chat.Error with the code NotFound.
	Credentials(ctx context.Context, accessKeyID string) (*Credentials, error)
}

// Call is what is known of a request beside its input: who calls, from where,
// when. Policies may make conditions on all of it.
type Call struct {
	Principal *Principal
	// SourceIP is the client's address, behind proxies the one they vouch for.
	SourceIP netip.Addr
	// Time is when the request was received.
	Time      time.Time
	RequestID string
	// UserAgent and Referer are the headers; empty when there were none.
	UserAgent, Referer string
	// SecureTransport says that the client came over TLS.
	SecureTransport bool
}

type callKey struct{}

// WithCall returns a context that carries c.
func WithCall(ctx context.Context, c *Call) context.Context {
	return context.WithValue(ctx, callKey{}, c)
}

// CallFrom returns the Call that ctx carries, or nil, which may do nothing.
func CallFrom(ctx context.Context) *Call {
	c, _ := ctx.Value(callKey{}).(*Call)
	return c
}
