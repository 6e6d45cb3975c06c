package conformance

import (
	"context"
	"crypto/tls"
	"flag"
	"fmt"
	"net/http"
	"os"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"

	"confab/internal/testbed/process"
)

// endpoint is a server that cases are held against.
type endpoint struct {
	api       string // http://host:port
	websocket string // ws://host:port
	region    string
	account   string
	root      aws.Credentials
	// http is the client for both; tls is set where the server speaks TLS.
	http *http.Client
	tls  *tls.Config
}

// subject is the server that all cases share which do not start their own.
var subject *endpoint

// own is the process behind subject, nil when CONFAB_TEST_ENDPOINT names it.
var own *process.Server

// cases counts the named cases that ran and that failed.
var cases struct{ ran, failed atomic.Int64 }

func TestMain(m *testing.M) {
	flag.Parse()
	// Cases wait for a server far more than they compute.
	if err := flag.Set("test.parallel", "48"); err != nil {
		panic(err)
	}
	os.Exit(runAll(m))
}

func runAll(m *testing.M) int {
	defer process.Remove()
	if err := findSubject(); err != nil {
		fmt.Fprintln(os.Stderr, "conformance:", err)
		return 1
	}
	status := m.Run()
	if own != nil {
		if err := own.Stop(); err != nil {
			fmt.Fprintln(os.Stderr, "conformance:", err)
			status = 1
		}
		if err := os.RemoveAll(own.DataDir); err != nil {
			fmt.Fprintln(os.Stderr, "conformance:", err)
		}
	}
	ran, failed := cases.ran.Load(), cases.failed.Load()
	fmt.Printf("conformance: %d of %d cases passed\n", ran-failed, ran)
	return status
}

// findSubject reads the environment, or starts a server.
func findSubject() error {
	if api := os.Getenv("CONFAB_TEST_ENDPOINT"); api != "" {
		subject = &endpoint{
			http: client, api: api, websocket: os.Getenv("CONFAB_TEST_WEBSOCKET"),
			region: os.Getenv("CONFAB_TEST_REGION"), account: os.Getenv("CONFAB_TEST_ACCOUNT_ID"),
			root: aws.Credentials{
				AccessKeyID:     os.Getenv("CONFAB_TEST_ACCESS_KEY_ID"),
				SecretAccessKey: os.Getenv("CONFAB_TEST_SECRET_ACCESS_KEY"),
				SessionToken:    os.Getenv("CONFAB_TEST_SESSION_TOKEN"),
			},
		}
		if subject.websocket == "" || subject.region == "" || subject.account == "" || !subject.root.HasKeys() {
			return fmt.Errorf("CONFAB_TEST_ENDPOINT also needs CONFAB_TEST_WEBSOCKET, _REGION, _ACCOUNT_ID, _ACCESS_KEY_ID and _SECRET_ACCESS_KEY")
		}
		return nil
	}
	dir, err := os.MkdirTemp("", "confab-conformance-")
	if err != nil {
		return err
	}
	own, err = process.Start(context.Background(), process.Options{DataDir: dir, Args: process.NoConnectRates})
	if err != nil {
		return err
	}
	subject = endpointOf(own)
	return nil
}

func endpointOf(s *process.Server) *endpoint {
	return &endpoint{
		http: client, api: s.Endpoint, websocket: s.WebSocket, region: process.Region, account: process.Account,
		root: aws.Credentials{AccessKeyID: process.AccessKeyID, SecretAccessKey: process.SecretAccessKey},
	}
}

// startServer starts a server for one test.
func startServer(t *testing.T, args ...string) *process.Server {
	t.Helper()
	return startServerOn(t, t.TempDir(), args...)
}

func startServerOn(t *testing.T, dir string, args ...string) *process.Server {
	t.Helper()
	return process.Serve(t, process.Options{DataDir: dir, Args: slices.Concat(process.NoConnectRates, args)})
}

// group holds cases together under one name.
func group(t *testing.T, name string, f func(t *testing.T)) {
	t.Helper()
	t.Run(name, func(t *testing.T) {
		t.Parallel()
		f(t)
	})
}

// check is one named case: one fact.
func check(t *testing.T, name string, f func(t *testing.T)) {
	t.Helper()
	t.Run(name, func(t *testing.T) {
		t.Parallel()
		t.Cleanup(func() {
			cases.ran.Add(1)
			if t.Failed() {
				cases.failed.Add(1)
			}
		})
		f(t)
	})
}

// patience is how long a case waits for what must happen soon.
const patience = 15 * time.Second

// client is shared by all cases, so that connections are kept.
var client = &http.Client{
	Timeout:   patience,
	Transport: &http.Transport{MaxIdleConnsPerHost: 64, IdleConnTimeout: 10 * time.Second},
	CheckRedirect: func(*http.Request, []*http.Request) error {
		return http.ErrUseLastResponse
	},
}
