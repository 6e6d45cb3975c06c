package fault

import (
	"bufio"
	"fmt"
	"os"
	"os/exec"
	"testing"
	"time"
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
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewReader(out)
	ahead := func() time.Duration {
		t.Helper()
		fmt.Fprintln(in)
		var unix int64
		var elapsed int
		if _, err := fmt.Fscanf(lines, "clock %d %d\n", &unix, &elapsed); err != nil {
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
	in.Close()
	if err := cmd.Wait(); err != nil {
		t.Error(err)
	}
}
