package fault

import (
	"bufio"
	"fmt"
	"os"
	"os/exec"
	"testing"
	"time"

	"confab/internal/testbed/process"
)

// TestSetClock changes the clock of a Go program while it runs: this test's
// binary, which prints the time for every line that it reads.
func TestSetClock(t *testing.T) {
	if os.Getenv("FAULT_CLOCK") != "" {
		start := time.Now()
		for in := bufio.NewScanner(os.Stdin); in.Scan(); {
			fmt.Println("clock", time.Now().Unix(), int(time.Since(start).Seconds()))
		}
		os.Exit(0)
	}
	cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestSetClock$")
	cmd.Env = append(os.Environ(), "FAULT_CLOCK=1")
	child := process.StartChild(t, cmd)
	ahead := func() time.Duration {
		t.Helper()
		child.Tell(t, "")
		var unix int64
		var elapsed int
		if _, err := fmt.Sscanf(child.Line(t), "clock %d %d", &unix, &elapsed); err != nil {
			t.Fatal(err)
		}
		if elapsed > 60 {
			t.Errorf("the monotonic clock went %d s", elapsed)
		}
		return time.Until(time.Unix(unix, 0)).Round(5 * time.Second)
	}
	if got := ahead(); got != 0 {
		t.Errorf("%s ahead at the start", got)
	}
	for _, want := range []time.Duration{10 * time.Minute, -time.Hour, 0} {
		if err := SetClock(cmd.Process, want); err != nil {
			t.Fatal(err)
		}
		if got := ahead(); got != want {
			t.Errorf("%s ahead, want %s", got, want)
		}
	}
	child.End(t)
}
