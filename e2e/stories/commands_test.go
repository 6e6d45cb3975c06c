package stories

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
	"github.com/rogpeppe/go-internal/testscript"
)

// patience is how long a story waits for something that is about to happen.
const patience = 20 * time.Second

// exits STATUS PROGRAM ARG…: like exec, for a program that must fail with the
// status and one line on standard error.
func exits(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: exits STATUS PROGRAM ARG…")
	}
	want, err := strconv.Atoi(args[0])
	ts.Check(err)
	err = ts.Exec(args[1], args[2:]...)
	status := 0
	if exit, ok := errors.AsType[*exec.ExitError](err); ok {
		status = exit.ExitCode()
	} else if err != nil {
		ts.Fatalf("%v", err)
	}
	if status != want {
		ts.Fatalf("exit status %d, want %d", status, want)
	}
	if lines := bytes.Count([]byte(ts.ReadFile("stderr")), []byte("\n")); lines != 1 {
		ts.Fatalf("%d lines on standard error, want one:\n%s", lines, ts.ReadFile("stderr"))
	}
}

// occupy ADDRESS: listens there until the story ends.
func occupy(ts *testscript.TestScript, _ bool, args []string) {
	ln, err := new(net.ListenConfig).Listen(context.Background(), "tcp", args[0])
	ts.Check(err)
	ts.Defer(func() { ln.Close() })
}

// ready ADDRESS: waits until the server there says that it is.
func ready(ts *testscript.TestScript, _ bool, args []string) {
	until(ts, func() error {
		status, body, err := fetch("http://" + args[0] + "/readyz")
		if err == nil && status != http.StatusOK {
			err = fmt.Errorf("%d %s", status, body)
		}
		return err
	})
}

// until tries again and again, until do succeeds or patience ends.
func until(ts *testscript.TestScript, do func() error) {
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for end := time.Now().Add(patience); ; <-tick.C {
		err := do()
		if err == nil {
			return
		}
		if time.Now().After(end) {
			ts.Fatalf("still: %v", err)
		}
	}
}

func fetch(url string, headers ...string) (status int, body string, err error) {
	r, err := http.NewRequestWithContext(context.Background(), http.MethodGet, url, nil)
	if err != nil {
		return 0, "", err
	}
	for _, h := range headers {
		name, value, _ := strings.Cut(h, ": ")
		if name == "Host" {
			r.Host = value
		}
		r.Header.Set(name, value)
	}
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		return 0, "", err
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	return resp.StatusCode, string(text), err
}

// connect FILE: connects once to the server of AWS_ENDPOINT_URL_IVSCHAT with the chat token that
// the file begins with.
func connect(ts *testscript.TestScript, _ bool, args []string) {
	token, _, _ := strings.Cut(ts.ReadFile(args[0]), "\t")
	r, err := http.NewRequestWithContext(context.Background(), http.MethodGet, ts.Getenv("AWS_ENDPOINT_URL_IVSCHAT"), nil)
	ts.Check(err)
	for name, value := range map[string]string{
		"Connection": "Upgrade", "Upgrade": "websocket", "Sec-WebSocket-Version": "13",
		"Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==", "Sec-WebSocket-Protocol": token,
	} {
		r.Header.Set(name, value)
	}
	res, err := http.DefaultClient.Do(r)
	ts.Check(err)
	ts.Check(res.Body.Close())
	if res.StatusCode != http.StatusSwitchingProtocols {
		ts.Fatalf("the handshake was answered with %s", res.Status)
	}
}

// terminate NAME: sends SIGTERM to the one program in the background; NAME is for the
// reader. It is not called stop: that command of testscript ends the story.
func terminate(ts *testscript.TestScript, _ bool, _ []string) {
	running := ts.BackgroundCmds()
	if len(running) != 1 {
		ts.Fatalf("%d programs in the background, want one", len(running))
	}
	ts.Check(running[0].Process.Signal(syscall.SIGTERM))
}

// stop-pid FILE: sends SIGTERM to the process whose id is in the file.
func stopPID(ts *testscript.TestScript, _ bool, args []string) {
	pid, err := strconv.Atoi(strings.TrimSpace(ts.ReadFile(args[0])))
	ts.Check(err)
	ts.Check(syscall.Kill(pid, syscall.SIGTERM))
}

// get URL [HEADER...]: prints what is there; fails unless it is there.
func get(ts *testscript.TestScript, neg bool, args []string) {
	status, body, err := fetch(args[0], args[1:]...)
	ts.Check(err)
	fmt.Fprint(ts.Stdout(), body)
	if (status == http.StatusOK) == neg {
		ts.Fatalf("%s answers %d", args[0], status)
	}
}

// ivschat OPERATION JSON: calls the API on $PORT with the credentials of the
// AWS_… variables. Prints the answer, and a refusal as "STATUS NAME MESSAGE" on
// standard error.
func callAPI(ts *testscript.TestScript, neg bool, args []string) {
	if err := call(ts, args); (err != nil) != neg {
		ts.Fatalf("%s: %v", args[0], err)
	}
}

// disconnect FILE: calls DisconnectUser with the JSON in the file.
func disconnect(ts *testscript.TestScript, _ bool, args []string) {
	ts.Check(call(ts, []string{"DisconnectUser", ts.ReadFile(args[0])}))
}

// eventually ! ivschat OPERATION JSON: waits until the call is refused.
func eventually(ts *testscript.TestScript, _ bool, args []string) {
	if len(args) < 3 || args[0] != "!" || args[1] != "ivschat" {
		ts.Fatalf("usage: eventually ! ivschat OPERATION JSON")
	}
	until(ts, func() error {
		if call(ts, args[2:]) == nil {
			return errors.New("allowed")
		}
		return nil
	})
}

func call(ts *testscript.TestScript, args []string) error {
	ctx := context.Background()
	body := []byte(args[1])
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://127.0.0.1:"+ts.Getenv("PORT")+"/"+args[0], bytes.NewReader(body))
	ts.Check(err)
	r.Header.Set("Content-Type", "application/json")
	hash := sha256.Sum256(body)
	ts.Check(v4.NewSigner().SignHTTP(ctx, aws.Credentials{
		AccessKeyID:     ts.Getenv("AWS_ACCESS_KEY_ID"),
		SecretAccessKey: ts.Getenv("AWS_SECRET_ACCESS_KEY"),
		SessionToken:    ts.Getenv("AWS_SESSION_TOKEN"),
	}, r, hex.EncodeToString(hash[:]), "ivschat", "us-west-2", time.Now()))
	resp, err := http.DefaultClient.Do(r)
	ts.Check(err)
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	ts.Check(err)
	if resp.StatusCode >= http.StatusBadRequest {
		fmt.Fprintf(ts.Stderr(), "%d %s %s\n", resp.StatusCode, resp.Header.Get("X-Amzn-ErrorType"), text)
		return fmt.Errorf("%d %s", resp.StatusCode, text)
	}
	fmt.Fprintf(ts.Stdout(), "%s\n", text)
	return nil
}

// use-credentials FILE: sets the AWS_… variables to what "confab credentials
// create -o json" printed.
func useCredentials(ts *testscript.TestScript, _ bool, args []string) {
	var c struct{ AccessKeyID, SecretAccessKey, SessionToken string }
	ts.Check(json.Unmarshal([]byte(ts.ReadFile(args[0])), &c))
	ts.Setenv("AWS_ACCESS_KEY_ID", c.AccessKeyID)
	ts.Setenv("AWS_SECRET_ACCESS_KEY", c.SecretAccessKey)
	ts.Setenv("AWS_SESSION_TOKEN", c.SessionToken)
}
