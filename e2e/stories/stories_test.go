// Package stories runs what a user could have typed: each .txtar file is a
// session in a shell with the real program, one process per command.
package stories

import (
	"os"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"confab/internal/cli"
)

// runConfab in the environment makes a process of this test the program.
const runConfab = "STORIES_RUN_CONFAB"

func TestMain(m *testing.M) {
	if os.Getenv(runConfab) != "" {
		confab()
	}
	testscript.Main(m, map[string]func(){"confab": confab})
}

func confab() {
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
				port, err := freePort(t.Context())
				if err != nil {
					return err
				}
				env.Setenv(name, port)
			}
			return nil
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"exits":           exits,
			"occupy":          occupy,
			"ready":           ready,
			"stop":            stop,
			"get":             get,
			"ivschat":         callAPI,
			"eventually":      eventually,
			"use-credentials": useCredentials,
		},
	})
}
