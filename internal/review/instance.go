package review

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"time"
)

// instance is one process of an exec handler, with a Runtime API of its own.
type instance struct {
	handler *execHandler
	began   time.Time
	// over ends when the process has ended; its cause is the reason.
	over context.Context
	end  context.CancelCauseFunc

	mu       sync.Mutex // guards the fields below
	ready    bool
	answered bool
	running  map[string]*running // invocations by id
}

// running is an invocation that the process works on.
type running struct {
	*invocation
	limit *time.Timer
}

// ending is how an instance ended.
type ending struct {
	ready    bool // it had asked for work
	answered bool // it answered at least one message
	why      error
}

// runInstance starts a process and returns when it has ended.
func (e *execHandler) runInstance() ending {
	i := &instance{handler: e, began: time.Now(), running: map[string]*running{}}
	i.over, i.end = context.WithCancelCause(e.ctx)
	why := i.serve()
	i.end(why)
	i.mu.Lock()
	defer i.mu.Unlock()
	e.works(-len(i.running))
	for id, r := range i.running {
		r.limit.Stop()
		r.done <- outcome{err: fmt.Errorf("the program ended: %w", why)}
		delete(i.running, id)
	}
	return ending{i.ready, i.answered, why}
}

// serve runs the process and its Runtime API.
func (i *instance) serve() error {
	e := i.handler
	ln, err := (&net.ListenConfig{}).Listen(e.ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	api := &http.Server{Handler: i.api(), ReadHeaderTimeout: e.times.init, ErrorLog: slog.NewLogLogger(e.log.Handler(), slog.LevelDebug)}
	var serving sync.WaitGroup
	serving.Go(func() { _ = api.Serve(ln) }) // It returns an error when the server is closed.
	defer serving.Wait()
	defer api.Close()
	return i.run(ln.Addr().String())
}

// run runs the process.
func (i *instance) run(address string) error {
	e := i.handler
	// The kernel kills the process when the thread that started it ends
	// (endWithParent), so the goroutine keeps its thread.
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()

	output := &lines{log: e.log}
	//nolint:gosec,noctx // The program is the operator's; its whole process group is ended below.
	cmd := exec.Command(e.program[0], e.program[1:]...)
	cmd.Env = e.environment(address)
	cmd.Stdout, cmd.Stderr = output, output
	// A child that outlives the process must not delay Wait by holding its output open.
	cmd.WaitDelay = time.Second
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	endWithParent(cmd.SysProcAttr)
	if err := cmd.Start(); err != nil {
		return err
	}
	kill := func() { _ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) } // It fails when the group is empty.
	stopKilling := context.AfterFunc(i.over, kill)
	init := time.AfterFunc(e.times.init, i.checkReady)
	defer init.Stop()

	err := cmd.Wait()
	stopKilling()
	kill() // The children that are left.
	output.flush()
	switch cause := context.Cause(i.over); {
	case cause != nil:
		return cause
	case err == nil:
		return errors.New("exit status 0")
	}
	return err
}

// checkReady ends a process that did not ask for work in time.
func (i *instance) checkReady() {
	i.mu.Lock()
	defer i.mu.Unlock()
	if !i.ready {
		i.end(fmt.Errorf("it did not ask the Runtime API for an invocation within %s", i.handler.times.init))
	}
}

// becameReady records that the process asks for work.
func (i *instance) becameReady() {
	i.mu.Lock()
	defer i.mu.Unlock()
	if i.ready || i.over.Err() != nil {
		return
	}
	i.ready = true
	i.handler.becameReady()
	i.handler.log.LogAttrs(i.over, slog.LevelDebug, "Instance of a message review handler ready", slog.Duration("after", time.Since(i.began)))
}

// take records that the process works on an invocation. When the process is about to
// end, the invocation fails and take returns false.
func (i *instance) take(inv *invocation) bool {
	i.mu.Lock()
	defer i.mu.Unlock()
	if i.over.Err() != nil {
		inv.done <- outcome{err: fmt.Errorf("the program ended: %w", context.Cause(i.over))}
		return false
	}
	busy := i.handler.times.busy
	i.running[inv.id] = &running{inv, time.AfterFunc(busy, func() {
		i.end(fmt.Errorf("it did not answer within %s", busy))
	})}
	i.handler.works(1)
	return true
}

// works reports whether the process works on the invocation with that id.
func (i *instance) works(id string) bool {
	i.mu.Lock()
	defer i.mu.Unlock()
	return i.running[id] != nil
}

// finish passes on the outcome of an invocation.
func (i *instance) finish(id string, o outcome) {
	i.mu.Lock()
	defer i.mu.Unlock()
	if r := i.running[id]; r != nil {
		i.answered = true
		i.handler.works(-1)
		r.limit.Stop()
		r.done <- o
		delete(i.running, id)
	}
}

// environment returns the environment of the process: ours without our settings and
// secrets, and the variables that Lambda defines (Lambda developer guide, "Defined
// runtime environment variables").
func (e *execHandler) environment(address string) []string {
	var env []string
	for _, v := range os.Environ() {
		if !strings.HasPrefix(v, "CONFAB_") && !strings.HasPrefix(v, "LISTEN_") {
			env = append(env, v)
		}
	}
	region := os.Getenv("AWS_REGION")
	if region == "" {
		region = e.region
	}
	dir, _ := filepath.Abs(filepath.Dir(e.program[0])) // Without a working directory it stays relative, like the program's path.
	return append(
		env,
		"AWS_LAMBDA_RUNTIME_API="+address,
		"_HANDLER="+filepath.Base(e.program[0]),
		"AWS_LAMBDA_FUNCTION_NAME="+e.name,
		"AWS_LAMBDA_FUNCTION_VERSION=$LATEST",
		"AWS_LAMBDA_FUNCTION_MEMORY_SIZE=128",
		"AWS_LAMBDA_INITIALIZATION_TYPE=on-demand",
		"AWS_LAMBDA_LOG_GROUP_NAME=/aws/lambda/"+e.name,
		"AWS_LAMBDA_LOG_STREAM_NAME=confab",
		"AWS_REGION="+region,
		"AWS_DEFAULT_REGION="+region,
		"LAMBDA_TASK_ROOT="+dir,
	)
}

// functionName returns the function's name in the pattern's ARN, or the program's name
// if the pattern leaves it open.
func functionName(pattern, program string) string {
	if parts := strings.Split(pattern, ":"); len(parts) >= 7 && !strings.Contains(parts[6], "*") {
		return parts[6]
	}
	return filepath.Base(program)
}
