package review

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/aws/aws-lambda-go/lambda"
	"github.com/aws/aws-lambda-go/lambdacontext"
	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus/testutil"

	"confab/internal/chat"
)

// runFunction makes the test binary act as a Lambda function. Its argument selects the
// start, the content of a message selects the outcome.
func runFunction(args []string) {
	switch args[0] {
	case "answers":
		lambda.Start(function)
	case "with-child":
		child := exec.Command("sleep", "3600")
		if err := child.Start(); err != nil {
			panic(err)
		}
		childPID = child.Process.Pid
		lambda.Start(function)
	case "ends":
		os.Exit(3)
	case "waits":
		select {}
	}
}

var childPID int

type functionAnswer struct {
	ReviewResult, Content string
	Attributes            map[string]string
}

func function(ctx context.Context, event struct{ Content string }) (any, error) {
	a := &functionAnswer{ReviewResult: "ALLOW", Content: event.Content}
	switch verb, rest, _ := strings.Cut(event.Content, " "); verb {
	case "deny":
		a.ReviewResult, a.Attributes = "DENY", map[string]string{"Reason": rest}
	case "env":
		a.Attributes = map[string]string{}
		for name := range strings.FieldsSeq(rest) {
			a.Attributes[name] = os.Getenv(name)
		}
	case "context":
		deadline, _ := ctx.Deadline()
		lc, _ := lambdacontext.FromContext(ctx)
		a.Attributes = map[string]string{"arn": lc.InvokedFunctionArn, "request": lc.AwsRequestID, "left": time.Until(deadline).String()}
	case "pid":
		a.Attributes = map[string]string{"pid": strconv.Itoa(os.Getpid()), "child": strconv.Itoa(childPID)}
	case "prints":
		fmt.Println("out: " + rest)
		fmt.Fprintln(os.Stderr, "err: "+rest)
	case "fails":
		return nil, errors.New(event.Content)
	case "panics":
		panic(event.Content)
	case "exits":
		os.Exit(4)
	case "sleeps":
		d, _ := time.ParseDuration(rest)
		time.Sleep(d) // The test needs a handler that takes this long.
	case "garbage":
		return "hello", nil
	case "big":
		a.Content = strings.Repeat("x", 1<<20)
	case "null":
		return nil, nil
	}
	return a, nil
}

// executable returns the test binary, which is also the function.
func executable(t testing.TB) string {
	t.Helper()
	path, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	return path
}

// newExecFixture runs the function, and waits until it is ready if it can be.
func newExecFixture(t testing.TB, begin string, change ...func(*Options)) *fixture {
	t.Helper()
	f := newFixture(t, "exec:"+executable(t)+" "+begin, append([]func(*Options){timeout(10 * time.Second)}, change...)...)
	if begin != "ends" && begin != "waits" {
		f.await(t, 1)
	}
	return f
}

func (f *fixture) exec() *execHandler { return f.rules[0].handler.(*execHandler) }

// await waits until n instances are ready.
func (f *fixture) await(t testing.TB, n int) {
	t.Helper()
	e := f.exec()
	eventually(t, fmt.Sprintf("%d instances to be ready", n), func() bool {
		e.mu.Lock()
		defer e.mu.Unlock()
		return e.ready == n && e.starting == 0
	})
}

// attributes sends a message and returns the attributes of the answer.
func (f *fixture) attributes(t testing.TB, content string) map[string]string {
	t.Helper()
	m, err := f.review(t, chat.Deny, content)
	if err != nil {
		t.Fatalf("%q: %v: %s", content, err, f.log)
	}
	return m.Attributes
}

func (f *fixture) pids(t testing.TB) (pid, child int) {
	t.Helper()
	a := f.attributes(t, "pid")
	pid, _ = strconv.Atoi(a["pid"])
	child, _ = strconv.Atoi(a["child"])
	if pid == 0 {
		t.Fatalf("no process id in %v", a)
	}
	return pid, child
}

func gone(pid int) bool { return errors.Is(syscall.Kill(pid, 0), syscall.ESRCH) || zombie(pid) }

// zombie reports whether a process has ended and its parent has not waited for it.
func zombie(pid int) bool {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	return err == nil && strings.Contains(string(b), ") Z ")
}

