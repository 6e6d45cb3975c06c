package chatlog_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"

	"confab/internal/awstest"
	"confab/internal/pgtest"
)

const (
	region  = awstest.Region
	account = "123456789012"
)

func TestMain(m *testing.M) {
	if dir := os.Getenv(crashDir); dir != "" {
		fmt.Fprintln(os.Stderr, work(dir, os.Getenv(crashDatabase), os.Getenv(crashEndpoint)))
		os.Exit(1)
	}
	status := pgtest.Run(m)
	servers.stop()
	os.Exit(status)
}

// servers are those that tests have started.
var servers running

type running struct {
	mu  sync.Mutex
	all []func() // functions that stop them
}

func (r *running) add(end func()) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.all = append(r.all, end)
}

func (r *running) stop() {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, end := range r.all {
		end()
	}
}

// moto starts moto_server, which speaks the protocols of S3, CloudWatch Logs and
// Firehose, once for all tests.
var moto = sync.OnceValues(func() (string, error) {
	s, err := awstest.StartMoto(context.Background())
	if err != nil {
		return "", err
	}
	servers.add(s.Close)
	return s.URL, nil
})

// versitygw starts a real S3 server on a directory, once for all tests.
var versitygw = sync.OnceValues(func() (string, error) {
	dir, err := os.MkdirTemp("", "confab-versitygw-")
	if err != nil {
		return "", err
	}
	s, err := awstest.StartVersitygw(context.Background(), dir)
	if err != nil {
		return "", errors.Join(err, os.RemoveAll(dir))
	}
	servers.add(func() {
		s.Close()
		os.RemoveAll(dir)
	})
	return s.URL, nil
})

// server returns the endpoint of start, or fails the test.
func server(t testing.TB, start func() (string, error)) string {
	t.Helper()
	url, err := start()
	if err != nil {
		t.Fatal(err)
	}
	return url
}

// awsConfig is the configuration of clients of the endpoint.
func awsConfig(endpoint string) aws.Config {
	return aws.Config{
		Region: region, BaseEndpoint: &endpoint,
		Credentials: credentials.NewStaticCredentialsProvider(awstest.AccessKeyID, awstest.SecretAccessKey, ""),
	}
}

func must[T any](v T, err error) func(t testing.TB) T {
	return func(t testing.TB) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

// eventually waits until the condition holds.
func eventually(t testing.TB, within time.Duration, what string, condition func() bool) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), within)
	defer cancel()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for !condition() {
		select {
		case <-tick.C:
		case <-ctx.Done():
			t.Fatalf("after %v: %s", within, what)
		}
	}
}
