// Package iam answers two questions about a control-plane call: who is calling
// (Authenticator), and may they (Call.Authorize).
//
// A caller is a principal of the account: the root, who may do everything, or a user
// with policies. Credentials come from a CredentialsStore. Only those of the root are
// in the configuration. Requests are signed with AWS Signature Version 4.
package iam

import (
	"context"
	"net/netip"
	"time"

	"confab/internal/chat"
	"confab/internal/policy"
)

// Credentials are an access key and its owner.
type Credentials struct {
	AccessKeyID     string
	SecretAccessKey string
	// SessionToken must come with every request with temporary credentials. It is empty
	// for long-term credentials, which must come without one.
	SessionToken string
	// Expires is when the credentials end; zero is never.
	Expires time.Time
	// CreateTime is when they were made; zero for the root's.
	CreateTime time.Time
	// Principal must not be changed after the credentials were returned.
	Principal *Principal
}

// Principal is the identity behind a request.
type Principal struct {
	ARN     string // arn:aws:iam::<account>:user/<name>, or …:root
	Name    string // of the user; empty for the root
	Account string // 12 digits
	// Root may do everything; policies are ignored.
	Root     bool
	Policies []*policy.Document
	// AccessKeyID and Expires are those of the credentials that the caller used; empty for
	// the root.
	AccessKeyID string
	Expires     time.Time
	// Maker is the user with whose credentials these were created over the API; nil for
	// none. The policies of all makers up the chain bound the principal.
	Maker *Principal
	// Token is the chat token that was sent instead of a signature; nil for a principal
	// with credentials. Its bearer has no policies: the operation decides what it allows.
	Token *chat.Token
	// PolicyError is why the stored policy cannot be read. There are no Policies then,
	// so all calls are denied.
	PolicyError error
	// TokenIssued is when the session token of temporary credentials was made;
	// zero for long-term ones.
	TokenIssued time.Time
}

// CredentialsStore stores credentials.
type CredentialsStore interface {
	// Credentials returns the credentials of an access key. When there are none, the
	// error is a chat.Error with the code NotFound.
	Credentials(ctx context.Context, accessKeyID string) (*Credentials, error)
}

// Call is what is known of a request besides its input: caller, address, time. Policies
// may have conditions on all of it.
type Call struct {
	Principal *Principal
	// SourceIP is the client's address. Behind trusted proxies it is the one that they
	// report.
	SourceIP netip.Addr
	// Time is when the request was received.
	Time      time.Time
	RequestID string
	// UserAgent and Referer are the headers; empty when absent.
	UserAgent, Referer string
	// SecureTransport is true if the client came over TLS.
	SecureTransport bool
}

type callKey struct{}

// WithCall returns a context that carries c.
func WithCall(ctx context.Context, c *Call) context.Context {
	return context.WithValue(ctx, callKey{}, c)
}

// CallFrom returns the Call that ctx carries, or nil, which is always denied.
func CallFrom(ctx context.Context) *Call {
	c, _ := ctx.Value(callKey{}).(*Call)
	return c
}