func TestExec(t *testing.T) {
	f := newExecFixture(t, "answers")
	m, err := f.review(t, chat.Deny, "hello")
	if err != nil || m.Content != "hello" {
		t.Fatalf("got %v, %v: %s", m, err, f.log)
	}
	if _, err := f.review(t, chat.Allow, "deny not nice"); err == nil || err.Error() != "not nice" {
		t.Errorf("got %v, want the reason", err)
	}
	first, _ := f.pids(t)
	for range 20 {
		if pid, _ := f.pids(t); pid != first {
			t.Fatalf("process %d, then %d: it is not kept warm", first, pid)
		}
	}
	a := f.attributes(t, "context")
	left, err := time.ParseDuration(a["left"])
	if err != nil || left <= 0 || left > 10*time.Second || a["arn"] != functionARN || len(a["request"]) != 36 {
		t.Errorf("the context is %v, want the time limit, the ARN and a UUID", a)
	}
}

func TestExec_environment(t *testing.T) {
	t.Setenv("CONFAB_ROOT_SECRET_ACCESS_KEY", "secret-of-the-operator")
	t.Setenv("AWS_REGION", "")
	t.Setenv("CANARY", "sings")
	f := newExecFixture(t, "answers", func(o *Options) { o.Region = "eu-west-1" })
	got := f.attributes(t, "env _HANDLER AWS_LAMBDA_FUNCTION_NAME AWS_REGION CANARY CONFAB_ROOT_SECRET_ACCESS_KEY")
	want := map[string]string{
		"_HANDLER": filepath.Base(executable(t)), "AWS_LAMBDA_FUNCTION_NAME": "review", "AWS_REGION": "eu-west-1", "CANARY": "sings",
		"CONFAB_ROOT_SECRET_ACCESS_KEY": "",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestExec_bad(t *testing.T) {
	for _, c := range []struct {
		content string
		want    Result
	}{
		{"fails badly", FunctionError},
		{"panics", FunctionError},
		{"exits", NotInvoked},
		{"garbage", Invalid},
		{"null", Invalid},
		{"big", Invalid},
		{"sleeps 2500ms", TimedOut},
	} {
		t.Run(c.content, func(t *testing.T) {
			t.Parallel()
			f := newExecFixture(t, "answers", timeout(2*time.Second))
			if m, err := f.review(t, chat.Allow, c.content); err != nil || m.Content != c.content {
				t.Errorf("got %v, %v; want the original message", m, err)
			}
			if got := f.result(t); got != c.want {
				t.Errorf("counted as %s, want %s: %s", got, c.want, f.log)
			}
			// And it continues.
			eventually(t, "an answer", func() bool {
				_, err := f.review(t, chat.Deny, "hello")
				return err == nil
			})
		})
	}
}

func TestExec_overlap(t *testing.T) {
	f := newExecFixture(t, "answers", func(o *Options) { o.Instances = 3 })
	var working sync.WaitGroup
	for range 12 {
		working.Go(func() {
			if _, err := f.review(t, chat.Deny, "sleeps 100ms"); err != nil {
				t.Errorf("%v: %s", err, f.log)
			}
		})
	}
	working.Wait()
	f.await(t, 3)
	pids := map[int]bool{}
	eventually(t, "all three to work", func() bool {
		pid, _ := f.pids(t)
		pids[pid] = true
		return len(pids) == 3
	})
}

func TestExec_restart(t *testing.T) {
	f := newExecFixture(t, "with-child")
	pid, child := f.pids(t)
	if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	eventually(t, "another process", func() bool {
		m, err := f.review(t, chat.Deny, "pid")
		return err == nil && m.Attributes["pid"] != strconv.Itoa(pid)
	})
	eventually(t, "the child of the dead one to end", func() bool { return gone(child) })
	if !strings.Contains(f.log.String(), "signal: killed") {
		t.Errorf("the log does not say what happened: %s", f.log)
	}
}

func TestExec_stop(t *testing.T) {
	f := newExecFixture(t, "with-child")
	pid, child := f.pids(t)
	reviewing := make(chan error)
	go func() {
		_, _, err := f.Review(context.Background(), newRoom(chat.Deny), newMessage("sleeps 1h"), "")
		reviewing <- err
	}()
	eventually(t, "the instance to be busy", func() bool {
		f.gate.mu.Lock()
		defer f.gate.mu.Unlock()
		return f.gate.inside[functionARN] == 1
	})
	f.Close()
	if err := <-reviewing; chat.CodeOf(err) != chat.Rejected {
		t.Errorf("got %v; want what the fallback result says", err)
	}
	eventually(t, "all processes to end", func() bool { return gone(pid) && gone(child) })
	if _, err := f.review(t, chat.Deny, "hello"); chat.CodeOf(err) != chat.Rejected {
		t.Errorf("after the end: %v; want what the fallback result says", err)
	}
}

// A handler that does not run delays no message: the fallback result decides at once,
// and start attempts become less frequent.
func TestExec_neverStarts(t *testing.T) {
	for name, target := range map[string]string{"ends": "exec:" + executable(t) + " ends", "missing": "exec:./there/is/none"} {
		t.Run(name, func(t *testing.T) {
			f := newFixture(t, target, timeout(time.Minute))
			eventually(t, "the third attempt", func() bool { return strings.Count(f.log.String(), "starting it again") >= 3 })
			began := time.Now()
			if _, err := f.review(t, chat.Deny, "hello"); chat.CodeOf(err) != chat.Rejected {
				t.Errorf("got %v; want what the fallback result says", err)
			}
			if took := time.Since(began); took > 10*time.Second {
				t.Errorf("it took %s", took)
			}
			for _, delay := range []string{"after=250ms", "after=500ms", "after=1s"} {
				if !strings.Contains(f.log.String(), delay) {
					t.Errorf("no attempt says %q: %s", delay, f.log)
				}
			}
		})
	}
}

// newQuick makes an exec handler with short limits.
func newQuick(t *testing.T, begin string, times execTimes) (*execHandler, *fixture) {
	t.Helper()
	f := newFixture(t, "http://127.0.0.1:1/", timeout(10*time.Second))
	e := newExecTimes(f.o, []string{executable(t), begin}, functionARN, times)
	f.rules[0].handler = e
	return e, f
}

func TestExec_limits(t *testing.T) {
	t.Run("a process that never asks for work is ended", func(t *testing.T) {
		times := defaultTimes
		times.init = 300 * time.Millisecond
		_, f := newQuick(t, "waits", times)
		eventually(t, "the end", func() bool {
			return strings.Contains(f.log.String(), "it did not ask the Runtime API for an invocation within 300ms")
		})
	})
	t.Run("a process that never answers is ended", func(t *testing.T) {
		times := defaultTimes
		times.busy = 200 * time.Millisecond
		_, f := newQuick(t, "answers", times)
		f.await(t, 1)
		if _, err := f.review(t, chat.Deny, "sleeps 1h"); chat.CodeOf(err) != chat.Rejected || f.result(t) != NotInvoked {
			t.Errorf("got %v; want what the fallback result says", err)
		}
		// It had not answered yet, so it is restarted after a delay.
		eventually(t, "the next process to answer", func() bool {
			_, err := f.review(t, chat.Deny, "hello")
			return err == nil
		})
	})
}

func TestExec_output(t *testing.T) {
	f := newExecFixture(t, "answers")
	if _, err := f.review(t, chat.Deny, "prints this"); err != nil {
		t.Fatal(err)
	}
	eventually(t, "both lines", func() bool {
		log := f.log.String()
		return strings.Contains(log, `line="out: this"`) && strings.Contains(log, `line="err: this"`)
	})
	for line := range strings.Lines(f.log.String()) {
		if strings.Contains(line, ": this") && !strings.Contains(line, "level=DEBUG") {
			t.Errorf("what a handler writes is not for this level: %s", line)
		}
	}
}

// Many messages at a time, some of which kill their process: every message gets its own
// outcome.
func TestExec_crowd(t *testing.T) {
	f := newExecFixture(t, "answers", func(o *Options) { o.Instances = 4 })
	const messages = 400
	var working sync.WaitGroup
	slots := make(chan struct{}, 16)
	for n := range messages {
		slots <- struct{}{}
		working.Go(func() {
			defer func() { <-slots }()
			content := fmt.Sprintf("number %d", n)
			if n%50 == 49 {
				content = "exits"
			}
			m, err := f.review(t, chat.Deny, content)
			if err == nil && m.Content != content {
				t.Errorf("%q came back as %q", content, m.Content)
			}
		})
	}
	working.Wait()
	sum := 0.0
	for _, r := range []Result{Allowed, NotInvoked} {
		sum += testutil.ToFloat64(f.metrics.Results.WithLabelValues(functionARN, string(r)))
	}
	if sum != messages {
		t.Errorf("%v of %d messages have an outcome that is possible here: %s", sum, messages, f.log)
	}
	if allowed := testutil.ToFloat64(f.metrics.Results.WithLabelValues(functionARN, string(Allowed))); allowed < messages/2 {
		t.Errorf("only %v of %d were allowed", allowed, messages)
	}
}
