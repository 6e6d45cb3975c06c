package review

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/ivschat/types"

	"confab/internal/testbed/process"
)

// TestExec_killed kills the handler, and then the server: the first is started
// again, and the second leaves no handler behind.
func TestExec_killed(t *testing.T) {
	t.Parallel()
	program := buildFunction(t)
	s := start(t, "exec:"+program, process.Options{})
	ann := s.join(t, s.room(t, types.FallbackResultDeny), "ann")
	allowed := func() bool { return ann.ask(t, "hello").Type == "MESSAGE" }
	eventually(t, "the handler to be warm", allowed)

	pid := running(t, program)
	if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the handler to answer again", allowed)
	if again := running(t, program); again == pid || again == 0 {
		t.Errorf("process %d, then %d", pid, again)
	}
	if err := s.Kill(); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the handler to end", func() bool { return running(t, program) == 0 })
}

// running returns the process that runs the program, 0 if none does.
func running(t *testing.T, program string) int {
	t.Helper()
	links, err := filepath.Glob("/proc/[0-9]*/exe")
	if err != nil {
		t.Fatal(err)
	}
	for _, link := range links {
		if path, err := os.Readlink(link); err == nil && strings.TrimSuffix(path, " (deleted)") == program {
			pid, _ := strconv.Atoi(filepath.Base(filepath.Dir(link)))
			return pid
		}
	}
	return 0
}
