package process

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"testing"
)

// Child is a program that a test leads line by line: it reads what it is to do
// from its standard input and tells what becomes of it on its standard output.
// Its standard error is the test's, unless the command says otherwise. One
// goroutine may write to it while another reads.
type Child struct {
	// Out is its standard output: for more than Line reads.
	Out *bufio.Reader

	in  io.WriteCloser
	cmd *exec.Cmd
}

// StartChild starts a command that was made with the context of the test, whose
// end therefore kills it. End asks a child to end by itself.
func StartChild(t testing.TB, cmd *exec.Cmd) *Child {
	t.Helper()
	if cmd.Stderr == nil {
		cmd.Stderr = os.Stderr
	}
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
	t.Cleanup(func() {
		in.Close()
		cmd.Wait() //nolint:errcheck // It was killed, or has ended before.
	})
	return &Child{Out: bufio.NewReader(out), in: in, cmd: cmd}
}

// Tell writes a line to the child; one without text is a line too.
func (c *Child) Tell(t testing.TB, line string) {
	t.Helper()
	if _, err := fmt.Fprintln(c.in, line); err != nil {
		t.Fatal(err)
	}
}

// Line waits for the next line of the child and returns it without its end.
func (c *Child) Line(t testing.TB) string {
	t.Helper()
	line, err := c.Out.ReadString('\n')
	if err != nil {
		t.Fatalf("the child says no more: %q, %v", line, err)
	}
	return strings.TrimSuffix(line, "\n")
}

// End closes the child's input, which is how it learns that it shall end, and
// expects exit status 0.
func (c *Child) End(t testing.TB) {
	t.Helper()
	c.in.Close()
	if err := c.cmd.Wait(); err != nil {
		t.Error(err)
	}
}
