package process

import (
	"testing"

	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/ivschat"
)

// NoConnectRates lets the clients of a test connect as often as they like: they
// all come from one address.
var NoConnectRates = []string{"--connect-rate-per-user", "0", "--connect-rate-per-address", "0"}

// Tail is the end of an output that a failed test shows.
func Tail(output string) string { return output[max(0, len(output)-8000):] }

// Serve starts a server for a test, in a directory of its own unless o names
// one. The end of the test stops it and expects exit status 0; a test that
// failed shows the end of its log.
func Serve(t testing.TB, o Options) *Server {
	t.Helper()
	if o.DataDir == "" {
		o.DataDir = t.TempDir()
	}
	s, err := Start(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Stop(); err != nil {
			t.Error(err)
		}
		if t.Failed() {
			t.Log(Tail(s.Log()))
		}
	})
	return s
}

// API returns the AWS SDK for Go with nothing but the endpoint changed, as the
// administrator.
func (s *Server) API() *ivschat.Client { return s.APIOf(AccessKeyID, SecretAccessKey) }

// APIOf is API with other credentials.
func (s *Server) APIOf(accessKeyID, secretAccessKey string) *ivschat.Client {
	return ivschat.New(ivschat.Options{
		Region: Region, BaseEndpoint: &s.Endpoint,
		Credentials: credentials.NewStaticCredentialsProvider(accessKeyID, secretAccessKey, ""),
	})
}
