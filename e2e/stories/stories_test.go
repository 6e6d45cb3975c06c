// Package stories runs sessions in a shell that a user could have typed. Each .txtar file is
// one session with the real program, one process per command.
package stories

import (
	"fmt"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"confab/internal/cli"
	"confab/internal/pgtest"
	"confab/internal/testbed/process"
)

// runConfab in the environment makes a process of this test the program.
const runConfab = "STORIES_RUN_CONFAB"

func TestMain(m *testing.M) {
	if os.Getenv(runConfab) != "" {
		confab()
	}
	testscript.Main(tests{m}, map[string]func(){"confab": confab})
}

// tests take the PostgreSQL that they shared along when they end.
type tests struct{ m *testing.M }

func (t tests) Run() int { return pgtest.Run(t.m) }

func confab() {
	signal.Notify(make(chan os.Signal, 1), syscall.SIGPIPE) // As in cmd/confab.
	os.Exit(cli.Run(os.Args[1:], cli.Environment{
		Variables: os.Environ(), In: os.Stdin, Out: os.Stdout, Err: os.Stderr,
	}))
}

func TestStories(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir:                 ".",
		RequireExplicitExec: true,
		Setup: func(env *testscript.Env) error {
			for _, name := range []string{"PORT", "ADMIN_PORT"} {
				address, err := process.FreeAddress(t.Context())
				if err != nil {
					return err
				}
				env.Setenv(name, strings.TrimPrefix(address, "127.0.0.1:"))
			}
			return nil
		},
		Condition: func(name string) (bool, error) {
			if name == "postgres" {
				return pgtest.Available()
			}
			return false, fmt.Errorf("there is no condition %q", name)
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"exits":           exits,
			"occupy":          occupy,
			"ready":           ready,
			"terminate":       terminate,
			"stop-pid":        stopPID,
			"get":             get,
			"ivschat":         callAPI,
			"disconnect":      disconnect,
			"connect":         connect,
			"eventually":      eventually,
			"use-credentials": useCredentials,
			// postgres sets DATABASE to the URL of an empty PostgreSQL database.
			"postgres": func(ts *testscript.TestScript, _ bool, _ []string) {
				ts.Setenv("DATABASE", pgtest.Shared(t).Database(t))
			},
		},
	})
}
