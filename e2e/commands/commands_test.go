// Package commands tests the commands that are clients of the API, as a user types them: the
// examples of their help, terminals, load, and faults of the connection to the server.
package commands

import (
	"context"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"confab/internal/cli"
	"confab/internal/pgtest"
	"confab/internal/testbed/process"
)

// runConfab in the environment makes a process of this test the program.
const runConfab = "COMMANDS_RUN_CONFAB"

func TestMain(m *testing.M) {
	if os.Getenv(runConfab) != "" {
		signal.Notify(make(chan os.Signal, 1), syscall.SIGPIPE) // As in cmd/confab.
		os.Exit(cli.Run(os.Args[1:], cli.Environment{
			Variables: os.Environ(), In: os.Stdin, Out: os.Stdout, Err: os.Stderr,
		}))
	}
	process.Exit(pgtest.Run(m))
}

// environment is that of a shell that has confab and knows a server.
func environment(t *testing.T, endpoint string) []string {
	t.Helper()
	bin := t.TempDir()
	script := "#!/bin/sh\n" + runConfab + "=1 exec '" + os.Args[0] + "' \"$@\"\n"
	if err := os.WriteFile(filepath.Join(bin, "confab"), []byte(script), 0o700); err != nil {
		t.Fatal(err)
	}
	return []string{
		"PATH=" + bin + ":" + os.Getenv("PATH"), "HOME=" + t.TempDir(),
		"AWS_ENDPOINT_URL_IVSCHAT=" + endpoint, "AWS_REGION=" + process.Region, "AWS_DEFAULT_REGION=" + process.Region, "AWS_EC2_METADATA_DISABLED=true",
		"AWS_ACCESS_KEY_ID=" + process.AccessKeyID, "AWS_SECRET_ACCESS_KEY=" + process.SecretAccessKey,
	}
}

// shell runs a script and returns what it printed.
func shell(t *testing.T, env []string, dir, script string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, "bash", "-c", "set -euo pipefail\n"+script)
	cmd.Env, cmd.Dir = env, dir
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Errorf("%s\n%v\n%s", script, err, out)
	}
	return string(out)
}
