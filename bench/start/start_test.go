// Package start measures how long a command takes to start. A person waits for that at each
// completion.
package start

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"confab/internal/testbed/process"
)

func TestMain(m *testing.M) { process.Exit(m.Run()) }

// bare is a Go program that does nothing.
const bare = `package main

func main() {}
`

// BenchmarkStart starts confab and a bare Go program in turns, and reports the median of the
// wall time and the mean of the processor time of each, and their ratio: on a busy machine
// the ratio is what can be compared. A command that is completed asks no server here.
func BenchmarkStart(b *testing.B) {
	confab, err := process.Binary()
	if err != nil {
		b.Fatal(err)
	}
	dir := b.TempDir()
	source, program := filepath.Join(dir, "bare.go"), filepath.Join(dir, "bare")
	if err := os.WriteFile(source, []byte(bare), 0o600); err != nil {
		b.Fatal(err)
	}
	if out, err := exec.CommandContext(b.Context(), "go", "build", "-o", program, source).CombinedOutput(); err != nil {
		b.Fatalf("%v\n%s", err, out)
	}
	for _, command := range [][]string{{"version"}, {"__complete", "room", "l"}, {"chat", "--help"}} {
		b.Run(command[0], func(b *testing.B) {
			var ours, theirs runs
			for b.Loop() {
				ours.run(b, confab, command...)
				theirs.run(b, program)
			}
			b.ReportMetric(ours.median(), "confab-ms")
			b.ReportMetric(theirs.median(), "bare-ms")
			b.ReportMetric(ours.median()/theirs.median(), "x-bare")
			b.ReportMetric(ours.processor(), "confab-cpu-ms")
			b.ReportMetric(theirs.processor(), "bare-cpu-ms")
			b.ReportMetric(0, "ns/op")
		})
	}
}

// runs are those of one program.
type runs struct {
	wall []time.Duration
	cpu  time.Duration
}

func (r *runs) run(b *testing.B, program string, args ...string) {
	b.Helper()
	cmd := exec.CommandContext(b.Context(), program, args...)
	begin := time.Now()
	if err := cmd.Run(); err != nil {
		b.Fatal(err)
	}
	r.wall = append(r.wall, time.Since(begin))
	r.cpu += cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime()
}

func (r *runs) median() float64 {
	slices.Sort(r.wall)
	return float64(r.wall[len(r.wall)/2]) / float64(time.Millisecond)
}

func (r *runs) processor() float64 {
	return float64(r.cpu) / float64(len(r.wall)) / float64(time.Millisecond)
}
