package control_test

import (
	"errors"
	"net/http"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/ivschat"
	"github.com/aws/smithy-go"
	smithyhttp "github.com/aws/smithy-go/transport/http"

	"confab/internal/chat"
	"confab/internal/iam"
)

// newSigned starts a control plane that wants signatures, and returns it with
// the official client of its administrator.
func newSigned(t testing.TB, change func(*options)) (*service, *ivschat.Client) {
	t.Helper()
	const id, secret = "AKIDROOT000000000001", "root-secret-for-tests-only"
	s := newService(t, func(o *options) {
		o.API.Authenticator = iam.NewAuthenticator(iam.Options{
			Region: region, Account: account, Service: "ivschat",
			Root: iam.Credentials{AccessKeyID: id, SecretAccessKey: secret}, Store: o.Store,
		})
		if change != nil {
			change(o)
		}
	})
	return s, s.client(id, secret)
}

// client returns the official client with these credentials. It does not retry.
func (s *service) client(id, secret string) *ivschat.Client {
	return ivschat.New(ivschat.Options{
		Region: region, BaseEndpoint: aws.String(s.url), Retryer: aws.NopRetryer{},
		Credentials: credentials.NewStaticCredentialsProvider(id, secret, ""),
	})
}

// user makes credentials with a policy of these statements, and returns their client.
func (s *service) user(t testing.TB, name, statements string) *ivschat.Client {
	t.Helper()
	id, secret := "AKCF"+chat.NewID(), "the secret of "+name
	err := s.db.CreateCredentials(t.Context(), &iam.Credentials{
		AccessKeyID: id, SecretAccessKey: secret, Principal: &iam.Principal{Name: name},
	}, []byte(`{"Version":"2012-10-17","Statement":[`+statements+`]}`))
	if err != nil {
		t.Fatal(err)
	}
	return s.client(id, secret)
}

// wantException checks what the official client made of an error, and that it
// knows the request id; "" is success.
func wantException(t testing.TB, err error, name string, status int) {
	t.Helper()
	if name == "" {
		if err != nil {
			t.Error(err)
		}
		return
	}
	var api smithy.APIError
	var response *smithyhttp.ResponseError
	if !errors.As(err, &api) || !errors.As(err, &response) {
		t.Errorf("got %v, want %s", err, name)
		return
	}
	if api.ErrorCode() != name || response.HTTPStatusCode() != status || api.ErrorMessage() == "" {
		t.Errorf("got %s %d %q, want %s %d", api.ErrorCode(), response.HTTPStatusCode(), api.ErrorMessage(), name, status)
	}
	if id := response.Response.Header.Get("x-amzn-RequestId"); len(id) != 36 {
		t.Errorf("the request id is %q", id)
	}
}

const (
	denied   = "AccessDeniedException"
	notFound = "ResourceNotFoundException"
)

// wantDenied checks that an error is AccessDenied.
func wantDenied(t testing.TB, err error) {
	t.Helper()
	wantException(t, err, denied, http.StatusForbidden)
}

// wantNotFound checks that an error is ResourceNotFound.
func wantNotFound(t testing.TB, err error) {
	t.Helper()
	wantException(t, err, notFound, http.StatusNotFound)
}
