package chatlog_test

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
)

const (
	region  = "us-west-2"
	account = "123456789012"

	accessKeyID     = "AKIDTESTLOGGING00001"
	secretAccessKey = "a-secret-for-tests-only"
)

func TestMain(m *testing.M) {
	if dir := os.Getenv(crashDir); dir != "" {
		fmt.Fprintln(os.Stderr, work(dir, os.Getenv(crashEndpoint)))
		os.Exit(1)
	}
	status := m.Run()
	for _, stop := range stopServers {
		stop()
	}
	os.Exit(status)
}

// stopServers ends the servers that tests have started.
var stopServers []func()

// moto starts moto_server, which speaks the protocols of S3, CloudWatch Logs and
// Firehose, once for all tests.
var moto = sync.OnceValues(func() (string, error) {
	return startServer("moto_server", func(port string) []string { return []string{"-H", "127.0.0.1", "-p", port} }, "install it with: pip install 'moto[server]'")
})

// versitygw starts a real S3 server on a directory, once for all tests.
var versitygw = sync.OnceValues(func() (string, error) {
	dir, err := os.MkdirTemp("", "confab-versitygw-")
	if err != nil {
		return "", err
	}
	stopServers = append(stopServers, func() { os.RemoveAll(dir) })
	data := filepath.Join(dir, "data")
	if err := os.Mkdir(data, 0o700); err != nil {
		return "", err
	}
	// With -n, go tool builds the program into its cache and says where it is.
	const module = "../../tools/versitygw/go.mod"
	build := exec.Command("go", "tool", "-modfile="+module, "-n", "versitygw")
	build.Stderr = os.Stderr
	binary, err := build.Output()
	if err != nil {
		return "", fmt.Errorf("versitygw cannot be built from %s: %w", module, err)
	}
	os.Setenv("ROOT_ACCESS_KEY", accessKeyID)
	os.Setenv("ROOT_SECRET_KEY", secretAccessKey)
	return startServer(strings.TrimSpace(string(binary)), func(port string) []string {
		return []string{"--region", region, "--port", "127.0.0.1:" + port, "--quiet", "posix", "--sidecar", dir, data}
	}, "")
})

// startServer starts a program and waits until it listens.
func startServer(program string, args func(port string) []string, hint string) (string, error) {
	path, err := exec.LookPath(program)
	if err != nil {
		return "", fmt.Errorf("%s is not installed; %s", program, hint)
	}
	port, err := freePort()
	if err != nil {
		return "", err
	}
	log, err := os.CreateTemp("", "confab-test-server-")
	if err != nil {
		return "", err
	}
	server := exec.Command(path, args(port)...)
	server.Stdout, server.Stderr = log, log
	if err := server.Start(); err != nil {
		return "", err
	}
	gone := make(chan struct{})
	go func() {
		defer close(gone)
		server.Wait()
	}()
	stopServers = append(stopServers, func() {
		server.Process.Kill()
		<-gone
		os.Remove(log.Name())
	})
	url := "http://127.0.0.1:" + port
	for deadline := time.Now().Add(time.Minute); ; {
		if resp, err := http.Get(url); err == nil {
			resp.Body.Close()
			return url, nil
		}
		select {
		case <-gone:
			out, _ := os.ReadFile(log.Name())
			return "", fmt.Errorf("%s has ended:\n%s", program, out)
		case <-time.After(20 * time.Millisecond):
		}
		if time.Now().After(deadline) {
			return "", fmt.Errorf("%s does not answer for a minute", program)
		}
	}
}

func freePort() (string, error) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	defer ln.Close()
	_, port, err := net.SplitHostPort(ln.Addr().String())
	return port, err
}

// server is the endpoint that start returns; without it there is no test.
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
		Credentials: credentials.NewStaticCredentialsProvider(accessKeyID, secretAccessKey, ""),
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
